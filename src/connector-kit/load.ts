import type { LoadKind, LogicalType, RangeSum } from '../core/index.ts';
import type { Chunk, Hashing, WireFormat } from '../formats/index.ts';
import type { Reject } from './reject.ts';
import type { SegmentId } from './segment-id.ts';
import type { HighestSeen, SegmentRange } from './source.ts';
import type { TableName } from './table-name.ts';

/** Everything one schema's load has to know. Plain JSON: it is stored and sent to threads. */
export interface LoadPlan {
  readonly syncId: string;
  readonly schemaId: string;
  readonly executionId: string;
  /** Grows with every attempt at a complete or delta load of this schema; part of every object's name. */
  readonly generation: number;
  readonly kind: LoadKind;
  readonly replacement: Replacement;
  readonly table: TableName;
  readonly columns: readonly LoadColumn[];
  /** True for a key that nothing in the source keeps unique: a user declared it, or it is that of an API's pages; absent = no. */
  readonly isKeyDeclared?: boolean;
  readonly format: WireFormat;
  readonly hashing: Hashing;
  /** Adds `created_at` and `updated_at` columns under the prefix. */
  readonly recordTimestamps: boolean;
  /** Adds `deleted_at` under the prefix: deletes become tombstones. Keyed `replicate` only. */
  readonly tombstones: boolean;
  readonly columnPrefix: string;
  /** Value of the record timestamps of this execution, ISO 8601 in UTC. */
  readonly stampedAt: string;
  /** Take over an existing table that Millrace did not create. */
  readonly adopt: boolean;
  /**
   * `delta` only: keys of live records that the source does not have, by field id as text. The publication removes them
   * before it writes, as it would in a complete scan: tombstones, or deletes where the sync keeps none. Absent = none.
   */
  readonly removals?: readonly Readonly<Record<string, string | null>>[];
}

/**
 * How a `replace` takes the live table's place. `auto`: a new table by rename, or in place where others depend on the old
 * one. `in_place`: the table stays the same object, its records are replaced in one transaction. Both keep the tombstones
 * and first times of a keyed table that keeps tombstones; `in_place` keeps the first times of any keyed one. `rebuild`:
 * always a new table, made from the plan alone, without tombstones and earlier times; only grants go over to it. It is
 * refused with `TABLE_DIFFERS` where others depend on the old one. Other kinds of load do not ask.
 */
export type Replacement = 'auto' | 'in_place' | 'rebuild';

export interface LoadColumn {
  /** Source field id. */
  readonly field: string;
  /** Output name. */
  readonly name: string;
  readonly type: string;
  readonly logicalType: LogicalType;
  readonly isKey: boolean;
}

/**
 * One schema's load into one generation (DESIGN §4.2–§4.5). Every method may be called again after a crash.
 * Order: prepare, segments (in parallel), seal, [digest, publish, analyze] for `replace`, [publish, digest] for `merge` and `delta`, discard.
 */
export interface Load extends AsyncDisposable {
  /**
   * Takes ownership of the table, raises the schema's fence to this generation, ends sessions and drops objects of older
   * generations, makes the shadow (replace) or stage (merge, delta), adds new columns to the live table.
   * @throws `TABLE_OWNED`, `TABLE_NOT_OURS`, `TABLE_DIFFERS`
   */
  prepare(signal: AbortSignal): Promise<void>;
  /**
   * Fences off an older owner of the segment, then opens its transaction.
   * `isolate`: after a data error; refused records are returned by `write` one by one and the rest stays.
   */
  beginSegment(segment: SegmentId, options: { readonly isolate: boolean }, signal: AbortSignal): Promise<SegmentWriter>;
  /** What became of a segment whose commit was never answered. */
  lookup(
    segment: SegmentId,
    signal: AbortSignal,
  ): Promise<
    | { readonly state: 'committed'; readonly outcome: SegmentOutcome }
    | { readonly state: 'absent' }
    | { readonly state: 'unknown' }
  >;
  /**
   * After the last segment: builds keys on the shadow, so that ranges can be read by key.
   * @throws `KEY_NOT_UNIQUE` when a declared key does not tell the loaded records apart
   */
  seal(signal: AbortSignal): Promise<void>;
  /**
   * Behind the publication of a `replace`: collects what the destination's planner of queries wants to know of the live table.
   * Takes a minute at most, also when whoever asked for it has died.
   */
  analyze?(signal: AbortSignal): Promise<void>;
  /** Records (and their hash sum, unless `countsOnly`) of committed data: the shadow of a `replace`, for the others the live records that this load stands for. */
  digest(range: SegmentRange | null, countsOnly: boolean, signal: AbortSignal): Promise<RangeSum>;
  /** The counts of this generation's publication, or null while it is not published. Asked first after a crash. */
  published(signal: AbortSignal): Promise<PublishCounts | null>;
  /**
   * Swaps or merges the finished generation into the live table, guard first, fence last, in one transaction where the system has them.
   * Repeated after a commit it answers the first time's counts.
   * @throws `LOSS_GUARD`, `FENCE_LOST`, `TOO_MANY_REJECTS`
   */
  publish(guard: LossGuard, signal: AbortSignal): Promise<PublishCounts>;
  /** Drops every object and state row of this generation and of older ones. */
  discard(signal: AbortSignal): Promise<void>;
}

