import { type ColumnCounts, guardColumns, harmlessLoss } from '../../../../connector-kit/index.ts';
import type { Session } from '../../client.ts';
import { quoteName, quoteText } from '../../sql.ts';
import type { LiveTable } from '../live-table.ts';
import { isAlive, sameKey } from './history.ts';
import { countRecords } from './refill.ts';
import type { PublishScene } from './scene.ts';

/** What is known of the records before their values are counted. */
export interface Records {
  /** Live ones, tombstones aside. */
  readonly live: number;
  /** Those that the live table will have. */
  readonly staged: number;
  /** The most whose values can change or go. */
  readonly touched: number;
}

/**
 * Stops a complete load that would take too many of a column's values away. Counting them takes as long as a tenth of
 * the load, so only those columns are counted of which statistics or a sample do not say already that enough is left.
 * @throws `LOSS_GUARD`
 */
export async function guardCompleteColumns(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  records: Records,
  signal: AbortSignal,
): Promise<void> {
  const { names, guard } = scene;
  const harmless = harmlessLoss(records.live, guard);
  if (harmless === null || records.touched <= harmless) return;
  const kept = 1 - guard.maxLossPercent / 100;
  const shares = await readNullShares(session, scene, live, signal);
  const doubtful = shares
    .filter(({ staged, before }) => records.staged * (1 - staged.most) < records.live * (1 - before.least) * kept)
    .map(({ column }) => column);
  if (doubtful.length === 0) return;
  const before = await countValues(session, doubtful, `${names.live} l WHERE ${isAlive(scene.plan, live)}`, signal);
  const after = await countValues(session, doubtful, `${names.scratch} l`, signal);
  const counts = doubtful.map((column, index) => ({ column, before: before[index] ?? 0, after: after[index] ?? 0 }));
  guardColumns(names.live, records.live, counts, guard);
}

