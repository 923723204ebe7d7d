import { rm } from 'node:fs/promises';
import { SyncError } from '../../core/index.ts';
import type { Chunk } from '../../formats/index.ts';
import type { LoadPlan } from '../load.ts';
import { tableText } from '../table-text.ts';
import type { FileLease } from './client.ts';
import { isReadingFailure } from './errors.ts';
import { findRefusedRecords, type RefusedRecord, withoutRecords } from './isolate.ts';
import { type ReadingWay, readCsv, selectCsv } from './read-csv.ts';
import { SegmentFile } from './segment-file.ts';
import type { Session } from './session.ts';

/** Types of which DuckDB's CSV reader takes a value before the year 1 for one after it, without an error. */
const DATED: ReadonlySet<string> = new Set(['date', 'timestamp', 'timestamptz']);

/** A segment's records as SQL. */
export interface CollectedRecords {
  /** SELECT list of the plan's columns, in their order. */
  readonly values: string;
  /** What stands behind FROM. */
  readonly from: string;
  /** Call before the load is kept. @throws `VERIFICATION_FAILED` when another number was loaded than collected */
  assertAll(loaded: number): void;
}

/** One segment's chunks in a csv file of their own, from which DuckDB makes records. */
export class CollectedSegment implements AsyncDisposable {
  readonly #lease: FileLease;
  readonly #plan: LoadPlan;
  readonly #isolate: boolean;
  readonly #file: SegmentFile;
  readonly #collecting: Disposable;

  /** @param options `name`: of the csv file, in the lease's folder; `isolate`: try every record when it is added */
  constructor(lease: FileLease, plan: LoadPlan, options: { readonly name: string; readonly isolate: boolean }) {
    this.#lease = lease;
    this.#plan = plan;
    this.#isolate = options.isolate;
    this.#file = new SegmentFile(`${lease.folder}/${options.name}.csv`);
    this.#collecting = lease.collect();
  }

  get records(): number {
    return this.#file.records;
  }

  /** Takes a chunk of csv. Isolated, it leaves out and returns the records that DuckDB does not take. */
  async add(chunk: Chunk, signal: AbortSignal): Promise<readonly RefusedRecord[]> {
    if (chunk.format !== 'csv') throw new SyncError('INTERNAL', `DuckDB was sent a ${chunk.format} chunk. Report it.`);
    if (!this.#isolate) {
      await this.#file.append(chunk);
      return [];
    }
    const refused = await this.#findRefused(chunk, signal);
    await this.#file.append(refused.length === 0 ? chunk : withoutRecords(chunk, refused));
    return refused;
  }

  /**
   * Hands the records to `load`, or null where there are none. It is called again, in a transaction of its own, where the
   * fast reading fails; where that could mistake a date, only the careful one is tried.
   * @throws `RECORD_REFUSED`
   */
  async load(load: (records: CollectedRecords | null) => Promise<void>): Promise<void> {
    if (this.records === 0) return load(null);
    const hasDates = this.#plan.columns.some(({ logicalType }) => DATED.has(logicalType.kind));
    if (this.#isolate || (hasDates && this.#file.mayHoldEras)) return load(this.#readBy('text'));
    try {
      await load(this.#readBy('typed'));
    } catch (error) {
      if (!isReadingFailure(error)) throw error;
      await load(this.#readBy('text'));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#collecting[Symbol.dispose]();
    await this.#file[Symbol.asyncDispose]();
  }

  #readBy(way: ReadingWay): CollectedRecords {
    const { columns } = this.#plan;
    return {
      values: selectCsv(columns, way),
      from: readCsv(this.#file, columns, way),
      assertAll: (loaded) => {
        if (loaded !== this.records) throw miscounted(this.#plan, this.records, loaded);
      },
    };
  }

  async #findRefused(chunk: Chunk, signal: AbortSignal): Promise<readonly RefusedRecord[]> {
    const path = `${this.#file.path}.isolated`;
    const find = (session: Session) => findRefusedRecords(session, this.#plan, chunk, path);
    try {
      return await this.#lease.exclusive(`Testing records of ${this.#plan.schemaId} for`, find, signal);
    } finally {
      await rm(path, { force: true });
    }
  }
}

function miscounted(plan: LoadPlan, sent: number, loaded: number): SyncError {
  return new SyncError(
    'VERIFICATION_FAILED',
    `Loading ${plan.schemaId} into ${tableText(plan.table)} stopped: DuckDB read ${loaded} of ${sent} records of a segment. Nothing of it was kept. Report it.`,
  );
}