/** What a committed segment leaves in the destination's state row and in the metadata. */
export interface SegmentOutcome {
  /** Read from the source, rejected ones included. */
  readonly recordsRead: number;
  readonly bytesRead: number;
  /** Of the records that landed: read minus rejected. */
  readonly source: RangeSum;
  readonly rejects: readonly Reject[];
  /** See `SourceChunk.highest`. */
  readonly highest?: HighestSeen;
}

export interface SegmentWriter extends AsyncDisposable {
  // disposed without commit = nothing happened
  /** Returns refused records by their index in the chunk; always empty unless the segment is isolated. @throws `RECORD_REFUSED` otherwise */
  write(chunk: Chunk, signal: AbortSignal): Promise<readonly { readonly index: number; readonly reason: string }[]>;
  /** Data, state row and fence in one destination transaction, where it has them. @throws `FENCE_LOST`; `RECORD_REFUSED` where records are read only now */
  commit(outcome: SegmentOutcome, signal: AbortSignal): Promise<void>;
}

/** One table of a pack, read as a single segment. */
export interface PackTable {
  readonly plan: LoadPlan;
  readonly segment: SegmentId;
}

/**
 * How a table of a pack is loaded. `load`: it is new, so its records are written, proved and published with the others.
 * `compare`: it is there as the plan wants it; when its records are the source's already, there is nothing to write.
 * `alone`: it needs more than that, and goes the way of its own `Load`.
 */
export type PackWay = 'load' | 'compare' | 'alone';

/**
 * Small tables that are loaded together, in a few transactions of the destination for all of them: what each costs by
 * itself would be many times what its records cost. It is the way for what goes well. After an error the pack is
 * disposed of and each of its tables goes the way of its own `Load`, which finds what the pack has committed.
 * Tables are named by their index in `openPack`. Order: enter, write and digest (`compare`), commit, digest (`load`),
 * publish; and once that is recorded elsewhere, in a pack opened anew: discard.
 */
export interface Pack extends AsyncDisposable {
  /** Takes ownership and fences of all that can be loaded together, under the name of this pack's session. */
  enter(signal: AbortSignal): Promise<readonly PackWay[]>;
  /** Makes a new table's shadow with its key, and fills it. Nothing of it is there before `commit`. @throws `RECORD_REFUSED` */
  write(index: number, chunks: readonly Chunk[], signal: AbortSignal): Promise<void>;
  /** Data, state rows and fences of all that was written, in one transaction. @throws `FENCE_LOST` */
  commit(outcomes: PackOutcomes, signal: AbortSignal): Promise<void>;
  /** As `Load.digest`, over the whole table. */
  digest(index: number, countsOnly: boolean, signal: AbortSignal): Promise<RangeSum>;
  /**
   * Publishes these tables and lets go of the others, in one transaction. Those to be compared are taken as found equal.
   * @throws `FENCE_LOST`
   */
  publish(outcomes: PackOutcomes, signal: AbortSignal): Promise<ReadonlyMap<number, PublishCounts>>;
  /** Drops the state rows of published loads and of older ones. */
  discard(signal: AbortSignal): Promise<void>;
}

/** What was read of which table. */
export type PackOutcomes = ReadonlyMap<number, SegmentOutcome>;

export interface LossGuard {
  /** Share of live records that may be lost, in percent; 100 = no guard. */
  readonly maxLossPercent: number;
  /** Records of the load: counted by its digest of a moment ago, or by those who wrote them. */
  readonly loaded?: number;
  /** More records that the live table refuses end the publication, with nothing changed; absent = any number. */
  readonly maxRejects?: number;
}

export interface PublishCounts {
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly deleted: number;
  /** Records that the live table refused (its constraints), with the hash sum to take off the source's. */
  readonly rejects: readonly Reject[];
  readonly rejected: RangeSum;
}
