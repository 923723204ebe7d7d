import { rm } from 'node:fs/promises';
import {
  type FileLease,
  findRefusedRecords,
  isReadingFailure,
  listNames,
  ownColumns,
  quoteTable,
  type ReadingWay,
  type RefusedRecord,
  readCsv,
  SegmentFile,
  type Session,
  selectCsv,
  withoutRecords,
} from '../../../connector-kit/duckdb/index.ts';
import type {
  ConnectorContext,
  LoadPlan,
  SegmentId,
  SegmentOutcome,
  SegmentWriter,
} from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { Chunk } from '../../../formats/index.ts';
import { namesOf } from './load-names.ts';
import { commitSegment } from './state.ts';

/** Types of which DuckDB's CSV reader takes a value before the year 1 for one after it, without an error. */
const DATED: ReadonlySet<string> = new Set(['date', 'timestamp', 'timestamptz']);

export interface SegmentParts {
  readonly lease: FileLease;
  readonly plan: LoadPlan;
  readonly segment: SegmentId;
  readonly isolate: boolean;
  readonly failpoint: ConnectorContext['failpoint'];
}

/** Collects a segment's chunks in a csv file, which DuckDB then reads in one transaction. */
export class DuckdbSegmentWriter implements SegmentWriter {
  readonly #parts: SegmentParts;
  readonly #file: SegmentFile;

  constructor(parts: SegmentParts) {
    this.#parts = parts;
    const { plan, segment, lease } = parts;
    this.#file = new SegmentFile(`${lease.folder}/${namesOf(plan).work.name}-${segment.no}-${segment.token}.csv`);
  }

  async write(chunk: Chunk, signal: AbortSignal): Promise<readonly RefusedRecord[]> {
    if (chunk.format !== 'csv') throw new SyncError('INTERNAL', `DuckDB was sent a ${chunk.format} chunk. Report it.`);
    if (!this.#parts.isolate) {
      await this.#file.append(chunk);
      return [];
    }
    const refused = await this.#findRefused(chunk, signal);
    await this.#file.append(refused.length === 0 ? chunk : withoutRecords(chunk, refused));
    return refused;
  }

  async commit(outcome: SegmentOutcome, signal: AbortSignal): Promise<void> {
    const { lease, plan, isolate } = this.#parts;
    const hasDates = plan.columns.some(({ logicalType }) => DATED.has(logicalType.kind));
    const isPlain = !isolate && !(hasDates && this.#file.mayHoldEras);
    await lease.exclusive(
      `Loading ${plan.schemaId} into`,
      async (session) => {
        if (!isPlain) return this.#load(session, outcome, 'text');
        try {
          await this.#load(session, outcome, 'typed');
        } catch (error) {
          if (!isReadingFailure(error)) throw error;
          await this.#load(session, outcome, 'text');
        }
      },
      signal,
    );
    this.#parts.failpoint('duckdb-after-commit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  #load(session: Session, outcome: SegmentOutcome, way: ReadingWay): Promise<void> {
    const { plan, segment, failpoint } = this.#parts;
    return session.transaction(async () => {
      const loaded = this.#file.records === 0 ? 0 : await session.run(insertSql(plan, this.#file, way));
      if (loaded !== this.#file.records) throw miscounted(plan, this.#file.records, loaded);
      failpoint('duckdb-before-commit');
      await commitSegment(session, plan, segment, outcome);
    });
  }

  async #findRefused(chunk: Chunk, signal: AbortSignal): Promise<readonly RefusedRecord[]> {
    const { lease, plan } = this.#parts;
    const path = `${this.#file.path}.isolated`;
    try {
      return await lease.exclusive(
        `Testing records of ${plan.schemaId} for`,
        (session) => findRefusedRecords(session, plan, chunk, path),
        signal,
      );
    } finally {
      await rm(path, { force: true });
    }
  }
}

function insertSql(plan: LoadPlan, file: SegmentFile, way: ReadingWay): string {
  const { work, refused } = namesOf(plan);
  const own = refused === null ? ownColumns(plan) : [];
  const values = [selectCsv(plan.columns, way), ...own.map(({ value }) => value)].join(', ');
  return `INSERT INTO ${quoteTable(work)} (${listNames([...plan.columns, ...own])}) SELECT ${values} FROM ${readCsv(file, plan.columns, way)}`;
}

function miscounted(plan: LoadPlan, sent: number, loaded: number): SyncError {
  return new SyncError(
    'VERIFICATION_FAILED',
    `Loading ${plan.schemaId} into ${plan.table.schema}.${plan.table.name} stopped: DuckDB read ${loaded} of ${sent} records of a segment. Nothing of it was kept. Report it.`,
  );
}
