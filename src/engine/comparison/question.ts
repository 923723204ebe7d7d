import type { RangeSum } from '../../core/index.ts';
import type { BucketSums } from '../../formats/index.ts';

/**
 * How closely one side looks at its records: their `sum`; the sums of its `buckets`; or each of the `records` of the
 * buckets that are wanted (1 for each).
 */
export type Question =
  | { readonly what: 'sum'; readonly countsOnly: boolean }
  | { readonly what: 'buckets' }
  | { readonly what: 'records'; readonly wanted: Uint8Array<ArrayBuffer> };

/** What it saw: only what was asked for, but the number of records that it read. */
export interface Look {
  readonly sum: RangeSum;
  readonly bytes: number;
  readonly buckets: BucketSums | null;
  readonly records: readonly PrintedRecord[];
}

/** One record that may differ. */
export interface PrintedRecord {
  /** Hashes of its key and of all of it, 32 hex digits each. */
  readonly keyHash: string;
  readonly hash: string;
  /** By field id as text; null for a table without a key. Never logged. */
  readonly key: Readonly<Record<string, string | null>> | null;
}
