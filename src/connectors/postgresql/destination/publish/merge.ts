import { SyncError } from '../../../../core/index.ts';
import type { Session } from '../../client.ts';
import { quoteName, quoteText } from '../../sql.ts';
import type { LiveTable } from '../live-table.ts';
import type { Names } from '../naming.ts';
import { applyIsolated } from './apply.ts';
import { guardCompleteColumns, guardDeltaColumns, type Records } from './column-loss.ts';
import { DIFF, type DiffCounts, toApplyStatements, toImage } from './diff.ts';
import { guardLoss } from './guard.ts';
import { KEPT, keepRefused } from './kept.ts';
import { removeListed } from './removals.ts';
import type { Publication, PublishScene } from './scene.ts';
import { upsertDelta } from './upsert.ts';

/**
 * Applies the stage's difference. One join finds what has to be done with which record, by its place in both tables;
 * the places stay true because the live table is locked against writers.
 */
export async function mergeStage(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<Publication> {
  const { plan, names, guard } = scene;
  const action = `Merging into ${names.live}`;
  if (names.keys.length === 0) throw new SyncError('INTERNAL', `A merge into ${names.live} was planned without a key.`);
  // First, so that a key that two systems write in two ways is free for the source's.
  const removed = await removeListed(session, scene, live, signal);
  if (plan.kind === 'delta') {
    await guardDeltaColumns(session, scene, live, signal);
    const upserted = await upsertDelta(session, scene, live, signal);
    if (upserted !== null) return { ...upserted, deleted: removed, kept: [] };
    await analyzeStage(session, names, signal);
  } else await purgeTombstones(session, scene, live, signal);
  const kept = plan.kind === 'delta' ? [] : await keepRefused(session, scene, live, signal);
  await session.script(action, toDiffTable(scene, live, kept.length > 0), signal);
  const counts = await countDiff(session, scene, live, signal);
  guardLoss(names.live, counts.deleted, counts.live, guard);
  if (plan.kind !== 'delta') await guardCompleteColumns(session, scene, live, toRecords(counts), signal);
  await removeMissing(session, scene, counts, signal);
  const { rejects, rejected, isRejected } = await applyIsolated(
    session,
    scene,
    toApplyStatements(scene, live),
    counts,
    signal,
  );
  return {
    inserted: counts.inserted - isRejected.inserted,
    updated: counts.updated - isRejected.updated,
    unchanged: counts.staged - counts.inserted - counts.updated,
    deleted: counts.deleted + removed,
    rejects,
    rejected,
    kept,
  };
}

/** A stage is joined by its key, and dropped. */
export async function analyzeStage(
  session: Session,
  { scratch, live, keys }: Names,
  signal: AbortSignal,
): Promise<void> {
  const columns = keys.length === 0 ? '' : ` (${keys.join(', ')})`;
  await session.script(`Analyzing what was loaded for ${live}`, `ANALYZE ${scratch}${columns}`, signal);
}

/** Of a complete scan: what is staged and not new was there, and so were those that are missing now. */
function toRecords({ staged, inserted, updated, deleted }: DiffCounts): Records {
  return { live: staged - inserted + deleted, staged, touched: updated + deleted };
}

/** A sync that keeps no tombstones lets go of those that it kept before; they are no loss. */
async function purgeTombstones(
  session: Session,
  { plan, names }: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<void> {
  const deletedAt = `${plan.columnPrefix}deleted_at`;
  if (plan.tombstones || !live.columns.has(deletedAt)) return;
  const sql = `DELETE FROM ONLY ${names.live} WHERE ${quoteName(deletedAt)} IS NOT NULL`;
  await letGo(session, { action: `Removing tombstones from ${names.live}`, sql, from: names.live }, signal);
}

/** `op`: i = insert, u = update or bring back, d = missing in a complete scan. */
function toDiffTable({ plan, names }: PublishScene, live: LiveTable, keepsSome: boolean): string {
  const deletedAt = `${plan.columnPrefix}deleted_at`;
  const isDead = live.columns.has(deletedAt) ? `l.${quoteName(deletedAt)} IS NOT NULL` : 'false';
  const sameKey = names.keys.map((key) => `l.${key} = s.${key}`).join(' AND ');
  const isComplete = plan.kind !== 'delta';
  const isKept = keepsSome
    ? `EXISTS (SELECT FROM ${KEPT} k WHERE ${names.keys.map((key) => `k.${key} = l.${key}`).join(' AND ')})`
    : 'false';
  return `CREATE TEMP TABLE ${DIFF} ON COMMIT DROP AS
    SELECT row_number() OVER () AS no, * FROM (
      SELECT CASE WHEN l.ctid IS NULL THEN 'i' WHEN s.ctid IS NULL THEN 'd' ELSE 'u' END AS op, l.ctid AS place, s.ctid AS stage
      FROM ONLY ${names.live} l ${isComplete ? 'FULL' : 'RIGHT'} JOIN ${names.scratch} s ON ${sameKey}
      WHERE CASE WHEN l.ctid IS NULL THEN true WHEN s.ctid IS NULL THEN NOT (${isDead} OR ${isKept})
        ELSE (${isDead}) OR ${toImage(plan, live, 'l')} OPERATOR(pg_catalog.*<>) ${toImage(plan, live, 's')} END) changed;
    ANALYZE ${DIFF}`;
}

async function countDiff(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<DiffCounts> {
  const { plan, names } = scene;
  const deletedAt = `${plan.columnPrefix}deleted_at`;
  const alive = live.columns.has(deletedAt) ? ` WHERE ${quoteName(deletedAt)} IS NULL` : '';
  const [row] = await session.query(
    `Counting the changes to ${names.live}`,
    `SELECT count(*) FILTER (WHERE op = 'i')::text AS inserted, count(*) FILTER (WHERE op = 'u')::text AS updated,
       count(*) FILTER (WHERE op = 'd')::text AS deleted, (SELECT count(*) FROM ${names.scratch})::text AS staged,
       CASE WHEN bool_or(op = 'd') THEN (SELECT count(*) FROM ONLY ${names.live}${alive}) ELSE 0 END::text AS live, max(no)::text AS last
     FROM ${DIFF}`,
    [],
    signal,
  );
  const count = (name: string) => Number(row?.[name] ?? 0);
  return {
    inserted: count('inserted'),
    updated: count('updated'),
    deleted: count('deleted'),
    staged: count('staged'),
    live: count('live'),
    last: count('last'),
  };
}

/** Tombstones, or deletes where the sync keeps none. */
async function removeMissing(
  session: Session,
  scene: PublishScene,
  counts: DiffCounts,
  signal: AbortSignal,
): Promise<void> {
  const { plan, names } = scene;
  if (counts.deleted === 0) return;
  const stamp = `${quoteText(plan.stampedAt)}::timestamptz`;
  const updatedAt = names.updatedAt === null ? '' : `, ${names.updatedAt} = ${stamp}`;
  const which = `WHERE d.op = 'd' AND l.ctid = d.place`;
  const sql =
    names.deletedAt !== null
      ? `UPDATE ONLY ${names.live} l SET ${names.deletedAt} = ${stamp}${updatedAt} FROM ${DIFF} d ${which}`
      : `DELETE FROM ONLY ${names.live} l USING ${DIFF} d ${which}`;
  await letGo(session, { action: `Removing records from ${names.live}`, sql, from: names.live }, signal);
}

async function letGo(
  session: Session,
  { action, sql, from }: { readonly action: string; readonly sql: string; readonly from: string },
  signal: AbortSignal,
): Promise<void> {
  try {
    await session.script(action, sql, signal);
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'RECORD_REFUSED') throw error;
    throw new SyncError(
      'TABLE_DIFFERS',
      `${error.message} ${from} does not let go of records that left the source. Remove the constraint or trigger, or keep tombstones.`,
      { cause: error },
    );
  }
}
