import { sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';

/** A call that was passed on, as it is counted. */
export interface ProxyCall {
  readonly connectionId: string;
  /** What the system answered; null = it did not. */
  readonly status: number | null;
  readonly at: Date;
}

/** Adds one call to its minute. */
export async function countProxyCall(db: StoreDatabase, organizationId: string, call: ProxyCall): Promise<void> {
  const status = call.status ?? 599;
  const counts = [status >= 200 && status < 300, status >= 400 && status < 500, status >= 500].map(Number);
  await sql`
    INSERT INTO proxy_calls AS p (organization_id, connection_id, minute, calls, succeeded, refused, failed, last_call_at)
    VALUES (${organizationId}, ${call.connectionId}, date_trunc('minute', ${call.at}::timestamptz), 1, ${sql.join(counts)}, ${call.at})
    ON CONFLICT (organization_id, connection_id, minute) DO UPDATE SET calls = p.calls + 1,
      succeeded = p.succeeded + excluded.succeeded, refused = p.refused + excluded.refused,
      failed = p.failed + excluded.failed, last_call_at = greatest(p.last_call_at, excluded.last_call_at)`.execute(db);
}

/** Calls through one connection since a moment. */
export interface ProxyCallCounts {
  readonly calls: number;
  readonly succeeded: number;
  readonly refused: number;
  readonly failed: number;
  /** Null = none since then. */
  readonly lastCallAt: Date | null;
}

/** Counts the minutes that began at that moment or later. */
export async function readProxyCalls(
  db: StoreDatabase,
  organizationId: string,
  connectionId: string,
  since: Date,
): Promise<ProxyCallCounts> {
  const { rows } = await sql<ProxyCallCounts>`
    SELECT coalesce(sum(calls), 0)::int AS calls, coalesce(sum(succeeded), 0)::int AS succeeded,
      coalesce(sum(refused), 0)::int AS refused, coalesce(sum(failed), 0)::int AS failed, max(last_call_at) AS "lastCallAt"
    FROM proxy_calls
    WHERE organization_id = ${organizationId} AND connection_id = ${connectionId} AND minute >= ${since}`.execute(db);
  return rows[0] ?? { calls: 0, succeeded: 0, refused: 0, failed: 0, lastCallAt: null };
}

/** Removes counts that nobody asks for any more, at most `limit`. @returns how many; 0 = none is left */
export async function removeOldProxyCalls(db: StoreDatabase, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    DELETE FROM proxy_calls WHERE (organization_id, connection_id, minute) IN (
      SELECT organization_id, connection_id, minute FROM proxy_calls
      WHERE minute < now() - interval '25 hours' ORDER BY minute LIMIT ${limit} FOR UPDATE SKIP LOCKED)`.execute(db);
  return Number(numAffectedRows ?? 0);
}
