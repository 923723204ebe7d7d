import type { LoadPlan } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { Session, TextRow } from '../client.ts';
import { quoteName, quoteTable, quoteText } from '../sql.ts';
import {
  type LiveTable,
  ownColumnDefinitions,
  readLiveTable,
  refuseOtherTypes,
  refuseOwnNames,
  toAddColumns,
} from './live-table.ts';
import { nameObjects, toScratchPrefix } from './naming.ts';
import { endBackend, ensureState, takeOver } from './state.ts';

const LOCK_TIMEOUT = `SET LOCAL lock_timeout = '10s'`;

/** The first step of a load, harmless to repeat. What other generations left goes; what this one has stays. */
export async function prepareLoad(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  refuseOwnNames(plan);
  await ensureState(session, signal);
  await ensureSchema(session, plan, signal);
  const live = await readLiveTable(session, plan.table, signal);
  if (live !== null) refuseUnfit(plan, live);
  await takeOwnership(session, plan, live !== null, signal);
  await raiseFence(session, plan, signal);
  await dropGenerations(session, plan, plan.generation - 1, signal);
  if (await isPublished(session, plan, signal)) return;
  await createScratch(session, plan, signal);
  if (plan.kind !== 'replace') await fitLiveTable(session, plan, live, signal);
}

/** A replacement brings its own columns, so only the others need the live ones to fit. */
function refuseUnfit(plan: LoadPlan, live: LiveTable): void {
  if (plan.kind !== 'replace' || !live.isPlain) refuseOtherTypes(plan, live);
}

async function ensureSchema(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  const { schema } = plan.table;
  const action = `Creating the schema ${quoteName(schema)}`;
  const found = await session.query(action, 'SELECT FROM pg_namespace WHERE nspname = $1', [schema], signal);
  if (found.length === 0) await session.script(action, `CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)}`, signal);
}

/** One owner per table; `adopt` takes over what another hand made or another sync left. */
async function takeOwnership(session: Session, plan: LoadPlan, exists: boolean, signal: AbortSignal): Promise<void> {
  const action = `Taking ownership of ${quoteTable(plan.table)}`;
  const values = [plan.table.schema, plan.table.name, plan.syncId, plan.schemaId];
  const find = 'SELECT sync_id, schema_id FROM __millrace.owners WHERE table_schema = $1 AND table_name = $2';
  const [before] = await session.query(action, find, values.slice(0, 2), signal);
  if (before === undefined && exists && !plan.adopt) throw notOurs(plan);
  await session.execute(
    action,
    `INSERT INTO __millrace.owners (table_schema, table_name, sync_id, schema_id) VALUES ($1, $2, $3, $4)
     ON CONFLICT (table_schema, table_name) DO ${plan.adopt ? 'UPDATE SET sync_id = $3, schema_id = $4, owned_since = now()' : 'NOTHING'}`,
    values,
    signal,
  );
  const [owner] = await session.query(action, find, values.slice(0, 2), signal);
  if (owner?.sync_id !== plan.syncId || owner?.schema_id !== plan.schemaId) throw ownedBy(plan, owner);
}

async function raiseFence(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  const action = `Raising the fence of ${quoteTable(plan.table)}`;
  const key = [plan.syncId, plan.schemaId];
  const [before] = await session.query(
    action,
    'SELECT pid, backend_start FROM __millrace.fences WHERE sync_id = $1 AND schema_id = $2 AND generation < $3',
    [...key, plan.generation],
    signal,
  );
  const earlier = before?.pid ? { pid: before.pid, startedAt: before.backend_start ?? '' } : null;
  const raised = await takeOver(
    session,
    earlier,
    () =>
      session.execute(
        action,
        `INSERT INTO __millrace.fences AS f (sync_id, schema_id, generation) VALUES ($1, $2, $3)
         ON CONFLICT (sync_id, schema_id) DO UPDATE SET generation = excluded.generation WHERE f.generation <= excluded.generation`,
        [...key, plan.generation],
        signal,
      ),
    signal,
  );
  if (raised === 0) throw fenceLost(plan);
}

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
  // The newest publication is remembered: a repeated publish must find it.
  await session.execute(
    action,
    `DELETE FROM __millrace.publications ${where.replace('<=', '<')}`,
    [plan.syncId, plan.schemaId, plan.generation],
    signal,
  );
}

