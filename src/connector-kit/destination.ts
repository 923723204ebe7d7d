import type { DatabaseIdentity, LoadPreview, RangeSum } from '../core/index.ts';
import type { Hashing, WireFormat } from '../formats/index.ts';
import type { Load, LoadPlan, Pack, PackTable } from './load.ts';
import type { FormatOffer, SegmentRange, SourceChunk } from './source.ts';
import type { TableName } from './table-name.ts';

export interface BulkDestination {
  /** What it would make of an offer, or null when it cannot take that format. Pure. */
  accept(offer: FormatOffer): Acceptance | null;
  /** Schema used when the sync's configuration names none. */
  readonly defaultSchema: string;
  /** As a source's. */
  identify?(signal: AbortSignal): Promise<DatabaseIdentity>;
  /** Facts about a table before a plan is made. */
  inspect(table: TableName, signal: AbortSignal): Promise<TableState>;
  /** The same about many tables, in their order. Absent: each is asked about by itself. */
  inspectAll?(tables: readonly TableName[], signal: AbortSignal): Promise<readonly TableState[]>;
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
  /** True when another hand made the table, and with it its key. Absent = no, or not looked for. */
  readonly isAdopted?: boolean;
}
