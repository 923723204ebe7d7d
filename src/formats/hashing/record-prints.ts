import type { LogicalType } from '../../core/index.ts';
import type { Chunk, Hashing } from '../chunk.ts';
import { createKeyProjection } from '../keys/key-projection.ts';
import { openRecordHash } from './record-hasher.ts';

/** What the two ends of a comparison are told apart by, record by record. */
export interface RecordPrints {
  /**
   * Calls `visit` with the hash of each record's key and the hash of the whole record, four 32-bit words each. Both arrays
   * are overwritten by the next record. Of a record without a key, the whole record is its key.
   * @throws `FORMAT_CORRUPT` when the bytes are not what the format says
   */
  each(chunk: Chunk, visit: (index: number, key: Int32Array, hash: Int32Array) => void): void;
}

/**
 * Prints of records with fields of these types, in wire order.
 * @param keyPositions places of the key's fields, from 0; none = the table has no key
 */
export function createRecordPrints(
  hashing: Hashing,
  types: readonly LogicalType[],
  keyPositions: readonly number[],
): RecordPrints {
  const hashRecords = openRecordHash(hashing, types);
  const isKeyless = keyPositions.length === 0;
  const project = isKeyless ? null : createKeyProjection(keyPositions);
  const hashKeys = openRecordHash(
    hashing,
    keyPositions.map((position) => types[position] ?? { kind: 'text' }),
  );
  const hash = new Int32Array(4);
  const key = new Int32Array(4);
  return {
    each(chunk, visit) {
      const hashRecord = hashRecords(chunk);
      const keys = project?.(chunk);
      const hashKey = keys === undefined ? null : hashKeys(keys);
      let start = 0;
      let keyStart = 0;
      for (let index = 0; index < chunk.ends.length; index++) {
        const end = chunk.ends[index] ?? start;
        hashRecord(start, end, hash);
        start = end;
        const keyEnd = keys?.ends[index] ?? keyStart;
        hashKey?.(keyStart, keyEnd, key);
        keyStart = keyEnd;
        visit(index, hashKey === null ? hash : key, hash);
      }
    },
  };
}

/** A hash as 32 lower-case hex digits. */
export function toHashText(hash: Int32Array): string {
  let text = '';
  for (const word of hash) text += (word >>> 0).toString(16).padStart(8, '0');
  return text;
}
