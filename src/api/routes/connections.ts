import {
  API_VERSIONS,
  connectionEnvelope,
  connectionListEnvelope,
  createConnectionSchema,
  deleteConnectionQuerySchema,
  idParamsSchema,
  testConnectionSchema,
  updateConnectionSchema,
} from '../../contract/index.ts';
import {
  type ConnectionInput,
  type Context,
  createConnection,
  deleteConnection,
  getConnection,
  listConnections,
  testConnection,
  updateConnection,
} from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toConnectionBody } from '../views/connections.ts';

const VERSIONS = since('2024-02-08');

interface WritableBody {
  readonly name: string;
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly policies?: readonly string[] | null | undefined;
  readonly healthcheck_interval?: string | undefined;
  readonly organization_id?: string | null | undefined;
  readonly validate: boolean;
}

/** A create or update as the operations take it, defaults filled in. */
function toConnectionInput(body: WritableBody): ConnectionInput {
  return {
    name: body.name,
    configuration: body.configuration,
    policies: body.policies ?? [],
    healthcheckInterval: body.healthcheck_interval ?? null,
    validate: body.validate,
    organizationId: body.organization_id ?? null,
  };
}

/** What the ways to make a connection have in common. */
export const create = {
  method: 'POST',
  url: '/api/connections',
  operationId: 'connections.create',
  summary: 'Make a connection, proved against its system',
  response: connectionEnvelope,
  handle: async (context: Context, { body }: { readonly body: WritableBody & { readonly type: string } }) => ({
    data: toConnectionBody(await createConnection(context, { ...toConnectionInput(body), type: body.type })),
  }),
} as const;

const readRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    url: '/api/connections',
    versions: API_VERSIONS,
    operationId: 'connections.list',
    summary: 'List connections',
    response: connectionListEnvelope,
    handle: async (context) => ({ data: (await listConnections(context)).map(toConnectionBody) }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id',
    versions: API_VERSIONS,
    operationId: 'connections.get',
    summary: 'Get a connection',
    params: idParamsSchema,
    response: connectionEnvelope,
    handle: async (context, { params }) => ({ data: toConnectionBody(await getConnection(context, params.id)) }),
  }),
];

const writeRoutes: readonly Route[] = [
  defineRoute({ ...create, versions: VERSIONS, body: createConnectionSchema }),
  defineRoute({
    method: 'POST',
    url: '/api/connections/test',
    versions: VERSIONS,
    operationId: 'connections.testConnection',
    summary: 'Try a configuration without storing it',
    body: testConnectionSchema,
    handle: async (context, { body }) => {
      const { type, configuration, connection_id: connectionId = null } = body;
      await testConnection(context, { type, configuration, connectionId });
      return undefined;
    },
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/connections/:id',
    versions: VERSIONS,
    operationId: 'connections.update',
    summary: 'Replace a connection',
    params: idParamsSchema,
    body: updateConnectionSchema,
    response: connectionEnvelope,
    handle: async (context, { params, body }) => ({
      data: toConnectionBody(
        await updateConnection(context, params.id, {
          ...toConnectionInput(body),
          type: body.type ?? null,
        }),
      ),
    }),
  }),
  defineRoute({
    method: 'DELETE',
    url: '/api/connections/:id',
    versions: API_VERSIONS,
    operationId: 'connections.delete',
    summary: 'Delete a connection',
    params: idParamsSchema,
    query: deleteConnectionQuerySchema,
    handle: async (context, { params, query }) => {
      await deleteConnection(context, params.id, { force: query.force ?? false });
      return undefined;
    },
  }),
];

/** Connections: stored access to one system each. */
export const connectionRoutes: readonly Route[] = [...readRoutes, ...writeRoutes];
