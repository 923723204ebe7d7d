import type { LogicalType, RangeSum } from '../../core/index.ts';
import { SyncError } from '../../core/index.ts';
import type { Chunk, Hashing, WireFormat } from '../chunk.ts';
import { createCanonicalWriter } from './canonical-record.ts';
import { createHashSum, toSum } from './hash-sum.ts';
import { md5 } from './md5.ts';
import { murmur3 } from './murmur3.ts';

/** Hashes the records of chunks. Keeps scratch memory: one hasher per pipeline, for one schema. */
export interface RecordHasher {
  /** Adds every record of the chunk. @throws `FORMAT_CORRUPT` when the bytes are not what the format says */
  add(chunk: Chunk): void;
  /** One record's sum, to take it off again when the destination refused it. Does not change the result. */
  sumOf(chunk: Chunk, index: number): RangeSum;
  /** The sum of everything that was added so far. */
  result(): RangeSum;
}

/** Leaves the hash of the record between `start` and `end` in `hash`. */
export type HashRecord = (start: number, end: number, hash: Int32Array) => void;

const FORMAT_OF: Readonly<Record<Hashing, WireFormat>> = { 'native:pgcopy-binary': 'pgcopy-binary', canonical: 'csv' };

/**
 * A hasher for records with fields of these types, in wire order.
 * `native:pgcopy-binary` takes chunks of that format: MurmurHash3 (128 bits) of the tuple's bytes.
 * `canonical` takes chunks of `csv`: MD5 of the canonical record (docs/specs/canonical.md).
 */
export function createRecordHasher(hashing: Hashing, types: readonly LogicalType[]): RecordHasher {
  const open = openRecordHash(hashing, types);
  const sum = createHashSum();
  const hash = new Int32Array(4);
  return {
    add(chunk) {
      const hashRecord = open(chunk);
      let start = 0;
      for (const end of chunk.ends) {
        hashRecord(start, end, hash);
        sum.add(hash);
        start = end;
      }
    },
    sumOf(chunk, index) {
      open(chunk)(index === 0 ? 0 : (chunk.ends[index - 1] ?? 0), chunk.ends[index] ?? 0, hash);
      return toSum(hash);
    },
    result: () => sum.result(),
  };
}

/** Hashes single records of one chunk after another. Keeps scratch memory, as a hasher does. */
export function openRecordHash(hashing: Hashing, types: readonly LogicalType[]): (chunk: Chunk) => HashRecord {
  const over = hashing === 'canonical' ? createCanonicalHash(types) : createNativeHash();
  return (chunk) => {
    if (chunk.format === FORMAT_OF[hashing]) return over(chunk.payload);
    throw new SyncError('INTERNAL', `Asked for the ${hashing} hash of a ${chunk.format} chunk. Report it.`);
  };
}

function createNativeHash(): (payload: Uint8Array) => HashRecord {
  return (payload) => {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    return (start, end, hash) => murmur3(view, start, end, hash);
  };
}

function createCanonicalHash(types: readonly LogicalType[]): (payload: Uint8Array) => HashRecord {
  const writer = createCanonicalWriter(types);
  return (payload) => (start, end, hash) => {
    const length = writer.write(payload, start, end);
    md5(writer.bytes, writer.words, length, hash);
  };
}
