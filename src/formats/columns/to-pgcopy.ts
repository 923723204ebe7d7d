import type { LogicalType } from '../../core/index.ts';
import { copyBytes } from '../copy-bytes.ts';
import { type Column, type ColumnBatch, isNull } from './column.ts';
import { NUMERIC_GROWTH_BYTES, writeNumeric } from './decimal.ts';
import type { RecordWriter, WriteField } from './record-writer.ts';

const LENGTH_BYTES = 4;
const FIELD_COUNT_BYTES = 2;
const FLOAT_VIEW = new DataView(new ArrayBuffer(8));

const WRITERS: Readonly<Record<Exclude<LogicalType['kind'], 'integer'>, WriteField>> = {
  boolean: writeByte,
  decimal: writeDecimal,
  float: writeFloat,
  text: writeBytes,
  json: writeBytes,
  bytes: writeBytes,
  uuid: writeBytes,
  date: writeWord,
  time: writeTwoWords,
  timestamp: writeTwoWords,
  timestamptz: writeTwoWords,
};
const INTEGERS: Readonly<Record<16 | 32 | 64, WriteField>> = { 16: writeInt16, 32: writeWord, 64: writeTwoWords };

/** The type whose COPY BINARY bytes are written for a logical type, as PostgreSQL's `format_type` prints it. */
export function toPgcopyType(type: LogicalType): string {
  if (type.kind === 'integer') return { 16: 'smallint', 32: 'integer', 64: 'bigint' }[type.bits];
  if (type.kind === 'float') return type.bits === 32 ? 'real' : 'double precision';
  if (type.kind === 'decimal') return `numeric(${type.precision},${type.scale})`;
  return PGCOPY_TYPES[type.kind];
}

const PGCOPY_TYPES: Readonly<Record<Exclude<LogicalType['kind'], 'integer' | 'decimal' | 'float'>, string>> = {
  boolean: 'boolean',
  text: 'text',
  bytes: 'bytea',
  uuid: 'uuid',
  // Not `jsonb`, which prints a document anew: the receipt compares bytes.
  json: 'json',
  date: 'date',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
};

/** An encoder of batches with these columns into `pgcopy-binary`. */
export function createPgcopyWriter({ columns }: ColumnBatch): RecordWriter {
  const writers = columns.map(({ type }) => (type.kind === 'integer' ? INTEGERS[type.bits] : WRITERS[type.kind]));
  return {
    maxBytes: ({ records }) =>
      records * FIELD_COUNT_BYTES + columns.reduce((sum, column) => sum + maxFieldBytes(column, records), 0),
    writeRecord(row, out, at) {
      out[at] = columns.length >> 8;
      out[at + 1] = columns.length & 0xff;
      let to = at + FIELD_COUNT_BYTES;
      for (let field = 0; field < columns.length; field++) {
        const column = columns[field];
        const write = writers[field];
        if (column === undefined || write === undefined) break;
        if (isNull(column, row)) to = writeInt32(out, to, -1);
        else {
          const end = write(column, row, out, to + LENGTH_BYTES);
          writeInt32(out, to, end - to - LENGTH_BYTES);
          to = end;
        }
      }
      return to;
    },
  };
}

function maxFieldBytes(column: Column, records: number): number {
  const textBytes = column.offsets[records] ?? 0;
  return records * (LENGTH_BYTES + NUMERIC_GROWTH_BYTES) + textBytes;
}

function writeByte({ words }: Column, row: number, out: Uint8Array, at: number): number {
  out[at] = words[row] ?? 0;
  return at + 1;
}

function writeInt16({ words }: Column, row: number, out: Uint8Array, at: number): number {
  const value = words[row] ?? 0;
  out[at] = (value >> 8) & 0xff;
  out[at + 1] = value & 0xff;
  return at + 2;
}

function writeWord({ words }: Column, row: number, out: Uint8Array, at: number): number {
  return writeInt32(out, at, words[row] ?? 0);
}

function writeTwoWords({ words }: Column, row: number, out: Uint8Array, at: number): number {
  writeInt32(out, at, words[2 * row + 1] ?? 0);
  return writeInt32(out, at + 4, words[2 * row] ?? 0);
}

function writeFloat({ floats, type }: Column, row: number, out: Uint8Array, at: number): number {
  const value = floats[row] ?? 0;
  if (type.kind === 'float' && type.bits === 32) {
    FLOAT_VIEW.setFloat32(0, value);
    return writeInt32(out, at, FLOAT_VIEW.getInt32(0));
  }
  FLOAT_VIEW.setFloat64(0, value);
  writeInt32(out, at, FLOAT_VIEW.getInt32(0));
  return writeInt32(out, at + 4, FLOAT_VIEW.getInt32(4));
}

function writeDecimal({ bytes, offsets }: Column, row: number, out: Uint8Array, at: number): number {
  return writeNumeric(bytes, offsets[row] ?? 0, offsets[row + 1] ?? 0, out, at);
}

function writeBytes({ bytes, offsets }: Column, row: number, out: Uint8Array, at: number): number {
  return copyBytes(bytes, offsets[row] ?? 0, offsets[row + 1] ?? 0, out, at);
}

function writeInt32(out: Uint8Array, at: number, value: number): number {
  out[at] = value >>> 24;
  out[at + 1] = (value >>> 16) & 0xff;
  out[at + 2] = (value >>> 8) & 0xff;
  out[at + 3] = value & 0xff;
  return at + 4;
}
