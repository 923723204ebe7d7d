import {
  type CollectedRecords,
  CollectedSegment,
  type FileLease,
  listNames,
  ownColumns,
  quoteTable,
  type RefusedRecord,
  type Session,
} from '../../../connector-kit/duckdb/index.ts';
import type {
  ConnectorContext,
  LoadPlan,
  SegmentId,
  SegmentOutcome,
  SegmentWriter,
} from '../../../connector-kit/index.ts';
import type { Chunk } from '../../../formats/index.ts';
import { namesOf } from './load-names.ts';
import { commitSegment } from './state.ts';

export interface SegmentParts {
  readonly lease: FileLease;
  readonly plan: LoadPlan;
  readonly segment: SegmentId;
  readonly isolate: boolean;
  readonly failpoint: ConnectorContext['failpoint'];
}

/** A segment as large as this leaves blocks in DuckDB's memory that are worth some milliseconds. */
const TRIM_BYTES = 8 * 1024 * 1024;

/** Collects a segment's chunks, which DuckDB then reads in one transaction. */
export class DuckdbSegmentWriter implements SegmentWriter {
  readonly #parts: SegmentParts;
  readonly #collected: CollectedSegment;

  constructor(parts: SegmentParts) {
    this.#parts = parts;
    const { plan, segment, lease, isolate } = parts;
    const name = `${namesOf(plan).work.name}-${segment.no}-${segment.token}`;
    this.#collected = new CollectedSegment(lease, plan, { name, isolate });
  }

  write(chunk: Chunk, signal: AbortSignal): Promise<readonly RefusedRecord[]> {
    return this.#collected.add(chunk, signal);
  }

  async commit(outcome: SegmentOutcome, signal: AbortSignal): Promise<void> {
    const { lease, plan, failpoint } = this.#parts;
    await lease.exclusive(
      `Loading ${plan.schemaId} into`,
      async (session) => {
        await this.#collected.load((records) => this.#load(session, records, outcome));
        if (outcome.bytesRead >= TRIM_BYTES) await session.trim();
      },
      signal,
    );
    failpoint('duckdb-after-commit');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#collected[Symbol.asyncDispose]();
  }

  #load(session: Session, records: CollectedRecords | null, outcome: SegmentOutcome): Promise<void> {
    const { plan, segment, failpoint } = this.#parts;
    return session.transaction(async () => {
      if (records !== null) records.assertAll(await session.run(insertSql(plan, records)));
      failpoint('duckdb-before-commit');
      await commitSegment(session, plan, segment, outcome);
    });
  }
}

function insertSql(plan: LoadPlan, { values, from }: CollectedRecords): string {
  const { work, refused } = namesOf(plan);
  const own = refused === null ? ownColumns(plan) : [];
  const all = [values, ...own.map(({ value }) => value)].join(', ');
  return `INSERT INTO ${quoteTable(work)} (${listNames([...plan.columns, ...own])}) SELECT ${all} FROM ${from}`;
}
