import { z } from 'zod';
import {
  API_VERSIONS,
  bulkSchemaListItemSchema,
  bulkSchemaParamsSchema,
  bulkSchemaSchema,
  envelope,
  idParamsSchema,
  listBulkSchemasQuerySchema,
  patchBulkSchemasRequestSchema,
  updateBulkSchemaRequestSchema,
} from '../../contract/index.ts';
import {
  getBulkSchema,
  listBulkSchemas,
  patchBulkSchemas,
  replaceBulkSchema,
  type SchemaListFilter,
} from '../../operations/index.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';
import { toBulkSchemaBody, toBulkSchemaListItem, toReplacement, toSchemaChange } from '../views/bulk-schemas.ts';

const VERSIONS = since('2024-02-08');

/** The selection of a bulk sync. */
export const bulkSchemaRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id/schemas',
    versions: since('2025-09-18'),
    operationId: 'bulkSync.schemas.list',
    summary: 'List the schemas of a bulk sync, without fields and filters',
    params: idParamsSchema,
    query: listBulkSchemasQuerySchema,
    response: envelope(z.array(bulkSchemaListItemSchema)),
    handle: async (context, { params, query }) => ({
      data: (await listBulkSchemas(context, params.id, toListFilter(query))).map(toBulkSchemaListItem),
    }),
  }),
  defineRoute({
    method: 'PATCH',
    url: '/api/bulk/syncs/:id/schemas',
    versions: VERSIONS,
    operationId: 'bulkSync.schemas.patch',
    summary: 'Change some schemas of a bulk sync; a schema without `fields` gets all of them',
    params: idParamsSchema,
    body: patchBulkSchemasRequestSchema,
    response: envelope(z.array(bulkSchemaSchema)),
    handle: async (context, { params, body }) => ({
      data: (await patchBulkSchemas(context, params.id, (body?.schemas ?? []).map(toSchemaChange))).map(
        toBulkSchemaBody,
      ),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id/schemas/:schema_id',
    versions: API_VERSIONS,
    operationId: 'bulkSync.schemas.get',
    summary: 'Get one schema of a bulk sync, with its fields',
    params: bulkSchemaParamsSchema,
    response: envelope(bulkSchemaSchema),
    handle: async (context, { params }) => ({
      data: toBulkSchemaBody(await getBulkSchema(context, params.id, params.schema_id)),
    }),
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/bulk/syncs/:id/schemas/:schema_id',
    versions: VERSIONS,
    operationId: 'bulkSync.schemas.update',
    summary: 'Replace the options of one schema of a bulk sync',
    params: bulkSchemaParamsSchema,
    body: updateBulkSchemaRequestSchema,
    response: envelope(bulkSchemaSchema),
    handle: async (context, { params, body }) => ({
      data: toBulkSchemaBody(await replaceBulkSchema(context, params.id, toReplacement(params.schema_id, body ?? {}))),
    }),
  }),
];

/** The filters of a query as the operations take them. */
export function toListFilter({ filters }: z.output<typeof listBulkSchemasQuerySchema>): SchemaListFilter {
  return {
    enabled: filters?.enabled === undefined ? null : filters.enabled === 'true',
    id: filters?.id ?? null,
  };
}
