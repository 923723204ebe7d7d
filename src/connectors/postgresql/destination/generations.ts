import type { LoadPlan } from '../../../connector-kit/index.ts';
import type { Session, TextRow } from '../client.ts';
import { quoteTable } from '../sql.ts';
import { toScratchPrefix } from './naming.ts';
import { endBackend } from './state.ts';

/** Waits for locks end early, so that a forgotten session of a reader does not queue everybody behind us. */
export const LOCK_TIMEOUT = `SET LOCAL lock_timeout = '10s'`;

/** Ends the writers of the generations up to `last`, then drops their tables and state rows. */
export async function dropGenerations(
  session: Session,
  plan: LoadPlan,
  last: number,
  signal: AbortSignal,
): Promise<void> {
  const action = `Dropping what earlier loads of ${quoteTable(plan.table)} left`;
  const key = [plan.syncId, plan.schemaId, last];
  const where = 'WHERE sync_id = $1 AND schema_id = $2 AND generation <= $3';
  const writers = await session.query(
    action,
    `SELECT pid, backend_start FROM __millrace.segments ${where} AND committed IS NULL`,
    key,
    signal,
  );
  for (const row of writers)
    await endBackend(session, { pid: row.pid ?? '', startedAt: row.backend_start ?? '' }, signal);
  for (const table of await findScratchTables(session, plan, last, signal)) {
    await session.script(action, `BEGIN; ${LOCK_TIMEOUT}; DROP TABLE IF EXISTS ${table}; COMMIT`, signal);
  }
  await session.execute(action, `DELETE FROM __millrace.segments ${where}`, key, signal);
  // The plan's own publication is remembered: a repeated publish must find it.
  await session.execute(
    action,
    'DELETE FROM __millrace.publications WHERE sync_id = $1 AND schema_id = $2 AND generation < $3',
    [plan.syncId, plan.schemaId, plan.generation],
    signal,
  );
}

/** Tables that loads of one schema left or are filling, of generations up to `last`, quoted. */
export async function findScratchTables(
  session: Session,
  plan: Pick<LoadPlan, 'syncId' | 'schemaId'>,
  last: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const prefix = toScratchPrefix(plan);
  const rows = await session.query(
    'Looking for scratch tables',
    `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.relname > $1::name AND c.relname < $2::name AND substr(c.relname, length($1) + 1) ~ '^[0-9]{1,18}$'`,
    // As a range the catalogue's index finds them among thousands of tables; a colon comes behind all digits.
    [prefix, `${prefix}:`],
    signal,
  );
  return rows
    .filter((row: TextRow) => Number(row.relname?.slice(prefix.length)) <= last)
    .map((row) => quoteTable({ schema: row.nspname ?? '', name: row.relname ?? '' }));
}
