import {
  API_VERSIONS,
  idParamsSchema,
  policyEnvelope,
  policyListEnvelope,
  policyRequestSchema,
  roleEnvelope,
  roleListEnvelope,
  roleRequestSchema,
} from '../../contract/index.ts';
import {
  createPolicy,
  createRole,
  deletePolicy,
  deleteRole,
  getPolicy,
  getRole,
  listPolicies,
  listRoles,
  updatePolicy,
  updateRole,
} from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toPolicyBody, toPolicyInput, toRoleBody, toRoleInput } from '../views/permissions.ts';

/** Renames a role; an older version asks for it by another verb. */
export const updateRoleRoute = defineRoute({
  method: 'PUT',
  url: '/api/permissions/roles/:id',
  versions: since('2024-02-08'),
  operationId: 'permissions.roles.update',
  summary: 'Rename a role',
  params: idParamsSchema,
  body: roleRequestSchema,
  response: roleEnvelope,
  handle: async (context, { params, body }) => ({
    data: toRoleBody(await updateRole(context, params.id, toRoleInput(body))),
  }),
});

/** Replaces a policy; an older version asks for it by another verb. */
export const updatePolicyRoute = defineRoute({
  method: 'PUT',
  url: '/api/permissions/policies/:id',
  versions: since('2024-02-08'),
  operationId: 'permissions.policies.update',
  summary: 'Replace a policy',
  params: idParamsSchema,
  body: policyRequestSchema,
  response: policyEnvelope,
  handle: async (context, { params, body }) => ({
    data: toPolicyBody(await updatePolicy(context, params.id, toPolicyInput(body))),
  }),
});

const roleRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    url: '/api/permissions/roles',
    versions: API_VERSIONS,
    operationId: 'permissions.roles.list',
    summary: 'List roles',
    response: roleListEnvelope,
    handle: async (context) => ({ data: (await listRoles(context)).map(toRoleBody) }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/permissions/roles',
    versions: API_VERSIONS,
    operationId: 'permissions.roles.create',
    summary: 'Make a role',
    body: roleRequestSchema,
    response: roleEnvelope,
    handle: async (context, { body }) => ({ data: toRoleBody(await createRole(context, toRoleInput(body))) }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/permissions/roles/:id',
    versions: API_VERSIONS,
    operationId: 'permissions.roles.get',
    summary: 'Get a role',
    params: idParamsSchema,
    response: roleEnvelope,
    handle: async (context, { params }) => ({ data: toRoleBody(await getRole(context, params.id)) }),
  }),
  updateRoleRoute,
  defineRoute({
    method: 'DELETE',
    url: '/api/permissions/roles/:id',
    versions: API_VERSIONS,
    operationId: 'permissions.roles.delete',
    summary: 'Delete a role',
    params: idParamsSchema,
    handle: async (context, { params }) => {
      await deleteRole(context, params.id);
      return undefined;
    },
  }),
];

const policyRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    url: '/api/permissions/policies',
    versions: API_VERSIONS,
    operationId: 'permissions.policies.list',
    summary: 'List policies',
    response: policyListEnvelope,
    handle: async (context) => ({ data: (await listPolicies(context)).map(toPolicyBody) }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/permissions/policies',
    versions: API_VERSIONS,
    operationId: 'permissions.policies.create',
    summary: 'Make a policy',
    body: policyRequestSchema,
    response: policyEnvelope,
    handle: async (context, { body }) => ({ data: toPolicyBody(await createPolicy(context, toPolicyInput(body))) }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/permissions/policies/:id',
    versions: API_VERSIONS,
    operationId: 'permissions.policies.get',
    summary: 'Get a policy',
    params: idParamsSchema,
    response: policyEnvelope,
    handle: async (context, { params }) => ({ data: toPolicyBody(await getPolicy(context, params.id)) }),
  }),
  updatePolicyRoute,
  defineRoute({
    method: 'DELETE',
    url: '/api/permissions/policies/:id',
    versions: API_VERSIONS,
    operationId: 'permissions.policies.delete',
    summary: 'Delete a policy',
    params: idParamsSchema,
    handle: async (context, { params }) => {
      await deletePolicy(context, params.id);
      return undefined;
    },
  }),
];

/** Who may do what: roles are labels of users, policies grant actions to roles. */
export const permissionRoutes: readonly Route[] = [...roleRoutes, ...policyRoutes];
