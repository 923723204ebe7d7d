import {
  type FileLease,
  keyColumns,
  quoteName,
  quoteTable,
  type Session,
} from '../../../connector-kit/duckdb/index.ts';
import {
  type ConnectorContext,
  keyNotUnique,
  type Load,
  type LoadPlan,
  type LossGuard,
  type PublishCounts,
  type SegmentId,
  type SegmentRange,
  type SegmentWriter,
} from '../../../connector-kit/index.ts';
import type { RangeSum } from '../../../core/index.ts';
import { digestLoad } from './digest.ts';
import { namesOf } from './load-names.ts';
import { dropGenerations, prepareLoad } from './prepare.ts';
import { publishLoad } from './publish.ts';
import { DuckdbSegmentWriter } from './segment-writer.ts';
import { findOutcome, findPublication, hasState, raiseToken } from './state.ts';

/** A checkpoint takes some 25 ms, which a sync of a thousand small tables must not pay for each. */
const CHECKPOINT_RECORDS = 100_000;

/** One schema's load into a database file. Loads of one file take turns, statement group by statement group. */
export class DuckdbLoad implements Load {
  readonly #lease: () => Promise<FileLease>;
  readonly #plan: LoadPlan;
  readonly #failpoint: ConnectorContext['failpoint'];

  constructor(lease: () => Promise<FileLease>, plan: LoadPlan, failpoint: ConnectorContext['failpoint']) {
    this.#lease = lease;
    this.#plan = plan;
    this.#failpoint = failpoint;
  }

  prepare(signal: AbortSignal): Promise<void> {
    return this.#do('Preparing', (session) => session.transaction(() => prepareLoad(session, this.#plan)), signal);
  }

  async beginSegment(
    segment: SegmentId,
    options: { readonly isolate: boolean },
    signal: AbortSignal,
  ): Promise<SegmentWriter> {
    const plan = this.#plan;
    const lease = await this.#lease();
    // In its turn it would wait until all other lanes have loaded, with nothing to read meanwhile.
    await lease.beside(
      `Beginning a segment of ${plan.schemaId} in`,
      (session) => session.transaction(() => raiseToken(session, plan, segment)),
      signal,
    );
    return new DuckdbSegmentWriter({ lease, plan, segment, isolate: options.isolate, failpoint: this.#failpoint });
  }

  /** Never `unknown`: one connection writes the file, so a commit that is not there has not taken place. */
  lookup(segment: SegmentId, signal: AbortSignal): ReturnType<Load['lookup']> {
    const look = async (session: Session) => {
      const outcome = (await hasState(session)) ? await findOutcome(session, this.#plan, segment.no) : null;
      return outcome === null ? ({ state: 'absent' } as const) : ({ state: 'committed', outcome } as const);
    };
    return this.#do('Looking up a segment of', look, signal);
  }

  /** Nothing to build: DuckDB keeps the bounds of every block, which is what reading a range needs. */
  async seal(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#plan.isKeyDeclared !== true) return;
    await this.#do('Looking whether the key is unique of', (session) => refuseDoubles(session, this.#plan), signal);
  }

  digest(range: SegmentRange | null, countsOnly: boolean, signal: AbortSignal): Promise<RangeSum> {
    return this.#do('Hashing', (session) => digestLoad(session, this.#plan, range, countsOnly), signal);
  }

  published(signal: AbortSignal): Promise<PublishCounts | null> {
    const find = async (session: Session) => ((await hasState(session)) ? findPublication(session, this.#plan) : null);
    return this.#do('Looking up the publication of', find, signal);
  }

  publish(guard: LossGuard, signal: AbortSignal): Promise<PublishCounts> {
    return this.#do('Publishing', (session) => publishLoad(session, this.#plan, guard, this.#failpoint), signal);
  }

  discard(signal: AbortSignal): Promise<void> {
    const drop = async (session: Session) => {
      if (!(await hasState(session))) return;
      const isSmall = countOf(await findPublication(session, this.#plan)) < CHECKPOINT_RECORDS;
      await session.transaction(() => dropGenerations(session, this.#plan, this.#plan.generation));
      if (isSmall) return;
      // What the publication has read would be in memory beside what the checkpoint takes.
      await session.trim();
      // Without it the next load would grow the file beside the space that this one has freed.
      await session.run('CHECKPOINT');
    };
    return this.#do('Clearing up after', drop, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The file belongs to the connector; segments remove their own.
  }

  async #do<T>(verb: string, work: (session: Session) => Promise<T>, signal: AbortSignal): Promise<T> {
    const lease = await this.#lease();
    return lease.exclusive(`${verb} ${this.#plan.schemaId} in`, work, signal);
  }
}

async function refuseDoubles(session: Session, plan: LoadPlan): Promise<void> {
  const keys = keyColumns(plan).map(({ name }) => quoteName(name));
  // Published already: what it loaded is in the live table.
  if (keys.length === 0 || (await findPublication(session, plan)) !== null) return;
  const isNull = keys.map((key) => `bool_or(${key} IS NULL)`).join(' OR ');
  const doubles = await session.rows(
    `SELECT 1 FROM ${quoteTable(namesOf(plan).work)} GROUP BY ${keys.join(', ')} HAVING count(*) > 1 OR ${isNull} LIMIT 1`,
  );
  if (doubles.length > 0) throw keyNotUnique(plan);
}

/** Records that a generation held; a load that was not published may have held any number. */
function countOf(counts: PublishCounts | null): number {
  return counts === null ? Number.POSITIVE_INFINITY : counts.inserted + counts.updated + counts.unchanged;
}
