import type { LogicalType } from '../../core/index.ts';
import { SyncError } from '../../core/index.ts';
import { copyField, createFieldCursor, type FieldCursor, nextField } from '../csv/fields.ts';
import { toCanonicalFloat } from './float-text.ts';
import { MD5_PADDING } from './md5.ts';

const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
/** The longest canonical float is 24 bytes; with its length, more than any other field grows. */
const MAX_GROWTH = 32;

/** Turns `csv` records into canonical records (docs/specs/canonical.md), one after another in the same scratch bytes. */
export interface CanonicalWriter {
  /** Two views of the scratch, from its start; replaced when a record needs more room. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Writes the record between `start` and `end` and returns the canonical record's length. @throws `FORMAT_CORRUPT` */
  write(payload: Uint8Array, start: number, end: number): number;
}

/** A writer for records with fields of these types, in this order. */
export function createCanonicalWriter(types: readonly LogicalType[]): CanonicalWriter {
  let bytes = new Uint8Array(4096);
  let words = new Int32Array(bytes.buffer);
  const cursor = createFieldCursor(0);
  return {
    get bytes() {
      return bytes;
    },
    get words() {
      return words;
    },
    write(payload, start, end) {
      const room = (end - start) * 2 + types.length * MAX_GROWTH + MD5_PADDING;
      if (room > bytes.length) {
        bytes = new Uint8Array(2 ** Math.ceil(Math.log2(room)));
        words = new Int32Array(bytes.buffer);
      }
      cursor.next = start;
      let at = 0;
      for (const type of types) {
        nextField(payload, cursor, end);
        at = writeField(payload, cursor, type, bytes, at);
      }
      if (cursor.next !== end)
        throw new SyncError(
          'FORMAT_CORRUPT',
          `Read a csv record for ${types.length} fields, and it has more. Report it.`,
        );
      return at;
    },
  };
}

function writeField(payload: Uint8Array, cursor: FieldCursor, type: LogicalType, out: Uint8Array, at: number): number {
  if (cursor.isNull) {
    out[at] = MINUS;
    return at + 1;
  }
  if (type.kind === 'float') return writeFloat(payload, cursor, type.bits, out, at);
  // csv carries bytes as `\x…`, the canonical text is the digits alone
  if (type.kind === 'bytes') cursor.start += 2;
  return copyField(payload, cursor, out, writeLength(out, at, cursor.end - cursor.start - cursor.doubledQuotes));
}

function writeFloat(payload: Uint8Array, cursor: FieldCursor, bits: 32 | 64, out: Uint8Array, at: number): number {
  let text = '';
  for (let i = cursor.start; i < cursor.end; i++) text += String.fromCharCode(payload[i] ?? 0);
  const canonical = toCanonicalFloat(text, bits);
  const from = writeLength(out, at, canonical.length);
  for (let i = 0; i < canonical.length; i++) out[from + i] = canonical.charCodeAt(i);
  return from + canonical.length;
}

function writeLength(out: Uint8Array, at: number, length: number): number {
  let digits = 1;
  for (let rest = length; rest >= 10; rest = Math.trunc(rest / 10)) digits++;
  let rest = length;
  for (let i = at + digits - 1; i >= at; i--) {
    out[i] = ZERO + (rest % 10);
    rest = Math.trunc(rest / 10);
  }
  out[at + digits] = COLON;
  return at + digits + 1;
}
