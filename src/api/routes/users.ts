import {
  API_VERSIONS,
  createKeyQuerySchema,
  createUserSchema,
  idParamsSchema,
  keyEnvelope,
  organizationParamsSchema,
  organizationUserParamsSchema,
  updateOwnUserSchema,
  updateUserSchema,
  userEnvelope,
  userListEnvelope,
} from '../../contract/index.ts';
import {
  type Context,
  createUser,
  createUserKey,
  deleteUser,
  enterOrganization,
  getUser,
  listUsers,
  type RolesInput,
  updateUser,
} from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toUserBody } from '../views/organizations.ts';

const VERSIONS = since('2024-02-08');

/** Users of the caller's own organization. */
const ownRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    url: '/api/organization/users',
    versions: since('2025-09-18'),
    operationId: 'users.listCurrentOrgUsers',
    summary: 'List users of the own organization',
    response: userListEnvelope,
    handle: async (context) => ({ data: (await listUsers(context)).map(toUserBody) }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/organization/users',
    versions: since('2025-09-18'),
    operationId: 'users.createCurrentOrgUser',
    summary: 'Invite a user into the own organization',
    body: createUserSchema,
    response: userEnvelope,
    handle: async (context, { body }) => ({
      data: toUserBody(await createUser(context, body.email, toRolesInput(body))),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/organization/users/:id',
    versions: since('2025-09-18'),
    operationId: 'users.getCurrentOrgUser',
    summary: 'Get a user of the own organization',
    params: idParamsSchema,
    response: userEnvelope,
    handle: async (context, { params }) => ({ data: toUserBody(await getUser(context, params.id)) }),
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/organization/users/:id',
    versions: since('2025-09-18'),
    operationId: 'users.updateCurrentOrgUser',
    summary: 'Change the roles of a user of the own organization',
    params: idParamsSchema,
    body: updateOwnUserSchema,
    response: userEnvelope,
    handle: async (context, { params, body }) => ({
      data: toUserBody(await updateUser(context, params.id, { ...toRolesInput(body), email: null })),
    }),
  }),
  defineRoute({
    method: 'DELETE',
    url: '/api/organization/users/:id',
    versions: since('2025-09-18'),
    operationId: 'users.deleteCurrentOrgUser',
    summary: 'Delete a user of the own organization',
    params: idParamsSchema,
    response: userEnvelope,
    handle: async (context, { params }) => ({ data: toUserBody(await deleteUser(context, params.id)) }),
  }),
];

/** Users of any organization that a partner or deployment key reaches. */
const partnerRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    url: '/api/organizations/:org_id/users',
    versions: VERSIONS,
    callers: 'partner',
    operationId: 'users.list',
    summary: 'List users of an organization',
    params: organizationParamsSchema,
    response: userListEnvelope,
    handle: async (context, { params }) => ({
      data: (await listUsers(await inside(context, params))).map(toUserBody),
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
    body: createUserSchema,
    response: userEnvelope,
    handle: async (context, { params, body }) => ({
      data: toUserBody(await createUser(await inside(context, params), body.email, toRolesInput(body))),
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
    response: userEnvelope,
    handle: async (context, { params }) => ({
      data: toUserBody(await getUser(await inside(context, params), params.id)),
    }),
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/organizations/:org_id/users/:id',
    versions: VERSIONS,
    callers: 'partner',
    operationId: 'users.update',
    summary: 'Change the roles of a user of an organization',
    params: organizationUserParamsSchema,
    body: updateUserSchema,
    response: userEnvelope,
    handle: async (context, { params, body }) => ({
      data: toUserBody(
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
    response: userEnvelope,
    handle: async (context, { params }) => ({
      data: toUserBody(await deleteUser(await inside(context, params), params.id)),
    }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/organizations/:org_id/users/:id/keys',
    versions: API_VERSIONS,
    callers: 'partner',
    operationId: 'users.createApiKey',
    summary: "Make a user's API key, which is shown this once",
    params: organizationUserParamsSchema,
    query: createKeyQuerySchema,
    response: keyEnvelope,
    handle: async (context, { params, query }) => ({
      data: { value: await createUserKey(await inside(context, params), params.id, { force: query.force ?? false }) },
    }),
  }),
];

/** The context inside the organization that the path names. */
export async function inside(context: Context, { org_id: id }: { readonly org_id: string }): Promise<Context> {
  return (await enterOrganization(context, id)).context;
}

/** The roles that a body gives. */
export function toRolesInput(body: {
  readonly role?: string | undefined;
  readonly role_ids?: readonly string[] | undefined;
}): RolesInput {
  return { role: body.role ?? null, roleIds: body.role_ids ?? null };
}

/** Users of organizations, and their keys. */
export const userRoutes: readonly Route[] = [...ownRoutes, ...partnerRoutes];
