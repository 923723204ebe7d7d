import {
  bulkDestinationEnvelope,
  bulkSourceEnvelope,
  bulkSourceQuerySchema,
  idParamsSchema,
} from '../../contract/index.ts';
import { getBulkDestination, getBulkSource } from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toBulkDestinationBody, toBulkSourceBody } from '../views/bulk-endpoints.ts';

const VERSIONS = since('2024-02-08');

/** What bulk syncs may write to a connection; an older version has it at another path. */
export const bulkDestinationRoute = defineRoute({
  method: 'GET',
  url: '/api/connections/:id/bulksync/target',
  versions: VERSIONS,
  operationId: 'bulkSync.getDestination',
  summary: 'Tell what a bulk sync may write to a connection',
  params: idParamsSchema,
  response: bulkDestinationEnvelope,
  handle: async (context, { params }) => ({
    data: toBulkDestinationBody(await getBulkDestination(context, params.id)),
  }),
});

/** What bulk syncs may read from and write to a connection. */
export const bulkEndpointRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/bulksync/source',
    versions: VERSIONS,
    operationId: 'bulkSync.getSource',
    summary: 'Tell what a bulk sync may read from a connection',
    params: idParamsSchema,
    query: bulkSourceQuerySchema,
    response: bulkSourceEnvelope,
    handle: async (context, { params, query }) => ({
      data: toBulkSourceBody(await getBulkSource(context, params.id), query.include_fields),
    }),
  }),
  bulkDestinationRoute,
];
