import {
  connectionListEnvelope,
  idParamsSchema,
  organizationConnectionParamsSchema,
  parentConnectionParamsSchema,
  shareConnectionSchema,
  sharedConnectionEnvelope,
} from '../../contract/index.ts';
import { type Context, listSharedConnections, type SharedPath, shareConnection } from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { toConnectionBody } from '../views/connections.ts';

const OLD = ['2024-02-08'] as const;
const NEW = ['2025-09-18'] as const;

const list = {
  method: 'GET',
  callers: 'any',
  summary: 'List the connections of other organizations that point to this one',
  response: connectionListEnvelope,
} as const;
const share = {
  method: 'POST',
  callers: 'partner',
  summary: 'Let another organization use a connection',
  operationId: 'connections.createSharedConnection',
  body: shareConnectionSchema,
  response: sharedConnectionEnvelope,
} as const;

async function answerList(context: Context, path: SharedPath) {
  return { data: (await listSharedConnections(context, path)).map(toConnectionBody) };
}

/** Connections that several organizations of a partner use. */
export const sharedConnectionRoutes: readonly Route[] = [
  defineRoute({
    ...list,
    url: '/api/connections/:id/shared',
    versions: NEW,
    operationId: 'connections.listSharedConnections',
    params: idParamsSchema,
    handle: (context, { params }) => answerList(context, { organizationId: null, connectionId: params.id }),
  }),
  defineRoute({
    ...list,
    url: '/api/connections/:parent_connection_id/shared',
    versions: OLD,
    operationId: 'connections.listSharedConnections',
    params: parentConnectionParamsSchema,
    handle: (context, { params }) =>
      answerList(context, { organizationId: null, connectionId: params.parent_connection_id }),
  }),
  defineRoute({
    ...list,
    callers: 'partner',
    url: '/api/organizations/:org_id/connections/:connection_id/shared',
    versions: NEW,
    operationId: 'connections.listSharedConnectionsForPartner',
    params: organizationConnectionParamsSchema,
    handle: (context, { params }) =>
      answerList(context, { organizationId: params.org_id, connectionId: params.connection_id }),
  }),
  defineRoute({
    ...share,
    url: '/api/organizations/:org_id/connections/:connection_id/shared',
    versions: NEW,
    params: organizationConnectionParamsSchema,
    handle: async (context, { params, body }) => {
      const path = { organizationId: params.org_id, connectionId: params.connection_id };
      return { data: await shareConnection(context, path, toShare(body)) };
    },
  }),
  defineRoute({
    ...share,
    url: '/api/connections/:parent_connection_id/share',
    versions: OLD,
    params: parentConnectionParamsSchema,
    handle: async (context, { params, body }) => {
      const path = { organizationId: null, connectionId: params.parent_connection_id };
      return { data: await shareConnection(context, path, toShare(body)) };
    },
  }),
];

function toShare(body: { readonly child_organization_id: string; readonly name?: string | undefined }) {
  return { childOrganizationId: body.child_organization_id, name: body.name ?? null };
}
