import {
  connectionListEnvelope,
  idParamsSchema,
  organizationConnectionParamsSchema,
  shareConnectionSchema,
  sharedConnectionEnvelope,
} from '../../contract/index.ts';
import { type Context, listSharedConnections, type SharedPath, shareConnection } from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toConnectionBody } from '../views/connections.ts';

const NEW = since('2025-09-18');

/** What lists of shared connections have in common. */
export const listShared = {
  method: 'GET',
  callers: 'any',
  summary: 'List the connections of other organizations that point to this one',
  response: connectionListEnvelope,
} as const;
/** What the ways to share a connection have in common. */
export const share = {
  method: 'POST',
  callers: 'partner',
  summary: 'Let another organization use a connection',
  operationId: 'connections.createSharedConnection',
  body: shareConnectionSchema,
  response: sharedConnectionEnvelope,
} as const;

/** The list of a path, on the wire. */
export async function answerSharedConnections(context: Context, path: SharedPath) {
  return { data: (await listSharedConnections(context, path)).map(toConnectionBody) };
}

/** Connections that several organizations of a partner use. */
export const sharedConnectionRoutes: readonly Route[] = [
  defineRoute({
    ...listShared,
    url: '/api/connections/:id/shared',
    versions: NEW,
    operationId: 'connections.listSharedConnections',
    params: idParamsSchema,
    handle: (context, { params }) =>
      answerSharedConnections(context, { organizationId: null, connectionId: params.id }),
  }),
  defineRoute({
    ...listShared,
    callers: 'partner',
    url: '/api/organizations/:org_id/connections/:connection_id/shared',
    versions: NEW,
    operationId: 'connections.listSharedConnectionsForPartner',
    params: organizationConnectionParamsSchema,
    handle: (context, { params }) =>
      answerSharedConnections(context, { organizationId: params.org_id, connectionId: params.connection_id }),
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
];

/** A request as the operations take it. */
export function toShare(body: { readonly child_organization_id: string; readonly name?: string | undefined }) {
  return { childOrganizationId: body.child_organization_id, name: body.name ?? null };
}
