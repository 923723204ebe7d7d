import {
  acceptedSchema,
  idParamsSchema,
  recordsEnvelope,
  schemaParamsSchema,
  schemaStatusEnvelope,
  sourceSchemaEnvelope,
} from '../../contract/index.ts';
import { getSchema, getSchemaStatus, requestRefresh, sampleRecords } from '../../operations/index.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';
import { toSchemaBody, toSchemaStatusBody } from '../views/schemas.ts';

const VERSIONS = since('2024-02-08');

/** The cached schemas of a source. */
export const schemaRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    url: '/api/connections/:id/schemas/refresh',
    versions: VERSIONS,
    operationId: 'schemas.refresh',
    summary: 'Ask for a refresh of the schemas; the Location header leads to its status',
    params: idParamsSchema,
    response: acceptedSchema,
    status: 202,
    handle: async (context, { params }, answer) => {
      await requestRefresh(context, params.id);
      answer.setHeader('location', `/api/connections/${params.id}/schemas/status`);
      return {};
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/schemas/status',
    versions: VERSIONS,
    operationId: 'schemas.getStatus',
    summary: 'Tell how fresh the schemas are',
    params: idParamsSchema,
    response: schemaStatusEnvelope,
    handle: async (context, { params }) => ({ data: toSchemaStatusBody(await getSchemaStatus(context, params.id)) }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/schemas/:schema_id',
    versions: VERSIONS,
    operationId: 'schemas.get',
    summary: 'Get one schema with its fields',
    params: schemaParamsSchema,
    response: sourceSchemaEnvelope,
    handle: async (context, { params }) => ({
      data: toSchemaBody(await getSchema(context, params.id, params.schema_id), true),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/schemas/:schema_id/records',
    versions: VERSIONS,
    operationId: 'schemas.getRecords',
    summary: 'Read a few records of a schema',
    params: schemaParamsSchema,
    response: recordsEnvelope,
    handle: async (context, { params }) => ({
      data: (await sampleRecords(context, params.id, params.schema_id)).map((record) => ({ ...record })),
    }),
  }),
];
