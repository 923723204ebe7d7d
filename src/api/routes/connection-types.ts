import { z } from 'zod';
import { API_VERSIONS, configurationJsonSchema, connectionTypeListEnvelope } from '../../contract/index.ts';
import { getConnectionType, listConnectionTypes } from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toConnectionTypeBody } from '../views/connections.ts';

/** Kinds of systems that connections can be made to. */
export const connectionTypeRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    url: '/api/connection_types',
    callers: 'any',
    versions: API_VERSIONS,
    operationId: 'connections.getTypes',
    summary: 'List connection types',
    response: connectionTypeListEnvelope,
    handle: async (context) => ({ data: listConnectionTypes(context).map(toConnectionTypeBody) }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connection_types/:id',
    versions: since('2024-02-08'),
    operationId: 'connections.getConnectionTypeSchema',
    summary: "Get the JSON Schema of a connection type's configuration",
    params: z.object({ id: z.string() }),
    response: configurationJsonSchema,
    handle: async (context, { params }) => ({ ...getConnectionType(context, params.id).schema }),
  }),
];
