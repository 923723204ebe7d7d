import { sql } from 'kysely';
import { type ExecutionStatus, type SchemaStatus, VERIFICATION } from '../../core/index.ts';
import type { StoreDatabase } from '../database.ts';

/** The newest execution of one sync, comparisons that have ended left out; one at a time runs, so it is the running one if one runs. */
export interface SyncStatusRecord {
  readonly syncId: string;
  /** Null before the first execution. */
  readonly status: ExecutionStatus | null;
}

/**
 * Oldest sync first; or in the order of the ids, those which exist.
 * @param readable only syncs on which one of these policies hangs; null = all
 */
export async function listSyncStatuses(
  db: StoreDatabase,
  organizationId: string,
  of: 'all' | 'active' | { readonly syncIds: readonly string[] },
  readable: readonly string[] | null = null,
): Promise<SyncStatusRecord[]> {
  const syncIds = typeof of === 'object' ? [...of.syncIds] : null;
  const policies = readable === null ? null : [...readable];
  const { rows } = await sql<SyncStatusRecord>`
    SELECT b.id AS sync_id, e.status FROM bulk_syncs b
    LEFT JOIN LATERAL (
      SELECT status FROM executions WHERE sync_id = b.id AND (type <> ${VERIFICATION} OR completed_at IS NULL) ORDER BY created_at DESC, id DESC LIMIT 1
    ) e ON true
    WHERE b.organization_id = ${organizationId} AND (${of !== 'active'} OR b.active)
      AND (${syncIds}::uuid[] IS NULL OR b.id = ANY(${syncIds}::uuid[]))
      AND (${policies}::uuid[] IS NULL OR b.policies && ${policies}::uuid[])
    ORDER BY array_position(${syncIds}::uuid[], b.id), b.created_at, b.id`.execute(db);
  return rows;
}

/** What the newest execution with a schema did, comparisons left out, with it. */
export interface LastSchemaExecution {
  readonly executionId: string;
  readonly status: SchemaStatus;
  readonly statusMessage: string | null;
  readonly recordCount: number;
  readonly errorCount: number;
  readonly warningCount: number;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
}

/** One row for every enabled schema of these syncs, by schema id. */
export async function listLastSchemaExecutions(
  db: StoreDatabase,
  organizationId: string,
  syncIds: readonly string[],
): Promise<{ readonly syncId: string; readonly schemaId: string; readonly last: LastSchemaExecution | null }[]> {
  type Row = { [K in keyof LastSchemaExecution]: LastSchemaExecution[K] | null } & { syncId: string; schemaId: string };
  const { rows } = await sql<Row>`
    SELECT b.sync_id, b.schema_id, l.* FROM bulk_sync_schemas b
    LEFT JOIN LATERAL (
      SELECT e.id AS execution_id, s.status, s.status_message, s.record_count::float8 AS record_count,
        s.error_count::float8 AS error_count, s.warning_count::float8 AS warning_count, s.started_at, s.completed_at
      FROM executions e JOIN execution_schemas s ON s.execution_id = e.id AND s.schema_id = b.schema_id
      WHERE e.sync_id = b.sync_id AND e.type <> ${VERIFICATION} ORDER BY e.created_at DESC, e.id DESC LIMIT 1
    ) l ON true
    WHERE b.organization_id = ${organizationId} AND b.enabled AND b.sync_id = ANY(${[...syncIds]}::uuid[])
    ORDER BY b.sync_id, b.schema_id COLLATE "C"`.execute(db);
  return rows.map(({ syncId, schemaId, executionId, status, ...row }) => {
    if (executionId === null || status === null) return { syncId, schemaId, last: null };
    const { recordCount, errorCount, warningCount } = row;
    const counts = {
      recordCount: recordCount ?? 0,
      errorCount: errorCount ?? 0,
      warningCount: warningCount ?? 0,
    };
    return { syncId, schemaId, last: { ...row, ...counts, executionId, status } };
  });
}
