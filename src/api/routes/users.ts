import type { z } from 'zod';
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
  type UserView,
  updateUser,
} from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toUserBody } from '../views/organizations.ts';

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

/** What the versions say differently about the users of an organization that a partner or deployment key reaches. */
export interface PartnerUsers<UserShape> {
  readonly versions: Route['versions'];
  readonly toBody: (user: UserView) => UserShape;
  readonly one: z.ZodType<{ data: UserShape }>;
  readonly all: z.ZodType<{ data: UserShape[] }>;
  readonly createSchema: z.ZodType<UserToInvite>;
  readonly update: {
    readonly method: 'PUT' | 'PATCH';
    readonly summary: string;
    readonly body: z.ZodType<UserToInvite>;
  };
}

interface RolesBody {
  readonly role?: string | undefined;
  readonly role_ids?: readonly string[] | undefined;
}

interface UserToInvite extends RolesBody {
  readonly email: string;
}

/** The routes of such users, as one range of versions has them. */
export function createPartnerUserRoutes<UserShape>(shape: PartnerUsers<UserShape>): readonly Route[] {
  return [...createCollectionRoutes(shape), ...createSingleRoutes(shape)];
}

function createCollectionRoutes<UserShape>(shape: PartnerUsers<UserShape>): readonly Route[] {
  const users = { url: '/api/organizations/:org_id/users', versions: shape.versions, callers: 'partner' } as const;
  return [
    defineRoute({
      ...users,
      method: 'GET',
      operationId: 'users.list',
      summary: 'List users of an organization',
      params: organizationParamsSchema,
      response: shape.all,
      handle: async (context, { params }) => ({
        data: (await listUsers(await inside(context, params))).map(shape.toBody),
      }),
    }),
    defineRoute({
      ...users,
      method: 'POST',
      operationId: 'users.create',
      summary: 'Invite a user into an organization',
      params: organizationParamsSchema,
      body: shape.createSchema,
      response: shape.one,
      handle: async (context, { params, body }) => ({
        data: shape.toBody(await createUser(await inside(context, params), body.email, toRolesInput(body))),
      }),
    }),
  ];
}

function createSingleRoutes<UserShape>(shape: PartnerUsers<UserShape>): readonly Route[] {
  const user = {
    url: '/api/organizations/:org_id/users/:id',
    versions: shape.versions,
    callers: 'partner',
    params: organizationUserParamsSchema,
    response: shape.one,
  } as const;
  return [
    defineRoute({
      ...user,
      method: 'GET',
      operationId: 'users.get',
      summary: 'Get a user of an organization',
      handle: async (context, { params }) => ({
        data: shape.toBody(await getUser(await inside(context, params), params.id)),
      }),
    }),
    defineRoute({
      ...user,
      ...shape.update,
      operationId: 'users.update',
      handle: async (context, { params, body }) => ({
        data: shape.toBody(
          await updateUser(await inside(context, params), params.id, { ...toRolesInput(body), email: body.email }),
        ),
      }),
    }),
    defineRoute({
      ...user,
      method: 'DELETE',
      operationId: 'users.delete',
      summary: 'Delete a user of an organization',
      handle: async (context, { params }) => ({
        data: shape.toBody(await deleteUser(await inside(context, params), params.id)),
      }),
    }),
  ];
}

const partnerRoutes: readonly Route[] = [
  ...createPartnerUserRoutes({
    versions: since('2024-02-08'),
    toBody: toUserBody,
    one: userEnvelope,
    all: userListEnvelope,
    createSchema: createUserSchema,
    update: { method: 'PUT', summary: 'Change the roles of a user of an organization', body: updateUserSchema },
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

async function inside(context: Context, { org_id: id }: { readonly org_id: string }): Promise<Context> {
  return (await enterOrganization(context, id)).context;
}

function toRolesInput(body: RolesBody): RolesInput {
  return { role: body.role ?? null, roleIds: body.role_ids ?? null };
}

/** Users of organizations, and their keys. */
export const userRoutes: readonly Route[] = [...ownRoutes, ...partnerRoutes];
