import type {
  DatabaseIdentity,
  Estimate,
  FieldDescription,
  LogicalType,
  RowFilter,
  SchemaDescription,
  SourcePosition,
} from '../core/index.ts';
import type { Chunk, WireFormat } from '../formats/index.ts';
import type { Reject } from './reject.ts';
import type { SegmentId } from './segment-id.ts';
import type { TableName } from './table-name.ts';

/** Plain JSON that only the connector which made it reads. Carries its own `version`. */
export interface Checkpoint {
  readonly version: number;
  readonly [key: string]: unknown;
}

export interface BulkSource {
  /** Every table and object that the user may read. */
  discover(signal: AbortSignal): Promise<readonly SchemaDescription[]>;
  /** Absent: two connections to one system cannot be told by asking it. */
  identify?(signal: AbortSignal): Promise<DatabaseIdentity>;
  /** Which tables, written in that database, would change what these schemas are read from. Absent = none. */
  findOverwritten?(request: WriteRequest, signal: AbortSignal): Promise<readonly OverwrittenTable[]>;
  /** A few records, not representative, as JSON values by field id. */
  sample(schemaId: string, limit: number, signal: AbortSignal): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Wire formats in which it can produce these fields, cheapest first; those of `asText` travel as their text. Pure. */
  offer(fields: readonly FieldDescription[], asText?: ReadonlySet<string>): readonly FormatOffer[];
  /** One consistent image; its `token` can be shared with other sessions while this process holds it. */
  openSnapshot(signal: AbortSignal): Promise<SourceSnapshot>;
  /**
   * Holds an image that another process holds, too: it lives until the last of them lets go. Absent = it ends with the one
   * that opened it. @throws `SNAPSHOT_LOST`
   */
  joinSnapshot?(snapshot: SnapshotRef, signal: AbortSignal): Promise<SourceSnapshot>;
  /** Cuts one schema into segments of about `segmentBytes`, each a disjoint part of the image. One `all` segment for a small table. */
  planSegments(request: SegmentRequest, signal: AbortSignal): Promise<readonly SegmentRange[]>;
  /**
   * `planSegments` for many schemas in the same snapshot, as far as one question answers it: null for a schema that has to
   * be asked about by itself. Absent: each is.
   */
  planSingleSegments?(
    requests: readonly SegmentRequest[],
    signal: AbortSignal,
  ): Promise<readonly (readonly SegmentRange[] | null)[]>;
  /**
   * How much a read would give, by the system's own statistics and without reading. Absent, or null, where it has none that
   * know of filters and cursors.
   */
  estimate?(request: EstimateRequest, signal: AbortSignal): Promise<Estimate | null>;
  /** The cursor that the next execution starts from, if this one succeeds, in this one's snapshot. */
  planTracking(request: TrackingRequest, signal: AbortSignal): Promise<TrackingPlan>;
  /**
   * Reads one segment in the snapshot. Called again from the start after a failure: rereading is harmless.
   * A chunk's bytes stay as they are until the next chunk is asked for; then they may be overwritten.
   * @throws `SNAPSHOT_LOST` when the snapshot's token is gone
   */
  read(request: ReadRequest, signal: AbortSignal): AsyncIterable<SourceChunk>;
}

/** What an execution reads, and where it would write. */
export interface WriteRequest {
  readonly schemaIds: readonly string[];
  readonly tables: readonly TableName[];
  readonly into: DatabaseIdentity;
}

/** A table that would be written while a schema is read from it. */
export interface OverwrittenTable {
  readonly schemaId: string;
  readonly table: TableName;
}

export interface SourceSnapshot extends AsyncDisposable {
  readonly token: string;
  readonly position: SourcePosition;
  /** Next lower bound of time-like tracking fields, taken before the snapshot (DESIGN §4.7). */
  readonly lowerBound: { readonly value: string; readonly isExact: boolean; readonly reason: string };
}

/** Serializable part of a snapshot, as stored in the metadata and sent to threads. */
export type SnapshotRef = Pick<SourceSnapshot, 'token' | 'position' | 'lowerBound'>;

