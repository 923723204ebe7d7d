import { SyncError } from '../../core/index.ts';
import type { Chunk, WireFormat } from '../chunk.ts';
import { copyBytes } from '../copy-bytes.ts';
import { copyField, createFieldCursor, type FieldCursor, nextField } from '../csv/fields.ts';
import { HASH_CHARACTERS, HashCache } from './hash-cache.ts';
import { createKeyedHash, type KeyedHash } from './keyed-hash.ts';

const LENGTH_BYTES = 4;
/** Scratch memory beyond this was for a long record, and is not kept for short ones. */
const USUAL_BYTES = 1024 * 1024;

/** Puts keyed hashes in the place of some fields. Keeps scratch memory: one obfuscator per pipeline, for one schema. */
export interface Obfuscator {
  /**
   * The same records with the chosen fields' texts replaced by their hashes; NULL stays NULL, other fields stay unread.
   * The chunk's bytes are the obfuscator's until the next call, unless their buffer was given away.
   * @throws `FORMAT_CORRUPT` when a record has not the fields that were said
   */
  apply(chunk: Chunk): Chunk;
}

/** What is replaced, in records of `fieldCount` fields. The fields must travel as text. */
export interface ObfuscatorOptions {
  readonly format: WireFormat;
  readonly fieldCount: number;
  /** From 0, in wire order. */
  readonly positions: readonly number[];
  readonly key: Uint8Array;
}

/** The same text has the same hash under one key, in every format and field. */
export function createObfuscator({ format, fieldCount, positions, key }: ObfuscatorOptions): Obfuscator {
  const cache = new HashCache();
  // Each field has one of its own, which finds out whether the field's values repeat.
  const hashes: (KeyedHash | undefined)[] = new Array(fieldCount).fill(undefined);
  for (const position of positions) hashes[position] = createKeyedHash(key, cache);
  const rewrite = format === 'csv' ? createCsvRewriter(hashes) : createPgcopyRewriter(hashes);
  return new ChunkRewriter(format, rewrite, positions.length);
}

/** By position; undefined where a field stays as it is. */
type Hashes = readonly (KeyedHash | undefined)[];

/** Writes the record between `start` and `end` to `out` from `at`, and returns the position behind it. */
type RewriteRecord = (payload: Uint8Array, start: number, end: number, out: Uint8Array, at: number) => number;

class ChunkRewriter implements Obfuscator {
  readonly #format: WireFormat;
  readonly #growthPerRecord: number;
  readonly #rewrite: RewriteRecord;
  #out = new Uint8Array(0);

  constructor(format: WireFormat, rewrite: RewriteRecord, replacements: number) {
    this.#format = format;
    this.#growthPerRecord = replacements * HASH_CHARACTERS;
    this.#rewrite = rewrite;
  }

  apply({ format, payload, ends }: Chunk): Chunk {
    if (format !== this.#format)
      throw new SyncError(
        'INTERNAL',
        `Fields of a ${format} chunk were to be obfuscated as ${this.#format}. Report it.`,
      );
    const out = this.#makeRoom(payload.length + ends.length * this.#growthPerRecord);
    const rewrittenEnds = new Uint32Array(ends.length);
    let start = 0;
    let at = 0;
    for (let record = 0; record < ends.length; record++) {
      const end = ends[record] ?? start;
      at = this.#rewrite(payload, start, end, out, at);
      rewrittenEnds[record] = at;
      start = end;
    }
    return { format, payload: out.subarray(0, at), ends: rewrittenEnds };
  }

  /** A buffer that was given to another thread has no bytes left, so it is replaced as well. */
  #makeRoom(bytes: number): Uint8Array<ArrayBuffer> {
    const isMuchTooLarge = this.#out.length > USUAL_BYTES && bytes <= USUAL_BYTES;
    if (this.#out.length >= bytes && !isMuchTooLarge) return this.#out;
    // At once: the collector would let long records pile up.
    if (this.#out.length > USUAL_BYTES) this.#out.buffer.transfer(0);
    this.#out = new Uint8Array(bytes);
    return this.#out;
  }
}

/** A tuple: field count (16 bits), then each field's length (32 bits, -1 is NULL) and bytes. */
function createPgcopyRewriter(hashes: Hashes): RewriteRecord {
  const last = hashes.findLastIndex((hash) => hash !== undefined);
  return (payload, start, end, out, at) => {
    if ((((payload[start] ?? 0) << 8) | (payload[start + 1] ?? 0)) !== hashes.length) throw corrupt('COPY BINARY');
    let copied = start;
    let from = start + 2;
    let to = at;
    for (let field = 0; field <= last; field++) {
      const text = from + LENGTH_BYTES;
      const length = readInt32(payload, from);
      from = text + Math.max(length, 0);
      if (text > end || from > end) throw corrupt('COPY BINARY');
      const hash = hashes[field];
      if (hash === undefined || length < 0) continue;
      to = copyBytes(payload, copied, text - LENGTH_BYTES, out, to);
      // The high bytes of the length are zero.
      out[to] = out[to + 1] = out[to + 2] = 0;
      out[to + 3] = HASH_CHARACTERS;
      hash.write(payload, text, from, out, to + LENGTH_BYTES);
      to += LENGTH_BYTES + HASH_CHARACTERS;
      copied = from;
    }
    return copyBytes(payload, copied, end, out, to);
  };
}

/** The hash's characters need no quotes. */
function createCsvRewriter(hashes: Hashes): RewriteRecord {
  const last = hashes.findLastIndex((hash) => hash !== undefined);
  const cursor = createFieldCursor(0);
  const text = new TextReader();
  return (payload, start, end, out, at) => {
    cursor.next = start;
    let copied = start;
    let to = at;
    for (let field = 0; field <= last; field++) {
      const from = cursor.next;
      nextField(payload, cursor, end);
      const hash = hashes[field];
      if (hash === undefined || cursor.isNull) continue;
      to = copyBytes(payload, copied, from, out, to);
      if (cursor.doubledQuotes > 0) {
        const length = text.read(payload, cursor);
        hash.write(text.bytes, 0, length, out, to);
      } else hash.write(payload, cursor.start, cursor.end, out, to);
      to += HASH_CHARACTERS;
      copied = cursor.next - 1;
    }
    return copyBytes(payload, copied, end, out, to);
  };
}

/** Undoes doubled quotes in scratch memory. */
class TextReader {
  bytes = new Uint8Array(0);

  /** Leaves the text in `bytes`, which may be replaced, and returns its length. */
  read(payload: Uint8Array, cursor: FieldCursor): number {
    const room = cursor.end - cursor.start;
    if (this.bytes.length < room) this.bytes = new Uint8Array(2 * room);
    return copyField(payload, cursor, this.bytes, 0);
  }
}

function readInt32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

function corrupt(format: string): SyncError {
  return new SyncError(
    'FORMAT_CORRUPT',
    `Read a ${format} record to obfuscate some of its fields, and it has other fields than planned. Report it.`,
  );
}
