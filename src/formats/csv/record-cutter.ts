import { SyncError } from '../../core/index.ts';
import type { Chunk } from '../chunk.ts';

const QUOTE = 0x22;
const NEWLINE = 0x0a;

/**
 * Cuts a stream of `csv` bytes into chunks of whole records. The bytes that are fed are not kept: a chunk's memory is its
 * own, so that it can be given away.
 */
export class RecordCutter {
  /** The beginning of a record whose end has not come yet. */
  #rest: Uint8Array = new Uint8Array(0);
  #isQuoted = false;
  readonly #maxRecordBytes: number;

  /** @param maxRecordBytes a longer record would not fit a pipeline's memory */
  constructor(maxRecordBytes: number) {
    this.#maxRecordBytes = maxRecordBytes;
  }

  /** Bytes of the record whose end has not come yet. */
  get pendingBytes(): number {
    return this.#rest.byteLength;
  }

  /** The records that end in these bytes, or null when none does. @throws `RECORD_TOO_LARGE` */
  feed(bytes: Uint8Array): Chunk | null {
    const all = new Uint8Array(this.#rest.byteLength + bytes.byteLength);
    all.set(this.#rest);
    all.set(bytes, this.#rest.byteLength);
    const ends = this.#findEnds(Buffer.from(all.buffer), this.#rest.byteLength);
    const end = ends.at(-1) ?? 0;
    this.#rest = end === 0 ? all : all.slice(end);
    if (this.#rest.byteLength > this.#maxRecordBytes) throw tooLarge(this.#rest.byteLength);
    if (end === 0) return null;
    return { format: 'csv', payload: all.subarray(0, end), ends: Uint32Array.from(ends) };
  }

  /** To be called behind the last bytes. @throws `FORMAT_CORRUPT` when a record was cut off */
  end(): void {
    if (this.#rest.byteLength > 0)
      throw new SyncError('FORMAT_CORRUPT', 'Read csv, and its last record has no end. Report it.');
  }

  /** Looks from quote to quote and from newline to newline with the engine's own search, not byte by byte. */
  #findEnds(all: Buffer, from: number): number[] {
    const ends: number[] = [];
    let at = from;
    let quote = find(all, QUOTE, at);
    while (at < all.length) {
      if (this.#isQuoted) {
        if (quote === all.length) break;
        this.#isQuoted = false;
        at = quote + 1;
        quote = find(all, QUOTE, at);
        continue;
      }
      const newline = find(all, NEWLINE, at);
      if (quote < newline) {
        this.#isQuoted = true;
        at = quote + 1;
        quote = find(all, QUOTE, at);
      } else if (newline < all.length) {
        at = newline + 1;
        ends.push(at);
      } else break;
    }
    return ends;
  }
}

function find(all: Buffer, byte: number, from: number): number {
  const at = all.indexOf(byte, from);
  return at < 0 ? all.length : at;
}

function tooLarge(bytes: number): SyncError {
  return new SyncError(
    'RECORD_TOO_LARGE',
    `Reading stopped at a record of more than ${bytes} bytes of csv. Leave the large field out of the sync.`,
  );
}
