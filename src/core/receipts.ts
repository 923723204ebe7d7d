import type { LoadKind, ReceiptDepth } from './syncs.ts';

/**
 * A count of records and the sum of their 128-bit hashes modulo 2^128, so the order of records and the cut into
 * segments do not matter and a range can be taken out again. `sum` is 32 lower-case hex digits; null at depth `counts`.
 */
export interface RangeSum {
  readonly records: number;
  readonly sum: string | null;
}

/** What the receipt's proof covers (DESIGN §4.8). */
export type ReceiptScope = 'snapshot' | 'ranged' | 'delta' | 'stream';

/** Proof for one schema of one execution. */
export interface SchemaReceipt {
  readonly schemaId: string;
  readonly outputName: string;
  readonly scope: ReceiptScope;
  readonly depth: ReceiptDepth;
  /** `none`: both sides were compared, and nothing was loaded. */
  readonly load: LoadKind | 'none';
  readonly verdict: 'equal' | 'different' | 'unproved';
  /** Why `verdict` is not `equal`, or what the scope cannot prove. */
  readonly notes: readonly string[];
  /** Source positions that the proof refers to; several where a lost snapshot was renewed. */
  readonly positions: readonly SourcePosition[];
  /** How the records were hashed: a canonical form, or a native one that both sides share. */
  readonly hashing: string | null;
  /** TLS modes of both sides and the chosen format, as facts. */
  readonly format: string;
  readonly source: RangeSum;
  readonly destination: RangeSum | null;
  readonly counts: {
    readonly read: number;
    readonly written: number;
    readonly unchanged: number;
    readonly deleted: number;
    readonly rejected: number;
  };
  readonly conversions: readonly string[];
  /** Key ranges that differ, with the side counts; empty when equal. */
  readonly differences: readonly {
    readonly range: string;
    readonly source: RangeSum;
    readonly destination: RangeSum;
  }[];
  /** Which records differ; absent where nobody looked at single records. */
  readonly differing?: RecordDifferences;
  /** Which records differed and were written anew before this proof; absent where nothing had to be. */
  readonly repaired?: RecordDifferences;
}

/**
 * How the two sides have a record unlike: `missing` in the destination, `extra` in it, or `different`: the same key with
 * other values.
 */
export const DIFFERENCE_KINDS = ['missing', 'extra', 'different'] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];
export type DifferenceCounts = Readonly<Record<DifferenceKind, number>>;

/** Records that source and destination have unlike. */
export interface RecordDifferences extends DifferenceCounts {
  /** False where more differ than were looked at one by one: then the numbers are lower bounds. */
  readonly isComplete: boolean;
  readonly ranges: readonly (DifferenceCounts & { readonly range: string })[];
  /** The first of them, by key field id as text; none for a table without a key. */
  readonly records: readonly {
    readonly kind: DifferenceKind;
    readonly key: Readonly<Record<string, string | null>>;
  }[];
}

export interface SourcePosition {
  /** The system's own position, such as a PostgreSQL LSN; null where it has none. */
  readonly position: string | null;
  /** ISO 8601, by the source's clock where it has one. */
  readonly takenAt: string;
}

/** The receipt of one execution. */
export interface Receipt {
  readonly executionId: string;
  readonly syncId: string;
  readonly issuedAt: string;
  readonly depth: ReceiptDepth;
  readonly verdict: 'equal' | 'different' | 'unproved';
  readonly schemas: readonly SchemaReceipt[];
}
