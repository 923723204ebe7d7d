import type { Session } from '../../client.ts';
import { quoteName } from '../../sql.ts';
import type { LiveTable } from '../live-table.ts';
import { commonType } from '../type-fit.ts';
import { guardCompleteColumns } from './column-loss.ts';
import { guardLoss } from './guard.ts';
import { isAlive, sameKey } from './history.ts';
import { countRecords, type Sizes } from './refill.ts';
import type { PublishScene } from './scene.ts';

/** Live records from which on a sample is asked first: a join of all takes longer than the rest of the publication. */
const MANY_RECORDS = 100_000;
/** Pages that a sample reads. */
const SAMPLE_PAGES = 800;
/** Where fewer of them hold living records, as in a table full of dead ones, they say too little. */
const LEAST_PAGES = 400;
/** How far a sample may err: with that many pages of about as many records, by Hoeffding's bound, less than once in 10^13. */
const MARGIN_PERCENT = 20;

/**
 * Counts what a replacement takes away: by key, or keyless by the drop in number. Where the guard allows it by far, the
 * records by which the table shrinks are the answer, and the keys are only sampled. @throws `LOSS_GUARD`
 */
export async function guardReplacement(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<Sizes> {
  const { names, guard } = scene;
  const staged = guard.loaded ?? (await countRecords(session, names.scratch, signal));
  const liveCount = await countAlive(session, scene, live, signal);
  const drop = Math.max(0, liveCount - staged);
  const isCounted =
    keysOf(scene, live) !== 'unknown' && !(await isAllowedByFar(session, scene, live, liveCount, signal));
  const lost = isCounted ? await countLost(session, scene, live, signal) : drop;
  guardLoss(names.live, lost, liveCount, guard);
  await guardCompleteColumns(session, scene, live, { live: liveCount, staged, touched: liveCount }, signal);
  return { staged, lost, carried: [] };
}

async function countAlive(
  session: Session,
  { plan, names }: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<number> {
  const sql = `SELECT count(*)::text AS records FROM ONLY ${names.live} l WHERE ${isAlive(plan, live)}`;
  const [row] = await session.query(`Counting the records of ${names.live}`, sql, [], signal);
  return Number(row?.records ?? 0);
}

/** `alike`: of the same types, so that an index of the shadow finds them. */
function keysOf({ plan }: PublishScene, live: LiveTable): 'unknown' | 'comparable' | 'alike' {
  const keys = plan.columns.filter(({ isKey }) => isKey);
  if (keys.length === 0) return 'unknown';
  if (keys.every(({ name, type }) => live.columns.get(name) === type)) return 'alike';
  const isComparable = keys.every(({ name, type }) => commonType(live.columns.get(name) ?? '', type) !== null);
  return isComparable ? 'comparable' : 'unknown';
}

/** Tombstones are made of exactly the records that are lost, so those are counted. */
async function isAllowedByFar(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  liveCount: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { plan, names, guard } = scene;
  if (plan.tombstones || liveCount < MANY_RECORDS) return false;
  if (guard.maxLossPercent >= 100) return true;
  if (keysOf(scene, live) !== 'alike') return false;
  const [row] = await session.query(
    `Sampling the records of ${names.live}`,
    `SELECT count(*)::text AS seen, count(DISTINCT (l.ctid::text::point)[0])::text AS pages, count(*) FILTER (WHERE found IS NULL)::text AS lost
     FROM ONLY ${names.live} l TABLESAMPLE SYSTEM (least(100, ${SAMPLE_PAGES} * 100.0 * current_setting('block_size')::int
       / greatest(pg_relation_size(${live.oid}::oid::regclass), 1)))
     LEFT JOIN LATERAL (SELECT true AS found FROM ${names.scratch} s WHERE ${sameKey(plan, live)} LIMIT 1) s ON true
     WHERE ${isAlive(plan, live)}`,
    [],
    signal,
  );
  const [seen, pages, lost] = [Number(row?.seen ?? 0), Number(row?.pages ?? 0), Number(row?.lost ?? 0)];
  return pages >= LEAST_PAGES && (lost * 100) / seen + MARGIN_PERCENT <= guard.maxLossPercent;
}

/** Joined, so that the planner can hash or merge: a subquery for each record costs more than the load. */
async function countLost(
  session: Session,
  { plan, names }: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<number> {
  const [key] = plan.columns.filter(({ isKey }) => isKey);
  const [row] = await session.query(
    `Counting the records that ${names.live} would lose`,
    `SELECT count(*)::text AS lost FROM ONLY ${names.live} l LEFT JOIN ${names.scratch} s ON ${sameKey(plan, live)}
     WHERE ${isAlive(plan, live)} AND s.${quoteName(key?.name ?? '')} IS NULL`,
    [],
    signal,
  );
  return Number(row?.lost ?? 0);
}
