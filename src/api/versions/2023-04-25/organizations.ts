import { idParamsSchema, organizationEnvelope, organizationRequestSchema } from '../../../contract/index.ts';
import { changeOrganization } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { toOrganizationBody, toOrganizationChange } from '../../views/organizations.ts';
import { until } from '../range.ts';

/** A change of an organization left alone what it did not name. */
export const organizationRoutes = [
  defineRoute({
    method: 'PATCH',
    url: '/api/organizations/:id',
    versions: until('2023-04-25'),
    callers: 'partner',
    operationId: 'organization.update',
    summary: 'Change an organization',
    params: idParamsSchema,
    body: organizationRequestSchema,
    response: organizationEnvelope,
    handle: async (context, { params, body }) => ({
      data: toOrganizationBody(await changeOrganization(context, params.id, toOrganizationChange(body))),
    }),
  }),
];