async function findScratchTables(
  session: Session,
  plan: LoadPlan,
  last: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const prefix = toScratchPrefix(plan);
  const rows = await session.query(
    'Looking for scratch tables',
    `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND starts_with(c.relname, $1) AND substr(c.relname, length($1) + 1) ~ '^[0-9]{1,18}$'`,
    [prefix],
    signal,
  );
  return rows
    .filter((row: TextRow) => Number(row.relname?.slice(prefix.length)) <= last)
    .map((row) => quoteTable({ schema: row.nspname ?? '', name: row.relname ?? '' }));
}

async function isPublished(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<boolean> {
  const rows = await session.query(
    'Looking for the publication',
    'SELECT FROM __millrace.publications WHERE sync_id = $1 AND schema_id = $2 AND generation = $3',
    [plan.syncId, plan.schemaId, plan.generation],
    signal,
  );
  return rows.length > 0;
}

/**
 * A plain logged table: an unlogged one would be empty after a crash of the server, while the segments' rows say that
 * they were committed. Own columns are filled by defaults, so the bytes on the wire stay the source's.
 */
async function createScratch(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  const names = nameObjects(plan);
  const own =
    plan.kind === 'replace'
      ? ownColumnDefinitions(plan, `${quoteText(plan.stampedAt)}::timestamptz`)
      : new Map<string, string>();
  const columns = [
    ...plan.columns.map(({ name, type }) => `${quoteName(name)} ${type}`),
    ...[...own].map(([name, definition]) => `${quoteName(name)} ${definition}`),
  ];
  await session.script(
    `Creating a table in ${quoteName(plan.table.schema)}`,
    `CREATE TABLE IF NOT EXISTS ${names.scratch} (${columns.join(', ')})`,
    signal,
  );
}

/** Makes the live table of a merge where it is missing, or adds the columns that it lacks. */
async function fitLiveTable(
  session: Session,
  plan: LoadPlan,
  live: LiveTable | null,
  signal: AbortSignal,
): Promise<void> {
  const { live: table, keys } = nameObjects(plan);
  if (live === null) {
    const columns = [
      ...plan.columns.map(({ name, type }) => `${quoteName(name)} ${type}`),
      ...[...ownColumnDefinitions(plan, 'now()')].map(([name, definition]) => `${quoteName(name)} ${definition}`),
      ...(keys.length === 0 ? [] : [`PRIMARY KEY (${keys.join(', ')})`]),
    ];
    await session.script(`Creating ${table}`, `CREATE TABLE IF NOT EXISTS ${table} (${columns.join(', ')})`, signal);
    return;
  }
  const additions = toAddColumns(plan, live);
  if (additions.length === 0) return;
  const alter = `ALTER TABLE ${table} ${additions.join(', ')}`;
  await session.script(`Adding columns to ${table}`, `BEGIN; ${LOCK_TIMEOUT}; ${alter}; COMMIT`, signal);
}

/** A newer attempt at this load has begun, so this one must stop. */
export function fenceLost(plan: LoadPlan): SyncError {
  return new SyncError(
    'FENCE_LOST',
    `Generation ${plan.generation} of ${quoteTable(plan.table)} was taken over by a newer owner; this one stops.`,
  );
}

function notOurs(plan: LoadPlan): SyncError {
  return new SyncError(
    'TABLE_NOT_OURS',
    `${quoteTable(plan.table)} exists and was not created by Millrace. Set adopt to take it over, or choose another name.`,
  );
}

function ownedBy(plan: LoadPlan, owner: TextRow | undefined): SyncError {
  return new SyncError(
    'TABLE_OWNED',
    `${quoteTable(plan.table)} is written by sync ${owner?.sync_id} (${owner?.schema_id}). Choose another name; if that sync is gone, set adopt.`,
    { detail: { syncId: owner?.sync_id ?? '', schemaId: owner?.schema_id ?? '' } },
  );
}
