/** Parts into which the keys of a range are spread: enough that a part of some ten million records is a few hundred. */
const BUCKETS = 2 ** 16;

/**
 * Sums of record hashes by the hash of their keys. Two ends that hold the same records have the same sums in every
 * bucket, whatever the order in which they are read, and wherever they sort a key.
 */
export interface BucketSums {
  readonly records: Uint32Array<ArrayBuffer>;
  /** Two 32-bit words of the records' hashes, summed modulo 2^32: 64 bits of each record tell the buckets apart. */
  readonly low: Int32Array<ArrayBuffer>;
  readonly high: Int32Array<ArrayBuffer>;
}

export function createBucketSums(): BucketSums {
  return { records: new Uint32Array(BUCKETS), low: new Int32Array(BUCKETS), high: new Int32Array(BUCKETS) };
}

/** Where a key belongs. */
export function bucketOf(key: Int32Array): number {
  return (key[0] ?? 0) >>> 16;
}

/** Adds one record. */
export function addToBucket({ records, low, high }: BucketSums, key: Int32Array, hash: Int32Array): void {
  const bucket = bucketOf(key);
  records[bucket] = (records[bucket] ?? 0) + 1;
  low[bucket] = ((low[bucket] ?? 0) + (hash[2] ?? 0)) | 0;
  high[bucket] = ((high[bucket] ?? 0) + (hash[3] ?? 0)) | 0;
}

/** Both parts together, in the first. */
export function addBucketSums(sums: BucketSums, more: BucketSums): void {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    sums.records[bucket] = (sums.records[bucket] ?? 0) + (more.records[bucket] ?? 0);
    sums.low[bucket] = ((sums.low[bucket] ?? 0) + (more.low[bucket] ?? 0)) | 0;
    sums.high[bucket] = ((sums.high[bucket] ?? 0) + (more.high[bucket] ?? 0)) | 0;
  }
}

/**
 * The buckets in which two ends differ, 1 for each.
 * @param maxRecords of either side in all of them; buckets beyond it are left out, and `isComplete` is false
 */
export function findDifferentBuckets(
  a: BucketSums,
  b: BucketSums,
  maxRecords: number,
): { readonly wanted: Uint8Array<ArrayBuffer>; readonly isComplete: boolean } {
  const wanted = new Uint8Array(BUCKETS);
  let records = 0;
  let isComplete = true;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const isSame =
      a.records[bucket] === b.records[bucket] && a.low[bucket] === b.low[bucket] && a.high[bucket] === b.high[bucket];
    if (isSame) continue;
    records += Math.max(a.records[bucket] ?? 0, b.records[bucket] ?? 0);
    if (records > maxRecords) isComplete = false;
    else wanted[bucket] = 1;
  }
  return { wanted, isComplete };
}
