import type {
  LoadPlan,
  Pack,
  PackOutcomes,
  PackTable,
  PackWay,
  PublishCounts,
} from '../../../../connector-kit/index.ts';
import { type RangeSum, SyncError } from '../../../../core/index.ts';
import { type Chunk, emptySum } from '../../../../formats/index.ts';
import { toWorkName } from '../../client/work-name.ts';
import type { Session } from '../../client.ts';
import type { SessionPool } from '../../sessions.ts';
import { quoteName, quoteText } from '../../sql.ts';
import { hashRecords, toColumnList } from '../digest.ts';
import { ownColumnDefinitions } from '../live-table.ts';
import { nameObjects, toKeyName } from '../naming.ts';
import { ensureSchema } from '../prepare.ts';
import { ensureState } from '../state.ts';
import { COPY_OPTIONS } from '../writer.ts';
import { findWays, type Way } from './find-ways.ts';
import {
  BEGIN_PACK,
  beginPack,
  enterFences,
  forgetLoads,
  insertPublications,
  insertSegments,
  leaveFences,
  passFences,
} from './state-rows.ts';

/**
 * Small tables of one database that are loaded together by one session. What is new is made with its key at once and
 * without statistics: for few records both cost less than a second look at the table.
 */
export class PostgresqlPack implements Pack {
  readonly #pool: SessionPool;
  readonly #tables: readonly PackTable[];
  #session: Session | null = null;
  #ways: readonly Way[] = [];
  #isInTransaction = false;
  /** Between entering the fences and leaving them: until then they name this session as the one to be ended. */
  #isNamed = false;
  #hasFailed = false;

  constructor(pool: SessionPool, tables: readonly PackTable[]) {
    this.#pool = pool;
    this.#tables = tables;
  }

  enter(signal: AbortSignal): Promise<readonly PackWay[]> {
    return this.#run(signal, async (session) => {
      const plans = this.#tables.map(({ plan }) => plan);
      await ensureState(session, signal);
      for (const plan of firstOfEachSchema(plans)) await ensureSchema(session, plan, signal);
      this.#ways = await findWays(session, plans, signal);
      const entered = plans.filter((_, index) => this.#ways[index]?.way !== 'alone');
      this.#isNamed = entered.length > 0;
      if (this.#isNamed) await enterFences(session, entered, signal);
      return this.#ways.map(({ way }) => way);
    });
  }

