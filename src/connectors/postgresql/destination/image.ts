import {
  type LoadPlan,
  type SegmentRange,
  type SourceChunk,
  type TableImage,
  tableText,
} from '../../../connector-kit/index.ts';
import { type RangeSum, SyncError } from '../../../core/index.ts';
import { toWorkName } from '../client/work-name.ts';
import type { Session } from '../client.ts';
import type { SessionPool } from '../sessions.ts';
import { quoteName, quoteTable } from '../sql.ts';
import { hashRecords, toColumnList, toRangeConditions } from './digest.ts';
import { type LiveTable, readLiveTable } from './live-table.ts';
import { refuseHidden } from './row-security.ts';

/** See `BulkDestination.openImage`: one transaction, which sees one image and can change nothing. */
export async function openImage(pool: SessionPool, plan: LoadPlan, signal: AbortSignal): Promise<TableImage> {
  const session = await pool.acquire(signal);
  try {
    const action = `Looking at ${tableText(plan.table)}`;
    const name = toWorkName(session.name, plan.table.name);
    await session.script(action, `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${name}`, signal);
    const live = await readLiveTable(session, plan.table, signal);
    refuseIncomparable(plan, live);
    if (live.mayHide) await refuseHidden(session, plan, live.oid, signal);
    const notes = await describeCasts(session, plan, live, signal);
    // It stays open beside those that work, on a server that has no place for more, too.
    pool.setAside(session);
    return new PostgresqlImage(pool, session, { plan, live, notes });
  } catch (error) {
    session.destroy();
    throw error;
  }
}

class PostgresqlImage implements TableImage {
  readonly notes: readonly string[];
  readonly #pool: SessionPool;
  readonly #session: Session;
  readonly #plan: LoadPlan;
  readonly #live: LiveTable;

  constructor(
    pool: SessionPool,
    session: Session,
    { plan, live, notes }: { readonly plan: LoadPlan; readonly live: LiveTable; readonly notes: readonly string[] },
  ) {
    this.#pool = pool;
    this.#session = session;
    this.#plan = plan;
    this.#live = live;
    this.notes = notes;
  }

  async digest(range: SegmentRange | null, countsOnly: boolean, signal: AbortSignal): Promise<RangeSum> {
    if (!countsOnly) return hashRecords(this.#session, this.#plan, this.#toQuery(range), signal);
    const sql = `SELECT count(*)::text AS records ${this.#toSource(range)}`;
    const [row] = await this.#session.query(`Counting ${tableText(this.#plan.table)}`, sql, [], signal);
    return { records: Number(row?.records), sum: null };
  }

  async *read(range: SegmentRange | null, signal: AbortSignal): AsyncGenerator<SourceChunk, void, undefined> {
    const { format, table } = this.#plan;
    const options = format === 'csv' ? 'FORMAT csv' : 'FORMAT binary';
    const sql = `COPY (${this.#toQuery(range)}) TO STDOUT (${options})`;
    for await (const chunk of this.#session.copyOut(`Reading ${tableText(table)}`, sql, format, signal))
      yield { chunk };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#session.isUsable) return this.#session.destroy();
    try {
      await this.#session.script('Ending a comparison', 'ROLLBACK', AbortSignal.timeout(10_000));
      await this.#pool.release(this.#session);
    } catch {
      // It has only read.
      this.#session.destroy();
    }
  }

  #toQuery(range: SegmentRange | null): string {
    return `SELECT ${toColumnList(this.#plan, this.#live, 't')} ${this.#toSource(range)}`;
  }

  #toSource(range: SegmentRange | null): string {
    return toLiving(this.#plan, this.#live, toRangeConditions(this.#plan, range));
  }
}

/** FROM and WHERE of the living records `t`. */
function toLiving({ columnPrefix, table }: LoadPlan, live: LiveTable, conditions: readonly string[]): string {
  const deletedAt = `${columnPrefix}deleted_at`;
  const all = [...(live.columns.has(deletedAt) ? [`t.${quoteName(deletedAt)} IS NULL`] : []), ...conditions];
  const where = all.length === 0 ? '' : ` WHERE ${all.join(' AND ')}`;
  // Another tool may have made it of partitions, or as a view.
  return `FROM ${live.isPlain ? 'ONLY ' : ''}${quoteTable(table)} t${where}`;
}

function refuseIncomparable(plan: LoadPlan, live: LiveTable | null): asserts live is LiveTable {
  if (live === null) {
    throw new SyncError(
      'TABLE_DIFFERS',
      `${tableText(plan.table)} does not exist in the destination, so ${plan.schemaId} has nothing to be compared with. Run the sync first, or correct the destination schema.`,
    );
  }
  const missing = plan.columns.filter(({ name }) => !live.columns.has(name));
  if (missing.length === 0) return;
  throw new SyncError(
    'TABLE_DIFFERS',
    `${tableText(plan.table)} has no column ${missing.map(({ name }) => name).join(', ')}, so ${plan.schemaId} cannot be compared with it. Run the sync first, or select the other fields only.`,
  );
}

/** Types whose casts can round a value off and are undone exactly where they do not. */
const ROUNDED = /^(numeric|smallint|integer|bigint|real|double precision|timestamp|time|date)/;

/**
 * A column of another type is read as the planned one. Where that changes a value it would hide a difference, so it is
 * looked for before.
 * @throws `TABLE_DIFFERS` naming the columns that hold what the planned type cannot
 */
async function describeCasts(
  session: Session,
  plan: LoadPlan,
  live: LiveTable,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const others = plan.columns.filter(({ name, type }) => live.columns.get(name) !== type);
  const risky = others.filter(({ name, type }) => ROUNDED.test(type) && ROUNDED.test(live.columns.get(name) ?? ''));
  if (risky.length > 0) {
    const counts = risky.map(({ name, type }, index) => {
      const column = `t.${quoteName(name)}`;
      return `count(*) FILTER (WHERE ${column}::${type}::${live.columns.get(name)} IS DISTINCT FROM ${column})::text AS c${index}`;
    });
    const sql = `SELECT ${counts.join(', ')} ${toLiving(plan, live, [])}`;
    const [row] = await session.query(`Looking at the types of ${tableText(plan.table)}`, sql, [], signal);
    const changed = risky.filter((_, index) => row?.[`c${index}`] !== '0');
    if (changed.length > 0) throw holdsOthers(plan, live, changed);
  }
  return others.map(
    ({ name, type }) => `Column ${name} is ${live.columns.get(name)} in the destination, and was compared as ${type}.`,
  );
}

function holdsOthers(plan: LoadPlan, live: LiveTable, columns: LoadPlan['columns']): SyncError {
  const named = columns.map(({ name, type }) => `${name} (${live.columns.get(name)}, planned ${type})`).join(', ');
  return new SyncError(
    'TABLE_DIFFERS',
    `${tableText(plan.table)} holds values that the source's type cannot hold, in ${named}; they differ from the source for certain. Change the columns' types, or run the sync.`,
  );
}
