import {
  API_VERSIONS,
  envelope,
  executionParamsSchema,
  idParamsSchema,
  planQuerySchema,
  planSchema,
} from '../../contract/index.ts';
import { getExecutionPlan, planBulkSync } from '../../operations/index.ts';
import { defineRoute } from '../route.ts';
import { toPlanBody } from '../views/plans.ts';
import { toStartInput } from './executions.ts';

/** What a start would do, and what executions were planned to do; the same in every version. */
export const planRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/x/bulk/syncs/:id/plan',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.getPlan',
    summary: 'Tell what a start of a bulk sync would do now, without doing any of it',
    params: idParamsSchema,
    query: planQuerySchema,
    response: envelope(planSchema),
    handle: async (context, { params, query }) => {
      const input = { ...toStartInput(query), maxLossPercent: query.max_loss_percent ?? null };
      return { data: toPlanBody(await planBulkSync(context, params.id, input)) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/x/bulk/syncs/:id/executions/:exec_id/plan',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.executions.getPlan',
    summary: 'Get what an execution was planned to do',
    params: executionParamsSchema,
    response: envelope(planSchema),
    handle: async (context, { params }) => ({
      data: toPlanBody(await getExecutionPlan(context, params.id, params.exec_id)),
    }),
  }),
];
