import type { LoadPlan } from '../../../connector-kit/index.ts';
import type { Session } from '../client.ts';
import { quoteName, quoteTable, quoteText } from '../sql.ts';
import { findComputed, listTypeChanges, refuseGaps, refuseOtherKinds, refuseUnfit } from './fit.ts';
import { dropGenerations } from './generations.ts';
import { type LiveTable, ownColumnDefinitions, readLiveTable, refuseOwnNames, toAddColumns } from './live-table.ts';
import { lockOutReaders } from './lock-out-readers.ts';
import { nameObjects } from './naming.ts';
import { isAdopted, takeOwnership } from './ownership.ts';
import { findDependants, refuseRebuild } from './publish/dependants.ts';
import { refuseHidden } from './row-security.ts';
import { ensureState, fenceLost, STATE_LOCK, takeOver } from './state.ts';

/** The first step of a load, harmless to repeat. What other generations left goes; what this one has stays. */
export async function prepareLoad(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  refuseOwnNames(plan);
  await ensureState(session, signal);
  await ensureSchema(session, plan, signal);
  const live = await readLiveTable(session, plan.table, signal);
  if (live !== null) refuseOtherKinds(plan, live);
  await takeOwnership(session, plan, live !== null, signal);
  if (live?.mayHide) await refuseHidden(session, plan, live.oid, signal);
  if (live !== null) await refuseHopeless(session, plan, live, signal);
  await raiseFence(session, plan, signal);
  await dropGenerations(session, plan, plan.generation - 1, signal);
  if (await isPublished(session, plan, signal)) return;
  await createScratch(session, plan, signal);
  if (plan.kind !== 'replace') await fitLiveTable(session, plan, live, signal);
}

/** What the publication would refuse is said before the source is read. A replacement by rename brings its own columns. */
async function refuseHopeless(session: Session, plan: LoadPlan, live: LiveTable, signal: AbortSignal): Promise<void> {
  if (listTypeChanges(plan, live).length > 0 || findComputed(plan, live) !== undefined) {
    const adopted = await isAdopted(session, plan, signal);
    const isMade = plan.kind === 'replace' && (await isExchanged(session, plan, live, adopted, signal));
    if (!isMade) await refuseUnfit(session, plan, live, adopted, signal);
  }
  if (plan.kind === 'replace' && plan.replacement === 'rebuild') await refuseRebuild(session, plan, live, signal);
}

/** As the publication will decide, unless somebody hangs something on the table meanwhile. */
async function isExchanged(
  session: Session,
  plan: LoadPlan,
  live: LiveTable,
  adopted: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  if (plan.replacement !== 'auto') return plan.replacement === 'rebuild';
  return !adopted && (await findDependants(session, plan, live, signal)).length === 0;
}

/** Makes the schema of the plan's table where it is missing. */
export async function ensureSchema(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  const { schema } = plan.table;
  const action = `Creating the schema ${quoteName(schema)}`;
  const found = await session.query(action, 'SELECT FROM pg_namespace WHERE nspname = $1', [schema], signal);
  if (found.length > 0) return;
  // IF NOT EXISTS alone still fails when two sessions make the same schema at once. The lock ends with the script.
  await session.script(
    action,
    `SELECT pg_advisory_xact_lock(${STATE_LOCK}); CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)}`,
    signal,
  );
}

async function raiseFence(session: Session, plan: LoadPlan, signal: AbortSignal): Promise<void> {
  const action = `Raising the fence of ${quoteTable(plan.table)}`;
  const key = [plan.syncId, plan.schemaId];
  // Of this generation, too: a pack, or a publisher, that was given up and may stand in the middle of its transaction.
  const [before] = await session.query(
    action,
    'SELECT pid, backend_start FROM __millrace.fences WHERE sync_id = $1 AND schema_id = $2 AND generation <= $3',
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
         ON CONFLICT (sync_id, schema_id) DO UPDATE
           SET generation = excluded.generation, pid = NULL, backend_start = NULL WHERE f.generation <= excluded.generation`,
        [...key, plan.generation],
        signal,
      ),
    signal,
  );
  if (raised === 0) throw fenceLost(plan);
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
    ...plan.columns.map((column) => toScratchColumn(plan, column)),
    ...[...own].map(([name, definition]) => `${quoteName(name)} ${definition}`),
  ];
  await session.script(
    `Creating a table in ${quoteName(plan.table.schema)}`,
    `CREATE TABLE IF NOT EXISTS ${names.scratch} (${columns.join(', ')})`,
    signal,
  );
}

/** The primary key would look through the finished table for NULLs. A key that a user declared may hold some, and is told of. */
function toScratchColumn(plan: LoadPlan, { name, type, isKey }: LoadPlan['columns'][number]): string {
  const isNeverNull = isKey && plan.kind === 'replace' && plan.isKeyDeclared !== true;
  return `${quoteName(name)} ${type}${isNeverNull ? ' NOT NULL' : ''}`;
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
  refuseGaps(plan, live);
  const additions = toAddColumns(plan, live);
  if (additions.length === 0) return;
  const alter = `ALTER TABLE ${table} ${additions.join(', ')}`;
  const action = `Adding columns to ${table}`;
  await session.script(action, 'BEGIN', signal);
  await lockOutReaders(session, table, signal);
  await session.script(action, `${alter}; COMMIT`, signal);
}