/** The same for a delta, whose records lie over the live ones. @throws `LOSS_GUARD` */
export async function guardDeltaColumns(
  session: Session,
  scene: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<void> {
  const { plan, names, guard } = scene;
  if (guard.maxLossPercent >= 100) return;
  const [row] = await session.query(
    `Looking how large ${names.live} is`,
    'SELECT reltuples::bigint::text AS live FROM pg_class WHERE oid = $1::oid',
    [live.oid],
    signal,
  );
  const size = Number(row?.live ?? 0);
  const staged = guard.loaded ?? (await countRecords(session, names.scratch, signal));
  const harmless = harmlessLoss(size, guard);
  if (harmless === null || staged <= harmless) return;
  const shares = await readNullShares(session, scene, live, signal);
  const doubtful = shares.filter((share) => staged * share.staged.most > harmless).map(({ column }) => column);
  if (doubtful.length === 0) return;
  const emptied = await countEmptied(session, scene, live, doubtful, signal);
  const losing = doubtful.filter((_, index) => (emptied[index] ?? 0) > harmless);
  if (losing.length === 0) return;
  const before = await countValues(session, losing, `${names.live} l WHERE ${isAlive(plan, live)}`, signal);
  const counts = losing.map((column, index): ColumnCounts => {
    const held = before[index] ?? 0;
    return { column, before: held, after: held - (emptied[doubtful.indexOf(column)] ?? 0) };
  });
  guardColumns(names.live, size, counts, guard);
}

/** Between which bounds the share of NULLs in a column lies. */
interface NullShare {
  readonly column: string;
  readonly staged: Bounds;
  readonly before: Bounds;
}

interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** Three hundred records are sampled for each step of the target; six standard deviations of a share among so many. */
const STATISTICS = `
  SELECT tablename, attname, null_frac::text AS share, (3 / sqrt(300.0 * greatest(1, current_setting('default_statistics_target')::int)))::text AS margin
  FROM pg_stats WHERE schemaname = $1 AND tablename IN ($2, $3) AND NOT inherited`;

/** Pages of a stage that a sample reads, and how far it may err: less than once in a million times, by Hoeffding's bound. */
const SAMPLE_PAGES = 800;
const SAMPLE_MARGIN = 0.1;

const UNKNOWN: Bounds = { least: 0, most: 1 };

/** Of the live table by its statistics, of what was loaded by a sample, unless the server has collected statistics of it already. */
async function readNullShares(
  session: Session,
  { plan, names }: PublishScene,
  live: LiveTable,
  signal: AbortSignal,
): Promise<readonly NullShare[]> {
  const { schema, name: liveName } = plan.table;
  const columns = plan.columns.filter(({ name, isKey }) => !isKey && live.columns.has(name)).map(({ name }) => name);
  const action = `Reading the statistics of what was loaded for ${names.live}`;
  const rows = await session.query(action, STATISTICS, [schema, liveName, names.scratchName], signal);
  const bounds = new Map(
    rows.map(({ tablename, attname, share, margin }) => [
      `${tablename} ${attname}`,
      toBounds(Number(share), Number(margin)),
    ]),
  );
  const isKnown = columns.every((column) => bounds.has(`${names.scratchName} ${column}`));
  const sampled = isKnown ? new Map<string, Bounds>() : await sampleNulls(session, names.scratch, columns, signal);
  return columns.map((column) => ({
    column,
    staged: bounds.get(`${names.scratchName} ${column}`) ?? sampled.get(column) ?? UNKNOWN,
    before: bounds.get(`${liveName} ${column}`) ?? UNKNOWN,
  }));
}

function toBounds(share: number, margin: number): Bounds {
  return { least: Math.max(0, share - margin), most: Math.min(1, share + margin) };
}

async function sampleNulls(
  session: Session,
  stage: string,
  columns: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Bounds>> {
  const counts = columns.map((column, index) => `, count(${quoteName(column)})::text AS c${index}`).join('');
  const part = `${SAMPLE_PAGES} * current_setting('block_size')::numeric / greatest(pg_relation_size(${quoteText(stage)}::regclass), 1)`;
  const [row] = await session.query(
    'Sampling what was loaded',
    `SELECT count(*)::text AS seen, (${part} >= 1)::text AS whole${counts} FROM ONLY ${stage} TABLESAMPLE SYSTEM (least(100, 100 * ${part}))`,
    [],
    signal,
  );
  const seen = Number(row?.seen ?? 0);
  if (seen === 0) return new Map();
  const margin = row?.whole === 'true' ? 0 : SAMPLE_MARGIN;
  return new Map(
    columns.map((column, index) => [column, toBounds(1 - Number(row?.[`c${index}`] ?? 0) / seen, margin)]),
  );
}

async function countValues(
  session: Session,
  columns: readonly string[],
  from: string,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const counts = columns.map((column, index) => `count(l.${quoteName(column)})::text AS c${index}`);
  const [row] = await session.query('Counting values', `SELECT ${counts.join(', ')} FROM ONLY ${from}`, [], signal);
  return columns.map((_, index) => Number(row?.[`c${index}`] ?? 0));
}

/** Values of living records that the delta would make NULL. */
async function countEmptied(
  session: Session,
  { plan, names }: PublishScene,
  live: LiveTable,
  columns: readonly string[],
  signal: AbortSignal,
): Promise<readonly number[]> {
  const counts = columns.map((column, index) => {
    const name = quoteName(column);
    return `count(*) FILTER (WHERE l.${name} IS NOT NULL AND s.${name} IS NULL)::text AS c${index}`;
  });
  const [row] = await session.query(
    `Comparing values of ${names.live}`,
    `SELECT ${counts.join(', ')} FROM ${names.scratch} s JOIN ONLY ${names.live} l ON ${sameKey(plan, live)} WHERE ${isAlive(plan, live)}`,
    [],
    signal,
  );
  return columns.map((_, index) => Number(row?.[`c${index}`] ?? 0));
}
