import { sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';

/** What is kept of the history: an execution that any of these rules keeps stays. */
export interface Retention {
  /** Executions that ended within so many days. */
  readonly days: number;
  /** So many of the newest executions of each sync; at least 1. */
  readonly executions: number;
}

/** How much one statement removes at most, so that no lock, and no dead rows, pile up. */
export interface RemovalLimit {
  readonly executions: number;
  /** Their segments and console lines together; one execution alone may have more. */
  readonly rows: number;
}

interface Expired {
  readonly id: string;
  readonly rows: number;
}

/**
 * Removes the oldest executions that no rule keeps, with all that belongs to them. Never one that has not ended, nor the
 * newest that completed with a receipt: of the whole sync, and of a part of it.
 * @returns how many were removed; 0 = nothing is left to remove
 */
export async function removeExpiredExecutions(
  db: StoreDatabase,
  retention: Retention,
  limit: RemovalLimit,
): Promise<number> {
  const expired = await findExpired(db, retention, limit.executions);
  const ids = takeUpTo(expired, limit.rows);
  if (ids.length === 0) return 0;
  const result = await db
    .deleteFrom('executions')
    .where('id', '=', sql<string>`ANY (${ids}::uuid[])`)
    .where('completedAt', 'is not', null)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}

/** The history of each sync is read from its old end, so what is kept costs nothing. */
async function findExpired(db: StoreDatabase, retention: Retention, limit: number): Promise<readonly Expired[]> {
  const until = sql`now() - make_interval(days => ${retention.days}::int)`;
  const { rows } = await sql<Expired>`
    SELECT old.id, (SELECT count(*) FROM segments s WHERE s.execution_id = old.id)::int
      + (SELECT count(*) FROM console_logs l WHERE l.execution_id = old.id)::int AS rows
    FROM bulk_syncs b
    CROSS JOIN LATERAL (
      SELECT created_at, id FROM executions WHERE sync_id = b.id
      ORDER BY created_at DESC, id DESC OFFSET ${retention.executions - 1}::int LIMIT 1) kept
    CROSS JOIN LATERAL (
      SELECT e.id FROM executions e
      WHERE e.sync_id = b.id AND (e.created_at, e.id) < (kept.created_at, kept.id) AND e.created_at < ${until}
        AND e.completed_at < ${until}
        AND e.id IS DISTINCT FROM ${newestProof(false)} AND e.id IS DISTINCT FROM ${newestProof(true)}
      ORDER BY e.created_at, e.id LIMIT ${limit}::int) old
    LIMIT ${limit}::int`.execute(db);
  return rows;
}

function newestProof(isPartial: boolean) {
  return sql`(SELECT p.id FROM executions p WHERE p.sync_id = b.id AND p.is_partial = ${isPartial}
    AND p.status = 'completed' AND p.receipt IS NOT NULL ORDER BY p.created_at DESC, p.id DESC LIMIT 1)`;
}

function takeUpTo(expired: readonly Expired[], maxRows: number): string[] {
  const ids: string[] = [];
  let rows = 0;
  for (const execution of expired) {
    rows += execution.rows;
    if (ids.length > 0 && rows > maxRows) break;
    ids.push(execution.id);
  }
  return ids;
}

/** Workers that are dead for longer than their work is looked for (`listDeadWorkers`). */
export async function removeOldWorkers(db: StoreDatabase, days: number): Promise<number> {
  const result = await db
    .deleteFrom('workers')
    .where('deadAt', '<', sql<Date>`now() - make_interval(days => greatest(${days}::int, 31))`)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
