import { z } from 'zod';
import {
  cancelSchema,
  consoleLogQuerySchema,
  consoleLogSchema,
  envelope,
  idParamsSchema,
  listModelExecutionsQuerySchema,
  modelExecutionParamsSchema,
  modelExecutionSchema,
  modelSyncParamsSchema,
  modelSyncStatusSchema,
  pageEnvelope,
  recordLogFileParamsSchema,
  recordLogParamsSchema,
  recordLogSchema,
  startedModelSyncSchema,
  startModelSyncRequestSchema,
} from '../../../contract/index.ts';
import { requireExecutionsOf, requireModelExecution, startModelSync } from '../../../operations/index.ts';
import { fromPageToken, toPagination } from '../../pagination.ts';
import { defineRoute } from '../../route.ts';
import { since } from '../../versions/range.ts';

/** Executions of model syncs: a start is refused, so there are none. */
export const modelExecutionRoutes = [
  defineRoute({
    method: 'POST',
    url: '/api/syncs/:sync_id/executions',
    versions: since('2023-04-25'),
    operationId: 'modelSync.start',
    summary: 'Start a model sync; refused, since model syncs cannot be run yet',
    params: modelSyncParamsSchema,
    body: startModelSyncRequestSchema,
    response: envelope(startedModelSyncSchema),
    handle: (context, { params }) => startModelSync(context, params.sync_id),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/syncs/:sync_id/executions',
    versions: since('2024-02-08'),
    operationId: 'modelSync.executions.list',
    summary: 'List the executions of a model sync',
    params: modelSyncParamsSchema,
    query: listModelExecutionsQuerySchema,
    response: pageEnvelope(modelExecutionSchema),
    handle: async (context, { params, query }) => {
      const { only_completed: onlyCompleted = false, ascending = false } = query;
      await requireExecutionsOf(context, params.sync_id);
      const list = { list: 'model executions', sync: params.sync_id, onlyCompleted, ascending };
      // Nobody was given a token for an empty list.
      fromPageToken(list, query.page_token, z.never());
      return { data: [], pagination: toPagination(list, null) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/syncs/:sync_id/executions/:id',
    versions: since('2023-04-25'),
    operationId: 'modelSync.executions.get',
    summary: 'Get one execution of a model sync',
    params: modelExecutionParamsSchema,
    response: envelope(modelExecutionSchema),
    handle: (context, { params }) => requireModelExecution(context, params.sync_id, params.id),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/syncs/:sync_id/executions/:id/cancel',
    versions: since('2025-09-18'),
    operationId: 'modelSync.executions.cancel',
    summary: 'Ask one execution of a model sync to stop',
    params: modelExecutionParamsSchema,
    response: envelope(cancelSchema),
    handle: (context, { params }) => requireModelExecution(context, params.sync_id, params.id, 'trigger'),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/syncs/:sync_id/executions/:id/consolelog',
    versions: since('2025-09-18'),
    operationId: 'modelSync.executions.getConsoleLogs',
    summary: 'Read what an execution of a model sync told',
    params: modelExecutionParamsSchema,
    query: consoleLogQuerySchema,
    response: envelope(consoleLogSchema),
    handle: (context, { params }) => requireModelExecution(context, params.sync_id, params.id),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/syncs/:sync_id/executions/:id/:type',
    versions: since('2024-02-08'),
    operationId: 'modelSync.executions.getLogUrls',
    summary: 'Get the files that tell of one kind of records of an execution',
    params: recordLogParamsSchema,
    response: envelope(recordLogSchema),
    handle: (context, { params }) => requireModelExecution(context, params.sync_id, params.id),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/syncs/:sync_id/executions/:id/:type/:filename',
    versions: since('2024-02-08'),
    operationId: 'modelSync.executions.getLogs',
    summary: 'Get one of these files',
    params: recordLogFileParamsSchema,
    handle: (context, { params }) => requireModelExecution(context, params.sync_id, params.id),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/syncs/:id/cancel',
    versions: since('2024-02-08'),
    operationId: 'modelSync.cancel',
    summary: 'Ask the running execution of a model sync to stop',
    params: idParamsSchema,
    response: envelope(cancelSchema),
    handle: async (context, { params }) => {
      await requireExecutionsOf(context, params.id, 'trigger');
      return { data: { message: 'Nothing to cancel: no execution of the model sync runs.' } };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/syncs/:id/status',
    versions: since('2023-04-25'),
    operationId: 'modelSync.getStatus',
    summary: 'Tell what a model sync does now and what it did last',
    params: idParamsSchema,
    response: envelope(modelSyncStatusSchema),
    handle: async (context, { params }) => {
      await requireExecutionsOf(context, params.id);
      return { data: { next_execution_time: null } };
    },
  }),
];
