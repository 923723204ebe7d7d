import {
  organizationParamsSchema,
  organizationUserParamsSchema,
  wordUserEnvelope,
  wordUserListEnvelope,
  wordUserRequestSchema,
} from '../../../contract/index.ts';
import { createUser, deleteUser, getUser, listUsers, updateUser } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { inside, toRolesInput } from '../../routes/users.ts';
import { toWordUserBody } from '../../views/organizations.ts';
import { until } from '../range.ts';

const VERSIONS = until('2023-04-25');

/** Users had one role, by a word. */
export const userRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/organizations/:org_id/users',
    versions: VERSIONS,
    callers: 'partner',
    operationId: 'users.list',
    summary: 'List users of an organization',
    params: organizationParamsSchema,
    response: wordUserListEnvelope,
    handle: async (context, { params }) => ({
      data: (await listUsers(await inside(context, params))).map(toWordUserBody),
    }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/organizations/:org_id/users',
    versions: VERSIONS,
    callers: 'partner',
    operationId: 'users.create',
    summary: 'Invite a user into an organization',
    params: organizationParamsSchema,
    body: wordUserRequestSchema,
    response: wordUserEnvelope,
    handle: async (context, { params, body }) => ({
      data: toWordUserBody(await createUser(await inside(context, params), body.email, toRolesInput(body))),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/organizations/:org_id/users/:id',
    versions: VERSIONS,
    callers: 'partner',
    operationId: 'users.get',
    summary: 'Get a user of an organization',
    params: organizationUserParamsSchema,
    response: wordUserEnvelope,
    handle: async (context, { params }) => ({
      data: toWordUserBody(await getUser(await inside(context, params), params.id)),
    }),
  }),
  defineRoute({
    method: 'PATCH',
    url: '/api/organizations/:org_id/users/:id',
    versions: VERSIONS,
    callers: 'partner',
    operationId: 'users.update',
    summary: 'Change the role of a user of an organization',
    params: organizationUserParamsSchema,
    body: wordUserRequestSchema,
    response: wordUserEnvelope,
    handle: async (context, { params, body }) => ({
      data: toWordUserBody(
        await updateUser(await inside(context, params), params.id, { ...toRolesInput(body), email: body.email }),
      ),
    }),
  }),
  defineRoute({
    method: 'DELETE',
    url: '/api/organizations/:org_id/users/:id',
    versions: VERSIONS,
    callers: 'partner',
    operationId: 'users.delete',
    summary: 'Delete a user of an organization',
    params: organizationUserParamsSchema,
    response: wordUserEnvelope,
    handle: async (context, { params }) => ({
      data: toWordUserBody(await deleteUser(await inside(context, params), params.id)),
    }),
  }),
];
