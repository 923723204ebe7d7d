import { SyncError } from '../../../core/index.ts';
import {
  type ExecutionPosition,
  type ExecutionRecord,
  type ExecutionSchemaRecord,
  findBulkSyncSchema,
  findCurrentAndLast,
  findExecution,
  listExecutionSchemas,
  listNextStarts,
  listExecutions as listRecords,
  requestCancellation,
  requestSchemaCancellation,
} from '../../../store/index.ts';
import { auditBulkSyncPart } from '../../audit/views.ts';
import type { Context } from '../../context.ts';
import { permitBulkSync, requireBulkSync } from '../syncs.ts';

/** One execution as people see it. */
export interface ExecutionView {
  readonly record: ExecutionRecord;
  readonly schemas: readonly ExecutionSchemaRecord[];
}

const MAX_PAGE = 100;

/**
 * One page of a sync's executions, latest start first unless asked otherwise.
 * @param page `limit` outside 1 to 100 means 100
 * @throws `NOT_FOUND`
 */
export async function listExecutions(
  context: Context,
  syncId: string,
  page: {
    readonly limit: number | null;
    readonly after: ExecutionPosition | null;
    readonly onlyTerminal: boolean;
    readonly ascending: boolean;
  },
): Promise<{ readonly executions: readonly ExecutionView[]; readonly next: ExecutionPosition | null }> {
  await requireBulkSync(context, syncId);
  const limit = page.limit === null || page.limit <= 0 ? MAX_PAGE : Math.min(page.limit, MAX_PAGE);
  const { db } = context.store;
  const { records, hasMore } = await listRecords(db, context.caller.organizationId, syncId, { ...page, limit });
  return { executions: await toViews(context, records), next: hasMore ? (records.at(-1)?.position ?? null) : null };
}

/** @throws `NOT_FOUND` for an unknown execution, also when it is another sync's */
export async function getExecution(context: Context, syncId: string, id: string): Promise<ExecutionView> {
  return viewOf(context, await requireExecution(context, syncId, id));
}

/** @throws `NOT_FOUND` for an unknown execution, also when it is another sync's; `FORBIDDEN` */
export async function requireExecution(context: Context, syncId: string, id: string): Promise<ExecutionRecord> {
  // An Admin may read every sync: one query less.
  if (!context.caller.isAdmin) await requireBulkSync(context, syncId);
  const record = await findExecution(context.store.db, context.caller.organizationId, syncId, id);
  if (record === undefined) throw new SyncError('NOT_FOUND', `The bulk sync ${syncId} has no execution ${id}.`);
  return record;
}

/**
 * What runs now, what ended last, and when a schedule starts the sync next; null = none. A start that is owed comes at
 * once, or at once after what runs.
 * @throws `NOT_FOUND`
 */
export async function getSyncStatus(
  context: Context,
  syncId: string,
): Promise<{
  readonly current: ExecutionView | null;
  readonly last: ExecutionView | null;
  readonly nextStart: Date | null;
}> {
  await requireBulkSync(context, syncId);
  const nextStarts = await getNextStarts(context, [syncId]);
  const { current, last } = await findCurrentAndLast(context.store.db, context.caller.organizationId, syncId);
  return {
    current: current === undefined ? null : await viewOf(context, current),
    last: last === undefined ? null : await viewOf(context, last),
    nextStart: nextStarts.get(syncId) ?? null,
  };
}

/** When schedules start each of these syncs next, never in the past; without those that none starts. */
export async function getNextStarts(context: Context, syncIds: readonly string[]): Promise<ReadonlyMap<string, Date>> {
  const now = context.clock();
  const dueTimes = await listNextStarts(context.store.db, context.caller.organizationId, syncIds);
  return new Map([...dueTimes].map(([syncId, dueAt]) => [syncId, dueAt < now ? now : dueAt]));
}

/**
 * Asks a sync's execution to stop and does not wait for it. Cancelling what has ended, or nothing, is no error.
 * @param executionId null = whichever runs
 * @returns whether anything was asked now
 * @throws `NOT_FOUND`
 */
export async function cancelExecution(context: Context, syncId: string, executionId: string | null): Promise<boolean> {
  const sync = await permitBulkSync(context, syncId, 'trigger');
  if (executionId !== null) await requireExecution(context, syncId, executionId);
  const target = { syncId, ...(executionId === null ? {} : { executionId }) };
  return context.store.transaction(async ({ db }) => {
    const asked = await requestCancellation(db, context.caller.organizationId, target);
    for (const id of asked)
      await auditBulkSyncPart(db, context, sync, { action: 'cancel', before: null, after: { executionId: id } });
    return asked.length > 0;
  });
}

/**
 * Asks the execution that runs to leave one schema alone, and does not wait for it; the others go on. Cancelling what has
 * ended, or nothing, is no error.
 * @returns whether anything was asked now
 * @throws `NOT_FOUND` for the sync, or a schema that it does not have
 */
export async function cancelSchema(context: Context, syncId: string, schemaId: string): Promise<boolean> {
  const { organizationId } = context.caller;
  const sync = await permitBulkSync(context, syncId, 'trigger');
  const row = await findBulkSyncSchema(context.store.db, organizationId, syncId, schemaId);
  if (row === undefined) throw new SyncError('NOT_FOUND', `The bulk sync ${syncId} has no schema "${schemaId}".`);
  return context.store.transaction(async ({ db }) => {
    const isAsked = await requestSchemaCancellation(db, organizationId, { syncId, schemaId });
    const event = { action: 'cancel', before: null, after: { schemas: [schemaId] } };
    if (isAsked) await auditBulkSyncPart(db, context, sync, event);
    return isAsked;
  });
}

/** Records written; while the schema works, those read so far. */
export function countRecords(schema: ExecutionSchemaRecord): number {
  return schema.completedAt === null ? schema.progress.records : Number(schema.recordCount);
}

async function viewOf(context: Context, record: ExecutionRecord): Promise<ExecutionView> {
  const schemas = await listExecutionSchemas(context.store.db, context.caller.organizationId, [record.id]);
  return { record, schemas };
}

async function toViews(context: Context, records: readonly ExecutionRecord[]): Promise<ExecutionView[]> {
  const ids = records.map((record) => record.id);
  const schemas = await listExecutionSchemas(context.store.db, context.caller.organizationId, ids);
  const byExecution = Map.groupBy(schemas, (schema) => schema.executionId);
  return records.map((record) => ({ record, schemas: byExecution.get(record.id) ?? [] }));
}
