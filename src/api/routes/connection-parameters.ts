import { z } from 'zod';
import {
  connectEnvelope,
  connectRequestSchema,
  idParamsSchema,
  parameterValuesEnvelope,
  parameterValuesRequestSchema,
} from '../../contract/index.ts';
import { type Context, listParameterValues, listTypeParameterValues, startConnect } from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toParameterValuesBody } from '../views/parameter-values.ts';

const VERSIONS = since('2024-02-08');

/** What the ways to ask for a page have in common. */
export const connect = {
  method: 'POST',
  summary: 'Ask for a page on which a connection is filled in',
  response: connectEnvelope,
  handle: async (context: Context) => {
    const { redirectUrl, token } = await startConnect(context);
    return { data: { redirect_url: redirectUrl, token } };
  },
} as const;

/** Connect; a slash at the end makes no difference to the server. */
export const connectRoutes: readonly Route[] = [
  defineRoute({
    ...connect,
    url: '/api/connections/connect/',
    versions: VERSIONS,
    operationId: 'connections.connect',
    body: connectRequestSchema,
  }),
];

/** What the fields of a configuration can be, as the system itself tells. */
export const connectionParameterRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    url: '/api/connection_types/:type/parameter_values',
    versions: VERSIONS,
    operationId: 'connections.getTypeParameterValues',
    summary: 'List the values that a field of a new connection can have',
    params: z.object({ type: z.string() }),
    body: parameterValuesRequestSchema,
    response: parameterValuesEnvelope,
    handle: async (context, { params, body }) => {
      const { field, parameters, query = '', connection_id: connectionId = null } = body;
      const question = { field, parameters: parameters ?? {}, query, connectionId };
      return { data: toParameterValuesBody(await listTypeParameterValues(context, params.type, question)) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/parameter_values',
    versions: VERSIONS,
    operationId: 'connections.getParameterValues',
    summary: 'List the values that the fields of a connection can have',
    params: idParamsSchema,
    response: parameterValuesEnvelope,
    handle: async (context, { params }) => ({
      data: toParameterValuesBody(await listParameterValues(context, params.id)),
    }),
  }),
];
