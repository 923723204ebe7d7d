import { z } from 'zod';
import {
  bulkSourceEnvelope,
  bulkSourceQuerySchema,
  idParamsSchema,
  recordsEnvelope,
  refreshSchemasQuerySchema,
  schemaStatusEnvelope,
  sourceSchemaEnvelope,
} from '../../../contract/index.ts';
import { getBulkSource, getSchema, getSchemaStatus, refreshNow, sampleRecords } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { bulkDestinationRoute } from '../../routes/bulk-endpoints.ts';
import { toBulkSourceBody } from '../../views/bulk-endpoints.ts';
import { toSchemaBody, toSchemaStatusBody } from '../../views/schemas.ts';

const VERSIONS = ['2023-04-25'] as const;
const connectionParamsSchema = z.object({ connection_id: idParamsSchema.shape.id });
const schemaParamsSchema = connectionParamsSchema.extend({ schema_id: z.string() });

/** What bulk syncs read and write, at paths that later versions have below the connection. */
export const sourceRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/bulk/source/:connection_id',
    versions: VERSIONS,
    operationId: 'bulkSync.getSource',
    summary: 'Tell what a bulk sync may read from a connection',
    params: connectionParamsSchema,
    query: bulkSourceQuerySchema.extend(refreshSchemasQuerySchema.shape),
    response: bulkSourceEnvelope,
    handle: async (context, { params, query }) => {
      if (query.refresh_schemas === true) await refreshNow(context, params.connection_id);
      return { data: toBulkSourceBody(await getBulkSource(context, params.connection_id), query.include_fields) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/bulk/source/:connection_id/schema/:schema_id',
    versions: VERSIONS,
    operationId: 'schemas.get',
    summary: 'Get one schema with its fields',
    params: schemaParamsSchema,
    response: sourceSchemaEnvelope,
    handle: async (context, { params }) => ({
      data: toSchemaBody(await getSchema(context, params.connection_id, params.schema_id), true),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/bulk/source/:connection_id/status',
    versions: VERSIONS,
    operationId: 'schemas.getStatus',
    summary: 'Tell how fresh the schemas are',
    params: connectionParamsSchema,
    response: schemaStatusEnvelope,
    handle: async (context, { params }) => ({
      data: toSchemaStatusBody(await getSchemaStatus(context, params.connection_id)),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:connection_id/:schema_id/records',
    versions: VERSIONS,
    operationId: 'schemas.getRecords',
    summary: 'Read a few records of a schema',
    params: schemaParamsSchema,
    response: recordsEnvelope,
    handle: async (context, { params }) => ({
      data: (await sampleRecords(context, params.connection_id, params.schema_id)).map((record) => ({ ...record })),
    }),
  }),
  { ...bulkDestinationRoute, url: '/api/bulk/dest/:id', versions: VERSIONS },
];
