import type { z } from 'zod';
import type {
  BulkMode,
  Estimate,
  FieldDescription,
  LoadKind,
  LoadPreview,
  LogicalType,
  ModelMode,
  RangeSum,
  ResyncMode,
  RowFilter,
  SchemaDescription,
  SourcePosition,
} from '../core/index.ts';
import type { Chunk, Hashing, WireFormat } from '../formats/index.ts';

/** Plain JSON that only the connector which made it reads. Carries its own `version`. */
export interface Checkpoint {
  readonly version: number;
  readonly [key: string]: unknown;
}

/** What the platform knows about a system before it opens a connection. */
export interface ConnectorDefinition<Config> {
  /** Public connection type, e.g. `postgresql`. Stored with every connection, so never renamed. */
  readonly type: string;
  readonly label: string;
  /** One schema validates input, draws the web form and writes the reference page. Unknown keys are refused. */
  readonly config: z.ZodType<Config>;
  /** Keys of `Config` that are sealed at rest and never returned. */
  readonly secrets: readonly string[];
  /** Facts as data. The engine branches on these, never on `type`. */
  readonly capabilities: Capabilities;
  /** Placement `owner` only: what names the one thing that a single thread must own, such as the file's real path. */
  ownerKey?(config: Config, context: ConnectorContext): string;
  connect(config: Config, context: ConnectorContext): Promise<Connector>;
}

/** Absent side = the system cannot be that. */
export interface Capabilities {
  readonly source?: {
    readonly supportsTrackingFields: boolean;
    /** True when it reads `FieldDescription.userPath`: fields that users add to JSON fields. */
    readonly supportsUserFields?: boolean;
    /**
     * `worker` (when absent): any thread opens its own connection. `owner`: one thread per `ownerKey` in this process does
     * all that touches the system, planning included.
     */
    readonly placement?: 'worker' | 'owner';
    /** Keys that `source_configuration` may hold. */
    readonly configuration: Readonly<Record<string, ConfigurationValue>>;
  };
  readonly destination?: {
    readonly modes: readonly BulkMode[];
    readonly resyncModes: readonly ResyncMode[];
    readonly configuration: Readonly<Record<string, ConfigurationValue>>;
    /**
     * `worker`: any pipeline thread opens its own connection.
     * `owner`: one thread per `ownerKey` in this process does all writing, other threads send it chunks.
     */
    readonly placement: 'worker' | 'owner';
    /** Bytes of one segment's wire format that suit one destination transaction. */
    readonly segmentBytes: number;
    /** Longest table or column name, in bytes; null where there is no limit. */
    readonly maxNameBytes: number | null;
    /** Names of schemas that belong to the system or hold Millrace's own state; no sync may write there. */
    readonly reservedSchemas: RegExp;
    /** True when `Id` and `id` can stand side by side as columns or tables. */
    readonly distinguishesCase: boolean;
    /** True when it has `openPack`: many small tables are loaded together. Placement `worker` only; absent = no. */
    readonly loadsPacks?: boolean;
  };
  /** Reverse ETL into tables; only what the API tells about it (objects, modes, creation). */
  readonly target?: { readonly modes: readonly ModelTargetMode[] };
}

export interface ModelTargetMode {
  readonly id: ModelMode;
  readonly requiresIdentity: boolean;
  readonly supportsPerFieldMode: boolean;
  readonly supportsTargetFilters: boolean;
}

/** One value of a sync's source or destination configuration, as the API describes it. */
export interface ConfigurationValue {
  /** As the API shows it; the public examples show `""` for switches, too. */
  readonly default?: unknown;
  readonly required?: boolean;
  /** What a value must be; absent = any text, number or switch. */
  readonly type?: 'string' | 'boolean' | 'number';
  /** Values of a nested object. */
  readonly items?: Readonly<Record<string, ConfigurationValue>>;
}

