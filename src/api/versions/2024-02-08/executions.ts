import { envelope, executionSchema, idParamsSchema } from '../../../contract/index.ts';
import { startBulkSync } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { toStartInput } from '../../routes/executions.ts';
import { toExecutionBody } from '../../views/executions.ts';
import { namingFields } from '../field-names.ts';
import { until } from '../range.ts';
import { startRequestSchema } from './bulk-sync-shapes.ts';

/** Starts with an option more than later ones. */
export const executionRoutes = [
  defineRoute({
    method: 'POST',
    url: '/api/bulk/syncs/:id/executions',
    versions: until('2024-02-08'),
    operationId: 'bulkSync.start',
    summary: 'Start a bulk sync',
    params: idParamsSchema,
    body: startRequestSchema,
    response: envelope(executionSchema),
    handle: async (context, { params, body }) => {
      const isRebuild = body?.resync === true;
      const toName = (field: string): string => (isRebuild && field === 'resync_mode' ? 'resync' : field);
      const start = toStartInput(isRebuild ? { ...body, resync_mode: 'rebuild' } : body);
      const execution = await namingFields(toName, () =>
        startBulkSync(context, params.id, { ...start, maxLossPercent: null }),
      );
      return { data: toExecutionBody(execution) };
    },
  }),
];
