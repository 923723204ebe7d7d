import {
  API_VERSIONS,
  idParamsSchema,
  organizationEnvelope,
  organizationListEnvelope,
  organizationRequestSchema,
} from '../../contract/index.ts';
import {
  createOrganization,
  deleteOrganization,
  getOrganization,
  getOwnOrganization,
  listOrganizations,
  updateOrganization,
} from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toOrganizationBody, toOrganizationInput } from '../views/organizations.ts';

/** What the lists of organizations have in common. */
export const listOfOrganizations = {
  method: 'GET',
  url: '/api/organizations',
  operationId: 'organization.list',
  summary: "List organizations, the partner's own first",
  response: organizationListEnvelope,
} as const;

/** Those within the key's reach. */
export const answerOrganizations: Route['handle'] = async (context) => ({
  data: (await listOrganizations(context)).map(toOrganizationBody),
});

/** Organizations: one's own for everybody, all within reach for partner and deployment keys. */
export const organizationRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    url: '/api/organization',
    versions: since('2025-09-18'),
    operationId: 'organization.getCurrent',
    summary: 'Get the organization of the key',
    response: organizationEnvelope,
    handle: async (context) => ({ data: toOrganizationBody(await getOwnOrganization(context)) }),
  }),
  { ...listOfOrganizations, versions: since('2025-09-18'), callers: 'partner', handle: answerOrganizations },
  defineRoute({
    method: 'POST',
    url: '/api/organizations',
    versions: API_VERSIONS,
    callers: 'partner',
    operationId: 'organization.create',
    summary: 'Make an organization',
    body: organizationRequestSchema,
    response: organizationEnvelope,
    handle: async (context, { body }) => ({
      data: toOrganizationBody(await createOrganization(context, toOrganizationInput(body))),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/organizations/:id',
    versions: API_VERSIONS,
    callers: 'partner',
    operationId: 'organization.get',
    summary: 'Get an organization',
    params: idParamsSchema,
    response: organizationEnvelope,
    handle: async (context, { params }) => ({ data: toOrganizationBody(await getOrganization(context, params.id)) }),
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/organizations/:id',
    versions: since('2024-02-08'),
    callers: 'partner',
    operationId: 'organization.update',
    summary: 'Replace name and SSO settings of an organization',
    params: idParamsSchema,
    body: organizationRequestSchema,
    response: organizationEnvelope,
    handle: async (context, { params, body }) => ({
      data: toOrganizationBody(await updateOrganization(context, params.id, toOrganizationInput(body))),
    }),
  }),
  defineRoute({
    method: 'DELETE',
    url: '/api/organizations/:id',
    versions: API_VERSIONS,
    callers: 'partner',
    operationId: 'organization.delete',
    summary: 'Delete an organization with all that it has',
    params: idParamsSchema,
    handle: async (context, { params }) => {
      await deleteOrganization(context, params.id);
      return undefined;
    },
  }),
];