  write(index: number, chunks: readonly Chunk[], signal: AbortSignal): Promise<void> {
    return this.#run(signal, async (session) => {
      const { plan } = this.#table(index);
      const { live, scratch, columns } = nameObjects(plan);
      const begin = this.#isInTransaction ? [] : [BEGIN_PACK];
      const name = toWorkName(session.name, plan.table.name);
      this.#isInTransaction = true;
      const copy = `COPY ${scratch} (${columns.join(', ')}) FROM STDIN (${COPY_OPTIONS[plan.format]})`;
      // One message to the server: the table is not made by a call of its own.
      const sql = [...begin, name, toCreate(plan), copy].join('; ');
      const target = await session.copyIn(`Loading ${live}`, sql, plan.format, signal);
      for (const chunk of chunks) await target.write(chunk, signal);
      await target.end(signal);
    });
  }

  commit(outcomes: PackOutcomes, signal: AbortSignal): Promise<void> {
    return this.#run(signal, async (session) => {
      if (!this.#isInTransaction) return;
      await insertSegments(session, this.#tables, outcomes, signal);
      await passFences(session, this.#plansOf(outcomes.keys()), false, signal);
      await session.script('Committing a pack', 'COMMIT', signal);
      this.#isInTransaction = false;
    });
  }

  digest(index: number, countsOnly: boolean, signal: AbortSignal): Promise<RangeSum> {
    return this.#run(signal, async (session) => {
      const { plan } = this.#table(index);
      const live = this.#ways[index]?.live ?? null;
      const source = live === null ? `FROM ${nameObjects(plan).scratch} t` : `FROM ${toLiving(plan, live)}`;
      if (!countsOnly) return hashRecords(session, plan, `SELECT ${toColumnList(plan, live, 't')} ${source}`, signal);
      const action = `Reading ${nameObjects(plan).live} again`;
      const [row] = await session.query(action, `SELECT count(*)::text AS records ${source}`, [], signal);
      return { records: Number(row?.records), sum: null };
    });
  }

  publish(outcomes: PackOutcomes, signal: AbortSignal): Promise<ReadonlyMap<number, PublishCounts>> {
    return this.#run(signal, async (session) => {
      const action = 'Publishing a pack';
      const isNew = (index: number) => this.#ways[index]?.way === 'load';
      const renames = this.#plansOf([...outcomes.keys()].filter(isNew)).flatMap(toRenames);
      await session.script(action, [beginPack(session, this.#tables.length), ...renames].join('; '), signal);
      const left = this.#ways.flatMap(({ way }, index) => (way === 'alone' || outcomes.has(index) ? [] : [index]));
      await leaveFences(session, this.#plansOf(left), signal);
      const counts = new Map([...outcomes].map(([index, read]) => [index, toCounts(read.recordsRead, isNew(index))]));
      const compared = new Map([...outcomes].filter(([index]) => !isNew(index)));
      if (compared.size > 0) await insertSegments(session, this.#tables, compared, signal);
      const published = [...counts].map(([index, found]) => ({ plan: this.#table(index).plan, counts: found }));
      if (published.length > 0) await insertPublications(session, published, signal);
      await passFences(session, this.#plansOf(outcomes.keys()), true, signal);
      await session.script(action, 'COMMIT', signal);
      this.#isNamed = false;
      return counts;
    });
  }

  discard(signal: AbortSignal): Promise<void> {
    const plans = this.#tables.map(({ plan }) => plan);
    return this.#run(signal, (session) => forgetLoads(session, plans, signal));
  }

  /**
   * A session with an unfinished transaction is not kept, nor one that a call has failed in, nor one that fences name: the
   * next owner of each table ends it, whatever it works on by then.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const session = this.#session;
    this.#session = null;
    if (session === null) return;
    if (this.#isInTransaction || this.#isNamed || this.#hasFailed) session.destroy();
    else await this.#pool.release(session);
  }

  async #run<Result>(signal: AbortSignal, work: (session: Session) => Promise<Result>): Promise<Result> {
    this.#session ??= await this.#pool.acquire(signal);
    try {
      return await work(this.#session);
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  #table(index: number): PackTable {
    const table = this.#tables[index];
    if (table === undefined) throw new SyncError('INTERNAL', `The pack has no table ${index}. Report it.`);
    return table;
  }

  #plansOf(indices: Iterable<number>): readonly LoadPlan[] {
    return [...indices].map((index) => this.#table(index).plan);
  }
}

function firstOfEachSchema(plans: readonly LoadPlan[]): readonly LoadPlan[] {
  return [...new Map(plans.map((plan) => [plan.table.schema, plan])).values()];
}

/** The shadow as `prepare` and `seal` would make it, with the live table's own name for its key. */
function toCreate(plan: LoadPlan): string {
  const { scratch, keys } = nameObjects(plan);
  const own = ownColumnDefinitions(plan, `${quoteText(plan.stampedAt)}::timestamptz`);
  const columns = [
    ...plan.columns.map(({ name, type }) => `${quoteName(name)} ${type}`),
    ...[...own].map(([name, definition]) => `${quoteName(name)} ${definition}`),
    ...(keys.length === 0 ? [] : [`CONSTRAINT ${quoteName(toKeyName(plan.table))} PRIMARY KEY (${keys.join(', ')})`]),
  ];
  return `CREATE TABLE ${scratch} (${columns.join(', ')})`;
}

function toRenames(plan: LoadPlan): readonly string[] {
  const { scratch, createdAt, updatedAt } = nameObjects(plan);
  const defaults = [createdAt, updatedAt].flatMap((name) =>
    name === null ? [] : [`ALTER COLUMN ${name} SET DEFAULT now()`],
  );
  return [
    ...(defaults.length === 0 ? [] : [`ALTER TABLE ${scratch} ${defaults.join(', ')}`]),
    `ALTER TABLE ${scratch} RENAME TO ${quoteName(plan.table.name)}`,
  ];
}

function toLiving(plan: LoadPlan, live: NonNullable<Way['live']>): string {
  const deletedAt = `${plan.columnPrefix}deleted_at`;
  const alive = live.columns.has(deletedAt) ? ` WHERE t.${quoteName(deletedAt)} IS NULL` : '';
  return `ONLY ${nameObjects(plan).live} t${alive}`;
}

function toCounts(records: number, isNew: boolean): PublishCounts {
  return {
    inserted: isNew ? records : 0,
    updated: 0,
    unchanged: isNew ? 0 : records,
    deleted: 0,
    rejects: [],
    rejected: emptySum(false),
  };
}
