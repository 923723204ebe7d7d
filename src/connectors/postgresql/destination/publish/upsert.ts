import type { PublishCounts } from '../../../../connector-kit/index.ts';
import { SyncError } from '../../../../core/index.ts';
import { emptySum } from '../../../../formats/index.ts';
import type { Session } from '../../client.ts';
import { quoteName, quoteText } from '../../sql.ts';
import { hasPlannedKey, type LiveTable } from '../live-table.ts';
import { toImage } from './diff.ts';
import { sameKey } from './history.ts';
import { countRecords } from './refill.ts';
import type { PublishScene } from './scene.ts';

/** What a delta's statement has done. */
interface Written {
  readonly inserted: number;
  readonly updated: number;
  readonly staged: number;
}

/**
 * Applies a delta by the live table's own key: half the time of a join where most staged records have changed, as in a
 * delta. A complete scan is not applied so, since every unchanged record would be locked, which writes its page.
 * @returns null, with nothing changed, when the table has no such key or refuses a record
 */
export async function upsertDelta(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<PublishCounts | null> {
  if (scene.plan.kind !== 'delta' || !hasPlannedKey(live, scene.plan)) return null;
  const action = `Writing into ${scene.names.live}`;
  await session.script(action, 'SAVEPOINT upsert', signal);
  try {
    const merged = await mergeByKey(session, scene, live, signal);
    if (merged !== null) return toCounts(merged);
    await session.script(action, 'ROLLBACK TO SAVEPOINT upsert', signal);
    const [row] = await session.query(action, toUpsert(scene, live), [], signal);
    return toCounts({
      inserted: Number(row?.inserted),
      updated: Number(row?.updated),
      staged: Number(row?.staged),
    });
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
    await session.script(action, 'ROLLBACK TO SAVEPOINT upsert', signal);
    return null;
  }
}

function toCounts({ inserted, updated, staged }: Written): PublishCounts {
  const unchanged = staged - inserted - updated;
  return { inserted, updated, unchanged, deleted: 0, rejects: [], rejected: emptySum(false) };
}

/** The oldest server that has MERGE. */
const MERGE_SINCE = 150_000;

/** Each staged record is looked up by the key, as ON CONFLICT would, however large the planner thinks that both tables are. */
const BY_KEY = 'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off';

/**
 * Does what ON CONFLICT does in four fifths of the time: no record is locked before it is written, and none is returned.
 * Null where the server is too old for it, would not look records up by the key, or counts otherwise; then what may have
 * been written has to be taken back.
 */
async function mergeByKey(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<Written | null> {
  const { plan, names, guard } = scene;
  const isAlike = plan.columns.every(({ name, type }) => live.columns.get(name) === type);
  if (session.version < MERGE_SINCE || !isAlike || !live.isPlain) return null;
  const action = `Writing into ${names.live}`;
  const sql = toMerge(scene, live);
  await session.script(action, BY_KEY, signal);
  const how = await explain(session, sql, signal);
  if (how === null || !(isLookedUp(how) || (await isSmall(session, live, signal)))) return null;
  const before = await readTally(session, scene, live, signal);
  const written = await session.execute(action, sql, [], signal);
  const after = await readTally(session, scene, live, signal);
  const [inserted, updated] = [after.inserted - before.inserted, after.updated - before.updated];
  // Where the server does not count, or a trigger writes into the same table, nobody could tell the two apart.
  if (inserted + updated !== written) return null;
  // What the statement has read of the stage and what the lanes have loaded into it: two who know it.
  const read = after.read - before.read;
  return {
    inserted,
    updated,
    staged: read === guard.loaded ? read : await countRecords(session, names.scratch, signal),
  };
}

/** The server's plan of a statement, or null where it knows of no way: it merges into no table that has rules. */
async function explain(session: Session, sql: string, signal: AbortSignal): Promise<unknown> {
  try {
    const [row] = await session.query('Planning a merge', `EXPLAIN (FORMAT JSON) ${sql}`, [], signal);
    return JSON.parse(row?.['QUERY PLAN'] ?? 'null');
  } catch (error) {
    if (error instanceof SyncError && error.detail.sqlState === '0A000') return null;
    throw error;
  }
}

/** True where an index leads to the records `l`. */
export function isLookedUp(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false;
  const facts = new Map<string, unknown>(Object.entries(node));
  const isCondition = facts.has('Index Cond') || facts.has('Recheck Cond');
  return (facts.get('Alias') === 'l' && isCondition) || [...facts.values()].some(isLookedUp);
}

/** A table of no more bytes may be read whole for each staged record. */
const SMALL_BYTES = 128 * 1024;

async function isSmall(session: Session, { oid }: LiveTable, signal: AbortSignal): Promise<boolean> {
  const sql = 'SELECT (pg_relation_size($1::oid) <= $2)::text AS small';
  const [row] = await session.query('Measuring a table', sql, [oid, SMALL_BYTES], signal);
  return row?.small === 'true';
}

/** What this transaction has done so far, by the server's own count. */
interface Tally {
  readonly inserted: number;
  readonly updated: number;
  /** Of the stage, from its first to its last record. */
  readonly read: number;
}

async function readTally(
  session: Session,
  { names }: PublishScene,
  { oid }: LiveTable,
  signal: AbortSignal,
): Promise<Tally> {
  const sql = `SELECT pg_stat_get_xact_tuples_inserted($1::oid)::text AS inserted, pg_stat_get_xact_tuples_updated($1::oid)::text AS updated,
    pg_stat_get_xact_tuples_returned(${quoteText(names.scratch)}::regclass)::text AS read`;
  const [row] = await session.query('Counting what was written', sql, [oid], signal);
  return { inserted: Number(row?.inserted ?? 0), updated: Number(row?.updated ?? 0), read: Number(row?.read ?? 0) };
}

/** What both statements write into a record `l`, from one called `from`. */
function toParts({ plan, names }: PublishScene, live: LiveTable, from: 's' | 'excluded') {
  const stamp = `${quoteText(plan.stampedAt)}::timestamptz`;
  const deletedName = `${plan.columnPrefix}deleted_at`;
  const deletedAt = live.columns.has(deletedName) ? quoteName(deletedName) : null;
  const stamps = [names.createdAt, names.updatedAt].filter((column) => column !== null);
  const sets = [
    ...names.columns.map((column) => `${column} = ${from}.${column}`),
    ...(names.updatedAt === null ? [] : [`${names.updatedAt} = ${stamp}`]),
    ...(deletedAt === null ? [] : [`${deletedAt} = NULL`]),
  ];
  // Most changes come with another time, which is found before two whole records have been put together.
  const times = plan.columns.filter(({ logicalType: { kind } }) => kind === 'timestamptz' || kind === 'timestamp');
  const differs = [
    ...(deletedAt === null ? [] : [`l.${deletedAt} IS NOT NULL`]),
    ...times.map(({ name }) => `l.${quoteName(name)} IS DISTINCT FROM ${from}.${quoteName(name)}`),
    `${toImage(plan, null, 'l')} OPERATOR(pg_catalog.*<>) ${toImage(plan, null, from)}`,
  ].join(' OR ');
  return {
    into: [...names.columns, ...stamps].join(', '),
    stamps: stamps.map(() => stamp),
    sets: sets.join(', '),
    differs,
  };
}

function toMerge(scene: PublishScene, live: LiveTable): string {
  const { plan, names } = scene;
  const { into, stamps, sets, differs } = toParts(scene, live, 's');
  const values = [...names.columns.map((column) => `s.${column}`), ...stamps].join(', ');
  return `MERGE INTO ONLY ${names.live} l USING ${names.scratch} s ON ${sameKey(plan, live)}
    WHEN MATCHED AND (${differs}) THEN UPDATE SET ${sets}
    WHEN NOT MATCHED THEN INSERT (${into}) VALUES (${values})`;
}

function toUpsert(scene: PublishScene, live: LiveTable): string {
  const { names } = scene;
  const { into, stamps, sets, differs } = toParts(scene, live, 'excluded');
  // A version that was written over a locked one carries the lock's transaction; a new record carries none.
  return `WITH written AS (
      INSERT INTO ${names.live} AS l (${into}) SELECT ${[...names.columns, ...stamps].join(', ')} FROM ${names.scratch}
      ON CONFLICT (${names.keys.join(', ')}) DO UPDATE SET ${sets} WHERE ${differs}
      RETURNING l.xmax = 0 AS is_new)
    SELECT count(*) FILTER (WHERE is_new)::text AS inserted, count(*) FILTER (WHERE NOT is_new)::text AS updated,
      (SELECT count(*) FROM ${names.scratch})::text AS staged FROM written`;
}
