import type { DriftEvent } from './drift.ts';
import type { ErrorCode } from './errors.ts';
import type { LoadKind, ReceiptDepth } from './syncs.ts';

/** What an execution would meet and do, or was planned to do: facts and sentences, never a record's values. */
export interface PlanDescription {
  /** Null for a plan that was only asked for. */
  readonly executionId: string | null;
  /** ISO 8601, UTC. */
  readonly plannedAt: string;
  /** What keeps a start from being taken, or from planning anything at all. */
  readonly refusals: readonly PlanRefusal[];
  /** Pipelines at work at once, at most; 0 when there is nothing to do. */
  readonly lanes: number;
  readonly writtenBy: PlacedWriter;
  /** Ids of schemas that are new in the source and that the sync's rule takes along. */
  readonly addedSchemas: readonly string[];
  readonly schemas: readonly SchemaPlanDescription[];
  /** How the source differs from what the sync loaded last. */
  readonly drift: readonly DriftEvent[];
}

/** Which processes and threads write to the destination. */
export const PLACED_WRITERS = ['any_worker', 'one_process'] as const;
export type PlacedWriter = (typeof PLACED_WRITERS)[number];

/** An error that a start would end in, before anything was written. */
export interface PlanRefusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What becomes of a schema: it is loaded, left alone for the reason given, or cannot be loaded. */
export const PLAN_OUTCOMES = ['load', 'skip', 'refuse'] as const;
type PlanOutcome = (typeof PLAN_OUTCOMES)[number];

export interface SchemaPlanDescription {
  readonly schemaId: string;
  readonly outcome: PlanOutcome;
  /** Why, for what is skipped or refused. */
  readonly reason: string | null;
  readonly refusals: readonly PlanRefusal[];
  /** Null where no load could be planned. */
  readonly load: LoadDescription | null;
}

/** How one schema's records get from the source into the live table. */
export interface LoadDescription {
  readonly kind: LoadKind;
  readonly kindReason: string;
  /** As people write it: `schema.table`. */
  readonly table: string;
  readonly transfer: TransferDescription;
  /** Every conversion on the way that is not the identity. */
  readonly conversions: readonly string[];
  /** What becomes of the destination's table; null where it was not looked at. */
  readonly preview: LoadPreview | null;
  readonly destroys: readonly DestructiveStep[];
  readonly estimate: Estimate;
  readonly lossGuard: {
    readonly compares: LossBasis;
    readonly maxLossPercent: number;
    /** What is counted against what, for people. */
    readonly text: string;
  };
  readonly segments: {
    readonly count: number;
    /** The first of them, for people. */
    readonly ranges: readonly string[];
  };
  readonly proof: { readonly depth: ReceiptDepth; readonly hashing: string };
  readonly tracking: { readonly field: string; readonly guarantee: string; readonly reason: string } | null;
}

/**
 * How records travel. `identity`: the source's bytes, neither decoded nor changed. `push_down`: the same of a SELECT which
 * chooses, converts or filters. `transcode`: values are changed in our process. `columns`: the wire format is changed there,
 * by way of typed columns. `rows`: the source has values and no bytes, and the wire format is made of them.
 */
export const TRANSFER_PATHS = ['identity', 'push_down', 'transcode', 'columns', 'rows'] as const;
type TransferPath = (typeof TRANSFER_PATHS)[number];

export interface TransferDescription {
  readonly format: string;
  readonly path: TransferPath;
  readonly reason: string;
  /** One entry for each side that a network lies before, such as `source: TLS, verified`. */
  readonly transports: readonly string[];
  /** What the source does within its own SELECT. */
  readonly pushedDown: {
    readonly fields: number;
    /** Fields that the schema has and that are not read. */
    readonly fieldsLeftOut: number;
    readonly casts: readonly string[];
    /** Filters, cutoff and cursor as sentences. */
    readonly filters: readonly string[];
  };
}

/** What a load would do to the destination's table as it is now. */
export interface LoadPreview {
  /** Null for a merge and a delta. */
  readonly replacement: { readonly how: ReplacementWay; readonly reason: string } | null;
  readonly changes: readonly TableChange[];
  readonly destroys: readonly DestructiveStep[];
  readonly comparesLoss: LossBasis;
  /** Records of the live table by the destination's own statistics; null where it has none. */
  readonly liveRecords: number | null;
  /** What the load would fail with, as far as the catalogue shows it. */
  readonly refusals: readonly PlanRefusal[];
}

/**
 * How a replacement takes the live table's place. `create`: there is none. `exchange`: a new table in one transaction.
 * `in_place`: the table stays, its records are exchanged. `difference`: the table stays, and so do equal records.
 */
export const REPLACEMENT_WAYS = ['create', 'exchange', 'in_place', 'difference'] as const;
export type ReplacementWay = (typeof REPLACEMENT_WAYS)[number];

export const TABLE_CHANGES = [
  'create_schema',
  'create_table',
  'add_column',
  'widen_column',
  'convert_column',
  'drop_column',
  'drop_not_null',
  'change_key',
] as const;

/** One change of the destination's table. */
export interface TableChange {
  readonly kind: (typeof TABLE_CHANGES)[number];
  /** Output name; null for what is about the table. */
  readonly column: string | null;
  /** Type or key columns; null where there was nothing. */
  readonly before: string | null;
  readonly after: string | null;
}

export const DESTRUCTIVE_STEPS = [
  'exchange_table',
  'empty_table',
  'delete_records',
  'mark_deleted',
  'remove_tombstones',
  'drop_column',
  'replace_files',
] as const;

/** A step after which something is no longer there, with what becomes of it. */
export interface DestructiveStep {
  readonly kind: (typeof DESTRUCTIVE_STEPS)[number];
  readonly text: string;
}

/** What the loss guard compares: keys, the number of records, or nothing, because nothing can be lost. */
export const LOSS_BASES = ['keys', 'count', 'nothing'] as const;
export type LossBasis = (typeof LOSS_BASES)[number];

/** How much will be read, by somebody's statistics. */
export interface Estimate {
  readonly records: number | null;
  readonly bytes: number | null;
  /** Whose statistics, or why there are none. */
  readonly basis: string;
}
