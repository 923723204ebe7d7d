import type { LogicalType } from '../../core/index.ts';
import { copyBytes } from '../copy-bytes.ts';
import { type Column, type ColumnBatch, isNull } from './column.ts';
import { writeDate, writeInteger, writeTime, writeTimestamp, writeTimestamptz } from './print-text.ts';
import type { RecordWriter, WriteField } from './record-writer.ts';

const [COMMA, QUOTE, NEWLINE, RETURN, BACKSLASH, SMALL_X, HYPHEN] = [0x2c, 0x22, 0x0a, 0x0d, 0x5c, 0x78, 0x2d];
/** The longest text of any value that is kept in words or floats. */
const MAX_FIXED_BYTES = 40;
const HEX = Buffer.from('0123456789abcdef');
/** Bytes of a uuid behind which its text has a hyphen. */
const HYPHENS: ReadonlySet<number> = new Set([3, 5, 7, 9]);

const WRITERS: Readonly<Record<LogicalType['kind'], WriteField>> = {
  boolean: writeBoolean,
  integer: writeInteger,
  decimal: writePlain,
  float: writeFloat,
  text: writeText,
  json: writeText,
  bytes: writeHex,
  uuid: writeUuid,
  date: writeDate,
  time: writeTime,
  timestamp: writeTimestamp,
  timestamptz: writeTimestamptz,
};

/** An encoder of batches with these columns into `csv` (docs/specs/canonical.md). */
export function createCsvWriter({ columns }: ColumnBatch): RecordWriter {
  const writers = columns.map(({ type }) => WRITERS[type.kind]);
  return {
    // Every byte may be a quote, which is doubled, or become two hex digits.
    maxBytes: ({ records }) =>
      columns.reduce((sum, { offsets }) => sum + records * MAX_FIXED_BYTES + 2 * (offsets[records] ?? 0), 0),
    writeRecord(row, out, at) {
      let to = at;
      for (let field = 0; field < columns.length; field++) {
        const column = columns[field];
        const write = writers[field];
        if (column === undefined || write === undefined) break;
        if (!isNull(column, row)) to = write(column, row, out, to);
        out[to++] = COMMA;
      }
      out[to - 1] = NEWLINE;
      return to;
    },
  };
}

function writeBoolean({ words }: Column, row: number, out: Uint8Array, at: number): number {
  out[at] = words[row] === 0 ? 0x66 : 0x74;
  return at + 1;
}

function writePlain({ bytes, offsets }: Column, row: number, out: Uint8Array, at: number): number {
  return copyBytes(bytes, offsets[row] ?? 0, offsets[row + 1] ?? 0, out, at);
}

/** JavaScript's shortest text reads back as the same value; it forgets the sign of zero. */
function writeFloat({ floats }: Column, row: number, out: Uint8Array, at: number): number {
  const value = floats[row] ?? 0;
  const text = Object.is(value, -0) ? '-0' : String(value);
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/** Unquoted while no byte needs quotes; the empty text has some, and so has what PostgreSQL before 17 takes for the end. */
function writeText({ bytes, offsets }: Column, row: number, out: Uint8Array, at: number): number {
  const start = offsets[row] ?? 0;
  const end = offsets[row + 1] ?? 0;
  if (start === end || bytes[start] === BACKSLASH) return writeQuoted(bytes, start, end, out, at);
  let to = at;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === COMMA || byte === QUOTE || byte === NEWLINE || byte === RETURN)
      return writeQuoted(bytes, start, end, out, at);
    out[to++] = byte;
  }
  return to;
}

function writeQuoted(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  let to = at;
  out[to++] = QUOTE;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === QUOTE) out[to++] = QUOTE;
    out[to++] = byte;
  }
  out[to++] = QUOTE;
  return to;
}

function writeHex({ bytes, offsets }: Column, row: number, out: Uint8Array, at: number): number {
  out[at] = BACKSLASH;
  out[at + 1] = SMALL_X;
  let to = at + 2;
  const end = offsets[row + 1] ?? 0;
  for (let i = offsets[row] ?? 0; i < end; i++) to = writeHexByte(out, to, bytes[i] ?? 0);
  return to;
}

function writeUuid({ bytes, offsets }: Column, row: number, out: Uint8Array, at: number): number {
  const start = offsets[row] ?? 0;
  let to = at;
  for (let i = 0; i < 16; i++) {
    to = writeHexByte(out, to, bytes[start + i] ?? 0);
    if (HYPHENS.has(i)) out[to++] = HYPHEN;
  }
  return to;
}

function writeHexByte(out: Uint8Array, at: number, byte: number): number {
  out[at] = HEX[byte >> 4] ?? 0;
  out[at + 1] = HEX[byte & 15] ?? 0;
  return at + 2;
}