/** What `main.ts` or a pipeline thread gives a connector. */
export interface ConnectorContext {
  readonly organizationId: string;
  /** Absolute folder under which this organization's file paths must lie. */
  readonly filesRoot: string;
  /** Resolves and checks a host once; connect to what it returns. @throws `CONN_ADDRESS_REFUSED`, `CONN_UNREACHABLE` */
  readonly resolveHost: (host: string) => Promise<string>;
  /** Host:port/database of Millrace's own metadata database, which is never opened as a connection. */
  readonly forbiddenDatabase: DatabaseAddress | null;
  /** Prefix of the columns that Millrace adds to destination records. */
  readonly columnPrefix: string;
  /** Name for the system's session list: execution, segment, token. At most 63 bytes. */
  readonly applicationName: string;
  /** Injected by tests: throws or exits at a named point. Called between two steps, never awaited in hot loops. */
  readonly failpoint: (name: string) => void;
}

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/** An open system. Cheap to hold; sessions are opened on first use. */
export interface Connector extends AsyncDisposable {
  /** Proves address, credentials and least privilege; names what is missing. */
  check(signal: AbortSignal): Promise<void>;
  /** How records travel between us and the system, for the receipt, such as `TLS, verified`. Absent where no network is between. */
  readonly transport?: string;
  readonly source?: BulkSource;
  readonly destination?: BulkDestination;
  /** Tables that a model sync could write, and whether it can make new ones. */
  readonly target?: ModelTargetCatalogue;
}

export interface ModelTargetCatalogue {
  listObjects(signal: AbortSignal): Promise<readonly { readonly id: string; readonly name: string }[]>;
  /** Properties asked for when a target is created; `values` where the system can list them. */
  creationProperties(signal: AbortSignal): Promise<
    readonly {
      readonly id: string;
      readonly title: string;
      readonly values?: readonly { readonly label: string; readonly value: string }[];
    }[]
  >;
}

// ---------------------------------------------------------------- source

export interface BulkSource {
  /** Every table and object that the user may read. */
  discover(signal: AbortSignal): Promise<readonly SchemaDescription[]>;
  /** A few records, not representative, as JSON values by field id. */
  sample(schemaId: string, limit: number, signal: AbortSignal): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Wire formats in which it can produce these fields, cheapest first; those of `asText` travel as their text. Pure. */
  offer(fields: readonly FieldDescription[], asText?: ReadonlySet<string>): readonly FormatOffer[];
  /** One consistent image; its `token` can be shared with other sessions while this process holds it. */
  openSnapshot(signal: AbortSignal): Promise<SourceSnapshot>;
  /** Cuts one schema into segments of about `segmentBytes`, each a disjoint part of the image. One `all` segment for a small table. */
  planSegments(request: SegmentRequest, signal: AbortSignal): Promise<readonly SegmentRange[]>;
  /**
   * How much a read would give, by the system's own statistics and without reading. Absent, or null, where it has none that
   * know of filters and cursors.
   */
  estimate?(request: EstimateRequest, signal: AbortSignal): Promise<Estimate | null>;
  /** The cursor that the next execution starts from, if this one succeeds. Asked once per execution, in its snapshot. */
  planTracking(request: TrackingRequest, signal: AbortSignal): Promise<TrackingPlan>;
  /**
   * Reads one segment in the snapshot. Called again from the start after a failure: rereading is harmless.
   * A chunk's bytes stay as they are until the next chunk is asked for; then they may be overwritten.
   * @throws `SNAPSHOT_LOST` when the snapshot's token is gone
   */
  read(request: ReadRequest, signal: AbortSignal): AsyncIterable<SourceChunk>;
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
}

export interface TrackingPlan {
  readonly next: Checkpoint | null;
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
}

export interface SourceChunk {
  readonly chunk: Chunk;
}

// ---------------------------------------------------------------- destination

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

