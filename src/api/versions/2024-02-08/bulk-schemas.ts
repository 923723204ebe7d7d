import { z } from 'zod';
import { bulkSchemaSchema, envelope, idParamsSchema, listBulkSchemasQuerySchema } from '../../../contract/index.ts';
import { listWholeBulkSchemas } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { toListFilter } from '../../routes/bulk-schemas.ts';
import { toBulkSchemaBody } from '../../views/bulk-schemas.ts';
import { until } from '../range.ts';

/** The selection of a bulk sync, listed whole. */
export const bulkSchemaRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id/schemas',
    versions: until('2024-02-08'),
    operationId: 'bulkSync.schemas.list',
    summary: 'List the schemas of a bulk sync, with fields and filters',
    params: idParamsSchema,
    query: listBulkSchemasQuerySchema,
    response: envelope(z.array(bulkSchemaSchema)),
    handle: async (context, { params, query }) => ({
      data: (await listWholeBulkSchemas(context, params.id, toListFilter(query))).map(toBulkSchemaBody),
    }),
  }),
];
