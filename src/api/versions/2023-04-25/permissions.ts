import {
  idParamsSchema,
  policyEnvelope,
  policyRequestSchema,
  roleEnvelope,
  roleRequestSchema,
} from '../../../contract/index.ts';
import { updatePolicy, updateRole } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { toPolicyBody, toPolicyInput, toRoleBody, toRoleInput } from '../../views/permissions.ts';
import { until } from '../range.ts';

/** A change was a PATCH, with both parts of the body required even then. */
export const permissionRoutes = [
  defineRoute({
    method: 'PATCH',
    url: '/api/permissions/roles/:id',
    versions: until('2023-04-25'),
    operationId: 'permissions.roles.update',
    summary: 'Rename a role',
    params: idParamsSchema,
    body: roleRequestSchema,
    response: roleEnvelope,
    handle: async (context, { params, body }) => ({
      data: toRoleBody(await updateRole(context, params.id, toRoleInput(body))),
    }),
  }),
  defineRoute({
    method: 'PATCH',
    url: '/api/permissions/policies/:id',
    versions: until('2023-04-25'),
    operationId: 'permissions.policies.update',
    summary: 'Replace a policy',
    params: idParamsSchema,
    body: policyRequestSchema,
    response: policyEnvelope,
    handle: async (context, { params, body }) => ({
      data: toPolicyBody(await updatePolicy(context, params.id, toPolicyInput(body))),
    }),
  }),
];
