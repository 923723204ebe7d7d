import { type LogicalType, SyncError } from '../../core/index.ts';
import type { Chunk } from '../chunk.ts';
import { readFields } from '../csv/fields.ts';
import { toPgcopyText } from './pgcopy-text.ts';

/** A field of the key and its place in the record. */
export interface KeyField {
  /** From 0, in wire order. */
  readonly position: number;
  readonly id: string;
  readonly logicalType: LogicalType;
}

/**
 * The key of one record as text by field id; null is NULL. For records that a person gets to see: it allocates.
 * `pgcopy-binary` gives canonical text where the field's type is known by its logical type, else hex digits.
 * @throws `FORMAT_CORRUPT` when the record has no such field
 */
export function readKey(chunk: Chunk, index: number, fields: readonly KeyField[]): Record<string, string | null> {
  const start = index === 0 ? 0 : (chunk.ends[index - 1] ?? 0);
  const end = chunk.ends[index] ?? start;
  const read = chunk.format === 'csv' ? readCsv : readPgcopy;
  const texts = read(chunk.payload, start, end, fields);
  return Object.fromEntries(fields.map((field, i) => [field.id, texts[i] ?? null]));
}

function readCsv(payload: Uint8Array, start: number, end: number, fields: readonly KeyField[]): (string | null)[] {
  const all = readFields(payload, start, end);
  return fields.map(({ position }) => all[position] ?? null);
}

/** A tuple: field count (16 bits), then each field's length (32 bits, -1 is NULL) and bytes. */
function readPgcopy(payload: Uint8Array, start: number, end: number, fields: readonly KeyField[]): (string | null)[] {
  const record = Buffer.from(payload.buffer, payload.byteOffset + start, end - start);
  const values: (Buffer | null)[] = [];
  let at = 2;
  while (at + 4 <= record.length) {
    const length = record.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : record.subarray(at, at + length));
    at += Math.max(length, 0);
  }
  if (at !== record.length)
    throw new SyncError('FORMAT_CORRUPT', 'Read a COPY BINARY record, and its last field is cut off. Report it.');
  return fields.map(({ position, logicalType }) => {
    const value = values[position];
    return value ? toPgcopyText(value, logicalType) : null;
  });
}
