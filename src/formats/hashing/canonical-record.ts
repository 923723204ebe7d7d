import type { LogicalType } from '../../core/index.ts';
import { SyncError } from '../../core/index.ts';
import { copyField, createFieldCursor, type FieldCursor, nextField } from '../csv/fields.ts';
import { toCanonicalFloat } from './float-text.ts';
import { MD5_PADDING } from './md5.ts';

const COMMA = 0x2c;
const QUOTE = 0x22;
const NEWLINE = 0x0a;
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
  return new RecordWriter(types);
}

/** How many digits the length of a field's text had in the record before: mostly it has as many again. */
type Guesses = Uint8Array;

class RecordWriter implements CanonicalWriter {
  bytes = new Uint8Array(4096);
  words = new Int32Array(this.bytes.buffer);
  readonly #types: readonly LogicalType[];
  /** Fields whose bytes are their canonical text. */
  readonly #isPlain: Uint8Array;
  readonly #guesses: Guesses;
  readonly #cursor: FieldCursor = createFieldCursor(0);

  constructor(types: readonly LogicalType[]) {
    this.#types = types;
    this.#isPlain = Uint8Array.from(types, ({ kind }) => (kind === 'float' || kind === 'bytes' ? 0 : 1));
    this.#guesses = new Uint8Array(types.length).fill(1);
  }

  write(payload: Uint8Array, start: number, end: number): number {
    const last = end - 1;
    if (payload[last] !== NEWLINE) throw corrupt('does not end in a newline');
    this.#makeRoom(end - start);
    let next = start;
    let at = 0;
    for (let field = 0; field < this.#types.length; field++) {
      if (next > last) throw corrupt('is shorter than its fields');
      if (this.#isPlain[field] === 1 && payload[next] !== QUOTE) {
        const length = this.#writePlain(payload, next, last, at, field);
        next += length + 1;
        at += length === 0 ? 1 : length + countDigits(length) + 1;
      } else {
        at = this.#writeOther(payload, next, end, at, this.#types[field] ?? { kind: 'text' });
        next = this.#cursor.next;
      }
    }
    if (next !== end) throw corrupt('is longer than its fields');
    return at;
  }

  #makeRoom(recordBytes: number): void {
    const room = recordBytes * 2 + this.#types.length * MAX_GROWTH + MD5_PADDING;
    if (room <= this.bytes.length) return;
    this.bytes = new Uint8Array(2 ** Math.ceil(Math.log2(room)));
    this.words = new Int32Array(this.bytes.buffer);
  }

  /** Copies an unquoted text while it looks for its end, and returns its length. */
  #writePlain(payload: Uint8Array, from: number, last: number, at: number, field: number): number {
    const { bytes } = this;
    const guess = this.#guesses[field] ?? 1;
    let to = at + guess + 1;
    let next = from;
    for (; next < last; next++) {
      const byte = payload[next] ?? 0;
      if (byte === COMMA) break;
      bytes[to++] = byte;
    }
    const length = next - from;
    if (length === 0) {
      bytes[at] = MINUS;
      return 0;
    }
    const digits = countDigits(length);
    if (digits !== guess) {
      this.#guesses[field] = digits;
      bytes.copyWithin(at + digits + 1, at + guess + 1, to);
    }
    writeLength(bytes, at, length, digits);
    return length;
  }

  #writeOther(payload: Uint8Array, from: number, end: number, at: number, type: LogicalType): number {
    const cursor = this.#cursor;
    cursor.next = from;
    nextField(payload, cursor, end);
    if (cursor.isNull) {
      this.bytes[at] = MINUS;
      return at + 1;
    }
    if (type.kind === 'float') return writeFloat(payload, cursor, type.bits, this.bytes, at);
    // csv carries bytes as `\x…`, the canonical text is the digits alone
    if (type.kind === 'bytes') cursor.start += 2;
    const length = cursor.end - cursor.start - cursor.doubledQuotes;
    return copyField(payload, cursor, this.bytes, writeLength(this.bytes, at, length, countDigits(length)));
  }
}

function writeFloat(payload: Uint8Array, cursor: FieldCursor, bits: 32 | 64, out: Uint8Array, at: number): number {
  let text = '';
  for (let i = cursor.start; i < cursor.end; i++) text += String.fromCharCode(payload[i] ?? 0);
  const canonical = toCanonicalFloat(text, bits);
  const from = writeLength(out, at, canonical.length, countDigits(canonical.length));
  for (let i = 0; i < canonical.length; i++) out[from + i] = canonical.charCodeAt(i);
  return from + canonical.length;
}

function countDigits(length: number): number {
  let digits = 1;
  for (let rest = length; rest >= 10; rest = (rest / 10) | 0) digits++;
  return digits;
}

/** Returns the position behind the colon. */
function writeLength(out: Uint8Array, at: number, length: number, digits: number): number {
  let rest = length;
  for (let i = at + digits - 1; i >= at; i--) {
    const tens = (rest / 10) | 0;
    out[i] = ZERO + rest - tens * 10;
    rest = tens;
  }
  out[at + digits] = COLON;
  return at + digits + 1;
}

function corrupt(what: string): SyncError {
  return new SyncError('FORMAT_CORRUPT', `Read a csv record, and it ${what}. Report it with the connector's versions.`);
}
