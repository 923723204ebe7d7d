import type { LogicalType } from '../../core/index.ts';
import { copyBytes } from '../copy-bytes.ts';

/** Records of a chunk before a buffer has to grow. */
const FIRST_RECORDS = 1024;
const FIRST_BYTES = 4096;

/**
 * The values of one field, in Arrow's memory layout: little-endian, no gaps, NULLs have a place with any content.
 * Which arrays are used follows from the type; the others are empty.
 */
export interface Column {
  readonly type: LogicalType;
  /** One bit for each record, lowest first; 0 is NULL. */
  validity: Uint8Array<ArrayBuffer>;
  /**
   * Int32: integers of up to 32 bits, booleans (0 or 1), days since 2000-01-01 (the extremes are the infinities).
   * Int64, two words each, the low one first: other integers, microseconds since midnight or since 2000-01-01 00:00
   * (the extremes are the infinities). Not since 1970, as Arrow has it: PostgreSQL's last years would not fit.
   */
  words: Int32Array<ArrayBuffer>;
  /** Float64, of 32-bit floats as well: widening loses nothing. */
  floats: Float64Array<ArrayBuffer>;
  /** Utf8 and Binary: where each value begins in `bytes`, and behind the last one. */
  offsets: Int32Array<ArrayBuffer>;
  /** Text and JSON as they are; decimals as canonical text, whatever their width; bytes; the sixteen of a uuid. */
  bytes: Buffer<ArrayBuffer>;
}

/** Records as columns. Its memory is used again for the next records. */
export interface ColumnBatch {
  readonly columns: readonly Column[];
  /** Whole records so far. A value is set at this index, and is there once the number has grown. */
  records: number;
  /** Records for which the fixed parts have room. */
  capacity: number;
}

type Storage = 'int32' | 'int64' | 'float64' | 'bytes';

const STORAGES: Readonly<Record<Exclude<LogicalType['kind'], 'integer'>, Storage>> = {
  boolean: 'int32',
  decimal: 'bytes',
  float: 'float64',
  text: 'bytes',
  bytes: 'bytes',
  uuid: 'bytes',
  json: 'bytes',
  date: 'int32',
  time: 'int64',
  timestamp: 'int64',
  timestamptz: 'int64',
};

/** How the values of a type are kept. */
export function storageOf(type: LogicalType): Storage {
  return type.kind === 'integer' ? (type.bits === 64 ? 'int64' : 'int32') : STORAGES[type.kind];
}

/** No records yet, with fields of these types. */
export function createBatch(types: readonly LogicalType[]): ColumnBatch {
  const columns = types.map((type) => ({
    type,
    validity: new Uint8Array(0),
    words: new Int32Array(0),
    floats: new Float64Array(0),
    offsets: new Int32Array(1),
    bytes: Buffer.alloc(0),
  }));
  return { columns, records: 0, capacity: 0 };
}

/** Makes room for `more` records behind those that are there. */
export function reserveRecords(batch: ColumnBatch, more = 1): void {
  const wanted = batch.records + more;
  if (wanted <= batch.capacity) return;
  const capacity = Math.max(FIRST_RECORDS, batch.capacity * 2, wanted);
  for (const column of batch.columns) growFixed(column, capacity);
  batch.capacity = capacity;
}

function growFixed(column: Column, capacity: number): void {
  const validity = new Uint8Array((capacity + 7) >> 3);
  validity.set(column.validity);
  column.validity = validity;
  switch (storageOf(column.type)) {
    case 'int32':
      column.words = growWords(column.words, capacity);
      return;
    case 'int64':
      column.words = growWords(column.words, 2 * capacity);
      return;
    case 'float64': {
      const floats = new Float64Array(capacity);
      floats.set(column.floats);
      column.floats = floats;
      return;
    }
    case 'bytes':
      column.offsets = growWords(column.offsets, capacity + 1);
  }
}

function growWords(words: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(words);
  return larger;
}

/** Where the value of `row` begins, with room for `room` bytes from there. */
export function reserveBytes(column: Column, row: number, room: number): number {
  const start = column.offsets[row] ?? 0;
  if (start + room <= column.bytes.length) return start;
  const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * column.bytes.length, start + room));
  larger.set(column.bytes.subarray(0, start));
  column.bytes = larger;
  return start;
}

/** Marks `row` as present, its bytes ending at `end`. */
export function endBytes(column: Column, row: number, end: number): void {
  column.offsets[row + 1] = end;
  setPresent(column, row);
}

/** Copies bytes as the value of `row`. */
export function setBytes(column: Column, row: number, from: Uint8Array, start: number, end: number): void {
  const at = reserveBytes(column, row, end - start);
  copyBytes(from, start, end, column.bytes, at);
  endBytes(column, row, at + end - start);
}

export function setInt32(column: Column, row: number, value: number): void {
  column.words[row] = value;
  setPresent(column, row);
}

export function setInt64(column: Column, row: number, low: number, high: number): void {
  column.words[2 * row] = low;
  column.words[2 * row + 1] = high;
  setPresent(column, row);
}

/** A whole number that a `number` holds exactly, as 64 bits. */
export function setSafeInteger(column: Column, row: number, value: number): void {
  setInt64(column, row, value | 0, Math.floor(value / 2 ** 32));
}

export function setBigInt(column: Column, row: number, value: bigint): void {
  setInt64(column, row, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
}

export function setFloat(column: Column, row: number, value: number): void {
  column.floats[row] = value;
  setPresent(column, row);
}

export function setNull(column: Column, row: number): void {
  const at = row >> 3;
  column.validity[at] = (column.validity[at] ?? 0) & ~(1 << (row & 7));
  if (column.offsets.length > 1) column.offsets[row + 1] = column.offsets[row] ?? 0;
}

export function isNull(column: Column, row: number): boolean {
  return (((column.validity[row >> 3] ?? 0) >> (row & 7)) & 1) === 0;
}

function setPresent(column: Column, row: number): void {
  const at = row >> 3;
  column.validity[at] = (column.validity[at] ?? 0) | (1 << (row & 7));
}
