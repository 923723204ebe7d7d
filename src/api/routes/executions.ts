import { z } from 'zod';
import {
  API_VERSIONS,
  cancelSchema,
  envelope,
  executionParamsSchema,
  executionSchema,
  idParamsSchema,
  listExecutionsQuerySchema,
  pageEnvelope,
  type StartBulkSyncRequest,
  startBulkSyncRequestSchema,
  syncStatusSchema,
} from '../../contract/index.ts';
import {
  cancelExecution,
  getExecution,
  getSyncStatus,
  listExecutions,
  type StartInput,
  startBulkSync,
} from '../../operations/index.ts';
import { fromPageToken, microsecondsSchema, rowIdSchema, toPagination } from '../pagination.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';
import { toExecutionBody } from '../views/executions.ts';

const positionSchema = z.object({ time: microsecondsSchema, id: rowIdSchema });

/** Starting, watching and stopping the executions of bulk syncs. */
export const executionRoutes = [
  defineRoute({
    method: 'POST',
    url: '/api/bulk/syncs/:id/executions',
    versions: since('2025-09-18'),
    operationId: 'bulkSync.start',
    summary: 'Start a bulk sync',
    params: idParamsSchema,
    body: startBulkSyncRequestSchema,
    response: envelope(executionSchema),
    handle: async (context, { params, body }) => ({
      data: toExecutionBody(await startBulkSync(context, params.id, { ...toStartInput(body), maxLossPercent: null })),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id/executions',
    versions: API_VERSIONS,
    operationId: 'bulkSync.executions.list',
    summary: 'List the executions of a bulk sync, latest start first',
    params: idParamsSchema,
    query: listExecutionsQuerySchema,
    response: pageEnvelope(executionSchema),
    handle: async (context, { params, query }) => {
      const order = { onlyTerminal: query.only_terminal ?? false, ascending: query.ascending ?? false };
      const list = { list: 'executions', sync: params.id, ...order };
      const after = fromPageToken(list, query.page_token, positionSchema);
      const page = { limit: query.limit ?? null, after, ...order };
      const { executions, next } = await listExecutions(context, params.id, page);
      return { data: executions.map(toExecutionBody), pagination: toPagination(list, next) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id/executions/:exec_id',
    versions: API_VERSIONS,
    operationId: 'bulkSync.executions.get',
    summary: 'Get one execution of a bulk sync',
    params: executionParamsSchema,
    response: envelope(executionSchema),
    handle: async (context, { params }) => ({
      data: toExecutionBody(await getExecution(context, params.id, params.exec_id)),
    }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/bulk/syncs/:id/executions/:exec_id/cancel',
    versions: since('2024-02-08'),
    operationId: 'bulkSync.executions.cancel',
    summary: 'Ask one execution to stop',
    params: executionParamsSchema,
    response: envelope(cancelSchema),
    handle: async (context, { params }) => toCancelAnswer(await cancelExecution(context, params.id, params.exec_id)),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/bulk/syncs/:id/cancel',
    versions: API_VERSIONS,
    operationId: 'bulkSync.cancel',
    summary: 'Ask the running execution of a bulk sync to stop',
    params: idParamsSchema,
    response: envelope(cancelSchema),
    handle: async (context, { params }) => toCancelAnswer(await cancelExecution(context, params.id, null)),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id/status',
    versions: API_VERSIONS,
    operationId: 'bulkSync.getStatus',
    summary: 'Tell what a bulk sync does now and what it did last',
    params: idParamsSchema,
    response: envelope(syncStatusSchema),
    handle: async (context, { params }) => {
      const { current, last, nextStart } = await getSyncStatus(context, params.id);
      return {
        data: {
          ...(current === null ? {} : { current_execution: toExecutionBody(current) }),
          ...(last === null ? {} : { last_execution: toExecutionBody(last) }),
          next_execution_time: nextStart?.toISOString() ?? null,
        },
      };
    },
  }),
];

/** A start as the operations take it, defaults filled in. */
export function toStartInput(body: StartBulkSyncRequest): Omit<StartInput, 'maxLossPercent'> {
  return {
    schemas: body?.schemas ?? [],
    resyncMode: body?.resync_mode ?? null,
    fetchMode: body?.fetch_mode ?? 'none',
    isTest: body?.test ?? false,
  };
}

function toCancelAnswer(isAsked: boolean): { data: { message: string } } {
  return {
    data: {
      message: isAsked
        ? 'The execution was asked to stop; its status tells when it has.'
        : 'Nothing to cancel: no execution runs that was not asked before.',
    },
  };
}
