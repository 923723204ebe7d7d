import type { LoadPlan, ReadRequest, SegmentRange } from '../../connector-kit/index.ts';
import type { RangeSum, TimeParts } from '../../core/index.ts';
import type { BucketSums } from '../../formats/index.ts';
import type { ConnectionSpec, Obfuscation } from '../pipeline/jobs.ts';

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

/** Reads one segment of the source without writing it anywhere. */
export interface LookAtSourceJob {
  readonly kind: 'lookAtSource';
  readonly source: ConnectionSpec;
  readonly load: LoadPlan;
  readonly read: ReadRequest;
  readonly obfuscation: Obfuscation | null;
  readonly question: Question;
}

/** Opens one image of the destination's table, which the thread holds until it is closed or the holder is released. */
export interface OpenImageJob {
  readonly kind: 'openImage';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
  /** Made by whoever asks; names the image from then on. */
  readonly image: string;
}

export interface LookAtImageJob {
  readonly kind: 'lookAtImage';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
  readonly image: string;
  /** Of the key; null = all of it. */
  readonly range: SegmentRange | null;
  readonly question: Question;
}

export interface CloseImageJob {
  readonly kind: 'closeImage';
  readonly destination: ConnectionSpec;
  readonly image: string;
}

/** What is asked of the thread that holds an image. */
export type ImageJob = OpenImageJob | LookAtImageJob | CloseImageJob;

export interface LookResults {
  readonly lookAtSource: Look & { readonly timing: TimeParts };
  /** What could not be compared as it is. */
  readonly openImage: readonly string[];
  readonly lookAtImage: Look;
  readonly closeImage: null;
}
