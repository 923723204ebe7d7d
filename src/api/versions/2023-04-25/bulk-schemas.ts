import {
  bulkSchemaParamsSchema,
  bulkSchemaSchema,
  envelope,
  updateBulkSchemaRequestSchema,
} from '../../../contract/index.ts';
import { patchBulkSchema, type SchemaChange } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { toBulkSchemaBody, toSchemaChange } from '../../views/bulk-schemas.ts';

/** The selection of a bulk sync, changed in parts. */
export const bulkSchemaRoutes = [
  defineRoute({
    method: 'PATCH',
    url: '/api/bulk/syncs/:id/schemas/:schema_id',
    versions: ['2023-04-25'],
    operationId: 'bulkSync.schemas.update',
    summary: 'Change options of one schema of a bulk sync; what is left out stays as it is',
    params: bulkSchemaParamsSchema,
    body: updateBulkSchemaRequestSchema,
    response: envelope(bulkSchemaSchema),
    handle: async (context, { params, body }) => {
      const whole = toSchemaChange({ ...body, id: params.schema_id });
      const { fields: _, ...part } = whole;
      // Unlike in later versions, no fields are not all of them.
      const change: SchemaChange = body?.fields === undefined ? part : whole;
      return { data: toBulkSchemaBody(await patchBulkSchema(context, params.id, change)) };
    },
  }),
];