/** A wire format a source can produce for given fields, after its own push-down casts. */
export interface FormatOffer {
  readonly format: WireFormat;
  readonly fields: readonly OfferedField[];
  /** True when the system gives no bytes but values, of which the format is made on our side; absent = no. */
  readonly isMadeOfRows?: boolean;
}

export interface OfferedField {
  readonly id: string;
  readonly logicalType: LogicalType;
  /** The source system's type of the bytes on the wire, such as `numeric(15,2)`. */
  readonly wireType: string;
  /** A conversion that the source makes by SELECT (enum as text …), or null. Shown in plan and receipt. */
  readonly conversion: string | null;
  readonly isNullable: boolean;
}

/** One part of a schema. The engine stores `value` and hands it back; only the connector reads it. */
export interface SegmentRange {
  /** For people: `id from 1 to 499999`, `whole table`. Names the range in receipts and errors. */
  readonly text: string;
  readonly value: Readonly<Record<string, unknown>>;
  /**
   * The same part as the destination can find it again: by one key field, lower inclusive, upper exclusive, null = open.
   * Absent where the range is no key range (ctid, whole table); then the schema is proved as a whole.
   */
  readonly key?: { readonly field: string; readonly from: string | null; readonly to: string | null };
}

export interface SegmentRequest {
  readonly schema: SchemaDescription;
  readonly snapshot: SnapshotRef;
  readonly segmentBytes: number;
  /** Only records at or behind this cursor (delta); null = all. */
  readonly from: Checkpoint | null;
  readonly filters: readonly RowFilter[];
}

/** Part of a schema: the records behind a cursor, or those that pass filters. */
export type EstimateRequest = Pick<SegmentRequest, 'schema' | 'snapshot' | 'from' | 'filters'> & {
  readonly fields: readonly OfferedField[];
};

export interface TrackingRequest {
  readonly schema: SchemaDescription;
  readonly field: FieldDescription;
  readonly snapshot: SnapshotRef;
  /** True: `next` may be left open where finding it takes long; it is asked for again, without this, while records are written. */
  readonly mayLeaveOpen?: boolean;
  /** What a delta's one complete read has given: where it is of this field, nobody has to look for it again. */
  readonly highest?: HighestSeen | undefined;
}

export interface TrackingPlan {
  readonly next: Checkpoint | null;
  /** True: `next` was not looked for. */
  readonly isNextOpen?: boolean;
  /** `database_clock`: no late commit is missed for values stamped by that database's clock. */
  readonly guarantee: 'database_clock' | 'best_effort';
  readonly reason: string;
}

export interface ReadRequest {
  readonly schema: SchemaDescription;
  readonly format: WireFormat;
  readonly fields: readonly OfferedField[];
  readonly range: SegmentRange;
  readonly snapshot: SnapshotRef;
  /** Delta only: the cursor that the last execution left. */
  readonly from: Checkpoint | null;
  /** Records that fail one of them are no part of the image. */
  readonly filters: readonly RowFilter[];
  /** The attempt that it is for, which the system's session list may show; absent where it is for none. */
  readonly segment?: SegmentId;
  /**
   * True while a session in a system of the same kind is kept for what is read: two who wait for each other's place would wait
   * for long, so a source waits for a place of its own for seconds only. Absent = nobody does.
   */
  readonly isAwaited?: boolean;
}

export interface SourceChunk {
  readonly chunk: Chunk;
  /** Records that came before the next chunk's and have no form in the wire format; they are not in the chunk. Absent = none. Keys as the chunk would have their texts. */
  readonly rejects?: readonly Reject[];
  /**
   * Where a delta is read without filters: the highest value of its tracking field so far. Absent where there is none yet, or
   * nobody has watched it.
   */
  readonly highest?: HighestSeen | undefined;
}

/** A value that a delta was read by, as the source's own text; another field may be the sync's tracking field by now. */
export interface HighestSeen {
  readonly field: string;
  readonly value: string;
}