export interface BulkDestination {
  /** What it would make of an offer, or null when it cannot take that format. Pure. */
  accept(offer: FormatOffer): Acceptance | null;
  /** Schema used when the sync's configuration names none. */
  readonly defaultSchema: string;
  /** Facts about a table before a plan is made. */
  inspect(table: TableName, signal: AbortSignal): Promise<TableState>;
  /**
   * What a load would do to the table, by the catalogue alone; writes nothing, whatever it finds. `state` is what `inspect`
   * has just said. Called when an execution is planned, so it is cheap where nothing has changed.
   */
  preview(plan: LoadPlan, state: TableState, signal: AbortSignal): Promise<LoadPreview>;
  /** Opens one schema's load into one generation. Makes nothing yet. */
  open(plan: LoadPlan, signal: AbortSignal): Promise<Load>;
  /**
   * One image of the table's living records, tombstones left out, as a load of this plan would have written them. It reads
   * only, and asks nobody who owns the table. Absent: the system cannot be compared.
   * @throws `TABLE_DIFFERS` when the table or one of the plan's columns is missing
   */
  openImage?(plan: LoadPlan, signal: AbortSignal): Promise<TableImage>;
  /** Opens the loads of several small tables at once, all of one sync. Makes nothing yet. Absent: each is loaded by itself. */
  openPack?(tables: readonly PackTable[], signal: AbortSignal): Promise<Pack>;
}

/** A destination's table at one moment, until it is disposed of. */
export interface TableImage extends AsyncDisposable {
  /** What of it could not be compared as it is, for the receipt. */
  readonly notes: readonly string[];
  /** Count and hash sum of the records in a range of the key, or of all (null). */
  digest(range: SegmentRange | null, countsOnly: boolean, signal: AbortSignal): Promise<RangeSum>;
  /** The same records in the plan's wire format. */
  read(range: SegmentRange | null, signal: AbortSignal): AsyncIterable<SourceChunk>;
}

export interface Acceptance {
  readonly format: WireFormat;
  readonly hashing: Hashing;
  /** Same length and order as the offer's fields. */
  readonly columns: readonly { readonly type: string; readonly conversion: string | null }[];
  /** Relative; the planner takes the cheapest. */
  readonly cost: number;
  /** Why this path, for people. */
  readonly reason: string;
}

export interface TableState {
  readonly exists: boolean;
  /** The sync that owns it by the destination's own record; null = nobody. */
  readonly owner: { readonly syncId: string; readonly schemaId: string } | null;
  /** Data columns and their types; Millrace's own columns are left out. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Names of Millrace's own columns that are there; absent where that was not looked for. */
  readonly ownColumns?: readonly string[];
  /** True when a unique key over exactly these columns exists or a merge works without one. */
  readonly keyColumns: readonly string[];
}

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
  /** True for a key that a user declared, so that nothing in the source keeps it unique; absent = no. */
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
 * Order: prepare, segments (in parallel), seal, [digest, publish] for `replace`, [publish, digest] for `merge` and `delta`, discard.
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
  /** Records (and their hash sum, unless `countsOnly`) of committed data: the shadow of a `replace`, for the others the live records that this load stands for. */
  digest(range: SegmentRange | null, countsOnly: boolean, signal: AbortSignal): Promise<RangeSum>;
  /** The counts of this generation's publication, or null while it is not published. Asked first after a crash. */
  published(signal: AbortSignal): Promise<PublishCounts | null>;
  /**
   * Swaps or merges the finished generation into the live table, guard first, fence last, in one transaction where the system has them.
   * Repeated after a commit it answers the first time's counts.
   * @throws `LOSS_GUARD`, `FENCE_LOST`
   */
  publish(guard: LossGuard, signal: AbortSignal): Promise<PublishCounts>;
  /** Drops every object and state row of this generation and of older ones. */
  discard(signal: AbortSignal): Promise<void>;
}

export interface SegmentId {
  readonly no: number;
  /** Grows with each claim; an older token can no longer commit. */
  readonly token: number;
}

/** What a committed segment leaves in the destination's state row and in the metadata. */
export interface SegmentOutcome {
  /** Read from the source, rejected ones included. */
  readonly recordsRead: number;
  readonly bytesRead: number;
  /** Of the records that landed: read minus rejected. */
  readonly source: RangeSum;
  readonly rejects: readonly Reject[];
}

/** A record that the destination refused. */
export interface Reject {
  /** Key field id → value as text; null for a table without a key. */
  readonly key: Readonly<Record<string, string | null>> | null;
  /** What the destination said, without the value. */
  readonly reason: string;
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
  /** Records of the load, where the digest has just counted them. */
  readonly loaded?: number;
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
