import type { ExecutionStatus } from '../../../core/index.ts';
import {
  type ExecutionSchemaRecord,
  type LastSchemaExecution,
  listExecutionSchemas,
  listLastSchemaExecutions,
  listSyncStatuses,
} from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { readableBy } from '../../permissions/authorize.ts';
import { requireBulkSync } from '../syncs.ts';
import { getNextStarts } from './executions.ts';

/** What one of many syncs does now, or did last. */
export interface SyncStatus {
  readonly syncId: string;
  /** Of the execution that runs, or else of the last one; null before the first. */
  readonly status: ExecutionStatus | null;
  readonly nextStart: Date | null;
  /** One for every enabled schema. */
  readonly schemas: readonly SchemaStatusView[];
}

export interface SchemaStatusView {
  readonly schemaId: string;
  /** The execution that works on it, or else the last one that did; null before the first. */
  readonly last: (LastSchemaExecution & { readonly progress: number }) | null;
}

/** Which syncs are meant: all, those that are active, or those of these ids. */
export type StatusQuery = 'all' | 'active' | { readonly syncIds: readonly string[] };

/** Those that the caller may read. @throws `NOT_FOUND` when one of the ids is unknown, `FORBIDDEN` */
export async function listStatuses(context: Context, query: StatusQuery): Promise<SyncStatus[]> {
  const { store, caller } = context;
  if (typeof query === 'object') for (const id of query.syncIds) await requireBulkSync(context, id);
  const readable = await readableBy(context, 'bulk_sync');
  const syncs = await listSyncStatuses(store.db, caller.organizationId, query, readable);
  const ids = syncs.map(({ syncId }) => syncId);
  const schemas = Map.groupBy(
    await listLastSchemaExecutions(store.db, caller.organizationId, ids),
    (row) => row.syncId,
  );
  const progress = await readProgress(context, [...schemas.values()].flat());
  const nextStarts = await getNextStarts(context, ids);
  return syncs.map(({ syncId, status }) => ({
    syncId,
    status,
    nextStart: nextStarts.get(syncId) ?? null,
    schemas: (schemas.get(syncId) ?? []).map(({ schemaId, last }) => ({
      schemaId,
      last: last === null ? null : { ...last, progress: progress.get(`${last.executionId} ${schemaId}`) ?? 0 },
    })),
  }));
}

/** Records read so far, by execution id and schema id, of the schemas that are still at work. */
async function readProgress(
  context: Context,
  rows: readonly { readonly last: LastSchemaExecution | null }[],
): Promise<ReadonlyMap<string, number>> {
  const open = rows.flatMap(({ last }) => (last === null || last.completedAt !== null ? [] : [last.executionId]));
  const { store, caller } = context;
  const schemas = await listExecutionSchemas(store.db, caller.organizationId, [...new Set(open)]);
  const key = ({ executionId, schemaId }: ExecutionSchemaRecord): string => `${executionId} ${schemaId}`;
  return new Map(schemas.map((schema) => [key(schema), schema.progress.records]));
}
