import type { LoadPlan } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { Session } from '../client.ts';
import { quoteTable } from '../sql.ts';

/**
 * What Millrace remembers in the destination itself, so that it commits together with the data.
 * `owners`: which sync writes a table, and whether another hand made it. `fences`: the newest generation of a schema's load, and who publishes it.
 * `segments`: who writes a segment, and what it committed. `publications`: what a published generation counted.
 */
const STATE = `
  CREATE TABLE IF NOT EXISTS __millrace.owners (
    table_schema text NOT NULL, table_name text NOT NULL, sync_id text NOT NULL, schema_id text NOT NULL,
    owned_since timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (table_schema, table_name));
  ALTER TABLE __millrace.owners ADD COLUMN IF NOT EXISTS adopted boolean NOT NULL DEFAULT false;
  CREATE TABLE IF NOT EXISTS __millrace.fences (
    sync_id text NOT NULL, schema_id text NOT NULL, generation bigint NOT NULL, pid integer, backend_start text,
    PRIMARY KEY (sync_id, schema_id));
  CREATE TABLE IF NOT EXISTS __millrace.segments (
    sync_id text NOT NULL, schema_id text NOT NULL, generation bigint NOT NULL, segment integer NOT NULL,
    token bigint NOT NULL, pid integer NOT NULL, backend_start text NOT NULL, committed jsonb,
    PRIMARY KEY (sync_id, schema_id, generation, segment));
  CREATE TABLE IF NOT EXISTS __millrace.publications (
    sync_id text NOT NULL, schema_id text NOT NULL, generation bigint NOT NULL, counts jsonb NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (sync_id, schema_id, generation))`;

const LAST_TABLE = '__millrace.publications';
/** Held while schemas are made. Any number does; all of Millrace must use the same. */
export const STATE_LOCK = 5_128_240_781;

/** Makes the state tables where they are missing. @throws `CONN_PRIVILEGE_MISSING` naming the privilege */
export async function ensureState(session: Session, signal: AbortSignal): Promise<void> {
  if (await isCurrent(session, signal)) return;
  const action = 'Creating the schema __millrace';
  try {
    // IF NOT EXISTS alone still fails when two sessions make the same thing at once.
    await session.script(action, `BEGIN; SELECT pg_advisory_xact_lock(${STATE_LOCK})`, signal);
    const found = await session.query(action, `SELECT FROM pg_namespace WHERE nspname = '__millrace'`, [], signal);
    // Even with IF NOT EXISTS the statement needs a privilege that the schema's owner may lack.
    if (found.length === 0) await session.script(action, 'CREATE SCHEMA __millrace', signal);
    await session.script(action, `${STATE}; COMMIT`, signal);
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'CONN_PRIVILEGE_MISSING') throw error;
    throw new SyncError(
      'CONN_PRIVILEGE_MISSING',
      `${error.message} Millrace keeps its state in a schema of its own: GRANT CREATE ON DATABASE, or let the administrator run CREATE SCHEMA __millrace AUTHORIZATION for this user.`,
      { cause: error },
    );
  }
}

/** True when nothing is missing; false means that no load was ever prepared here. */
export async function hasState(session: Session, signal: AbortSignal): Promise<boolean> {
  const [row] = await session.query(
    'Looking for the schema __millrace',
    `SELECT to_regclass($1) IS NOT NULL AS found`,
    [LAST_TABLE],
    signal,
  );
  return row?.found === 't';
}

/** False also for the state tables of an earlier version. */
async function isCurrent(session: Session, signal: AbortSignal): Promise<boolean> {
  const rows = await session.query(
    'Looking for the schema __millrace',
    `SELECT FROM pg_attribute WHERE attrelid = to_regclass('__millrace.owners') AND attname = 'adopted' AND to_regclass($1) IS NOT NULL`,
    [LAST_TABLE],
    signal,
  );
  return rows.length > 0;
}

/** One backend for ever: process ids are used again, starts are not. */
export interface Backend {
  readonly pid: string;
  readonly startedAt: string;
}

/** Ends another session of ours. Asked of a session that is gone already, or of somebody else's, it does nothing. */
export async function endBackend(session: Session, backend: Backend, signal: AbortSignal): Promise<void> {
  if (backend.pid === session.pid && backend.startedAt === session.startedAt) return;
  await session.query(
    'Ending the session of an earlier owner',
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE pid = $1 AND backend_start::text = $2 AND pg_has_role(usesysid, 'USAGE')`,
    [backend.pid, backend.startedAt],
    signal,
  );
}

/**
 * Runs the statement by which a new owner takes over, and ends the session of the one before it when that succeeded.
 * An earlier owner that stands between its last statement and COMMIT holds the row: then it is ended first, and the
 * statement is run again. `earlier` must be one that may be taken over from, or null.
 */
export async function takeOver(
  session: Session,
  earlier: Backend | null,
  statement: () => Promise<number>,
  signal: AbortSignal,
): Promise<number> {
  await session.script('Taking over', `SET lock_timeout = '2s'`, signal);
  let taken: number;
  try {
    taken = await statement();
  } catch (error) {
    if (earlier === null || !(error instanceof SyncError) || error.code !== 'LOCK_TIMEOUT') throw error;
    await endBackend(session, earlier, signal);
    taken = await statement();
  }
  await session.script('Taking over', 'SET lock_timeout = 0', signal);
  if (earlier !== null && taken > 0) await endBackend(session, earlier, signal);
  return taken;
}

/** A newer attempt at this load has begun, so this one must stop. */
export function fenceLost(plan: LoadPlan): SyncError {
  return new SyncError(
    'FENCE_LOST',
    `Generation ${plan.generation} of ${quoteTable(plan.table)} was taken over by a newer owner; this one stops.`,
  );
}
