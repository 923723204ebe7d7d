import { z } from 'zod';
import {
  bulkSchemaParamsSchema,
  cancelSchema as cancelAnswerSchema,
  consoleLogQuerySchema,
  consoleLogSchema,
  envelope,
  executionParamsSchema,
  listStatusesQuerySchema,
  schemaExecutionParamsSchema,
  syncStatusItemSchema,
} from '../../contract/index.ts';
import { cancelSchema, getConsoleLog, listStatuses, type StatusQuery } from '../../operations/index.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';
import { toConsoleLogBody, toLineNumber, toSyncStatusItem } from '../views/watching.ts';

const VERSIONS = since('2024-02-08');
const NEW = since('2025-09-18');

/** What runs, in more detail than the executions themselves, and stopping a part of it. */
export const watchingRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/status',
    versions: VERSIONS,
    operationId: 'bulkSync.executions.listStatus',
    summary: 'Tell what many bulk syncs do now, or did last',
    query: listStatusesQuerySchema,
    response: envelope(z.array(syncStatusItemSchema)),
    handle: async (context, { query }) => ({
      data: (await listStatuses(context, toStatusQuery(query))).map(toSyncStatusItem),
    }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/bulk/syncs/:id/schemas/:schema_id/cancel',
    versions: VERSIONS,
    operationId: 'bulkSync.schemas.cancel',
    summary: 'Ask the running execution of a bulk sync to leave one schema alone',
    params: bulkSchemaParamsSchema,
    response: envelope(cancelAnswerSchema),
    handle: async (context, { params }) => {
      const isAsked = await cancelSchema(context, params.id, params.schema_id);
      const message = isAsked
        ? 'The work on the schema was asked to stop; the other schemas go on.'
        : 'Nothing to cancel: no execution works on the schema.';
      return { data: { message } };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id/executions/:exec_id/consolelog',
    versions: NEW,
    operationId: 'bulkSync.executions.getConsoleLogs',
    summary: 'Read what an execution told: the last lines, or those behind one',
    params: executionParamsSchema,
    query: consoleLogQuerySchema,
    response: envelope(consoleLogSchema),
    handle: async (context, { params, query }) => {
      const of = { syncId: params.id, executionId: params.exec_id, schemaId: null };
      return { data: toConsoleLogBody(await getConsoleLog(context, of, toPage(query))) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id/executions/:exec_id/schemas/:schema_id/consolelog',
    versions: NEW,
    operationId: 'bulkSync.executions.getSchemaConsoleLogs',
    summary: 'Read what an execution told about one schema',
    params: schemaExecutionParamsSchema,
    query: consoleLogQuerySchema,
    response: envelope(consoleLogSchema),
    handle: async (context, { params, query }) => {
      const of = { syncId: params.id, executionId: params.exec_id, schemaId: params.schema_id };
      return { data: toConsoleLogBody(await getConsoleLog(context, of, toPage(query))) };
    },
  }),
];

function toStatusQuery({ all, active, sync_id }: z.output<typeof listStatusesQuerySchema>): StatusQuery {
  if (all === true) return 'all';
  return active === true ? 'active' : { syncIds: sync_id ?? [] };
}

function toPage({ limit, after }: z.output<typeof consoleLogQuerySchema>) {
  return { limit: limit ?? null, after: toLineNumber(after) };
}
