import {
  CollectedSegment,
  type FileLease,
  listNames,
  ownColumns,
  quoteTable,
  type RefusedRecord,
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
    const { lease, plan, segment, failpoint } = this.#parts;
    await lease.exclusive(
      `Loading ${plan.schemaId} into`,
      (session) =>
        session.transaction(async () => {
          await this.#collected.load(({ values, from }) => session.run(insertSql(plan, values, from)));
          failpoint('duckdb-before-commit');
          await commitSegment(session, plan, segment, outcome);
        }),
      signal,
    );
    failpoint('duckdb-after-commit');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#collected[Symbol.asyncDispose]();
  }
}
