import { SyncError } from '../../core/index.ts';
import type { Chunk, WireFormat } from '../chunk.ts';
import { COPY_BINARY_HEADER_BYTES } from './framing.ts';

/** What a `CopyReader` hands on, called from within `feed`. */
export interface CopyReaderHandlers {
  chunk(chunk: Chunk): void;
  /** Every message that is not `CopyData`: its type as a character code, and its payload, valid during the call only. */
  message(type: number, payload: Uint8Array): void;
}

export interface CopyReaderOptions {
  readonly format: WireFormat;
  /** A chunk is handed on as soon as the next record would make it longer than this. */
  readonly chunkBytes: number;
  /** A longer record is refused with `RECORD_TOO_LARGE`. */
  readonly maxRecordBytes: number;
}

const COPY_DATA = 0x64;
const HEADER_BYTES = 5;

/**
 * Cuts a server's answer to COPY … TO STDOUT into chunks. PostgreSQL sends one `CopyData` message per record, in every
 * format, so the payload is copied without being looked into; the file header of the binary format and its trailer are
 * taken off.
 */
export class CopyReader {
  readonly #options: CopyReaderOptions;
  readonly #handlers: CopyReaderHandlers;
  #buffer: Uint8Array<ArrayBuffer>;
  #used = 0;
  #ends = new Uint32Array(256);
  #records = 0;
  /** Payload bytes of a `CopyData` message that have not arrived yet. */
  #missing = 0;
  /** Another message, or a message's first five bytes, cut by the end of what was fed. */
  #rest: Uint8Array | null = null;
  #isBeforeHeader: boolean;

  constructor(options: CopyReaderOptions, handlers: CopyReaderHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#buffer = new Uint8Array(options.chunkBytes);
    this.#isBeforeHeader = options.format === 'pgcopy-binary';
  }

  /** Takes the next bytes from the socket, in whatever pieces they come. @throws `FORMAT_CORRUPT`, `RECORD_TOO_LARGE` */
  feed(bytes: Uint8Array): void {
    let position = this.#missing > 0 ? this.#continueRecord(bytes) : 0;
    let source = bytes;
    if (this.#rest !== null) {
      source = join(this.#rest, bytes.subarray(position));
      position = 0;
      this.#rest = null;
    }
    const length = source.length;
    while (position + HEADER_BYTES <= length) {
      const size = readInt32(source, position + 1);
      const start = position + HEADER_BYTES;
      const end = position + 1 + size;
      if (source[position] === COPY_DATA) {
        this.#reserve(size - 4);
        if (end > length) {
          this.#buffer.set(source.subarray(start), this.#used);
          this.#used += length - start;
          this.#missing = end - length;
          return;
        }
        this.#buffer.set(source.subarray(start, end), this.#used);
        this.#used += size - 4;
        this.#endRecord();
      } else {
        if (end > length) break;
        this.#handlers.message(source[position] ?? 0, source.subarray(start, end));
      }
      position = end;
    }
    if (position < length) this.#rest = source.slice(position);
  }

  /** Hands on what is left. Called when the server has said that the copy is done. */
  flush(): void {
    if (this.#records === 0) return;
    const payload = this.#buffer.subarray(0, this.#used);
    const chunk = { format: this.#options.format, payload, ends: this.#ends.slice(0, this.#records) };
    this.#buffer = new Uint8Array(this.#options.chunkBytes);
    this.#used = 0;
    this.#records = 0;
    this.#handlers.chunk(chunk);
  }

  #continueRecord(bytes: Uint8Array): number {
    const taken = Math.min(this.#missing, bytes.length);
    this.#buffer.set(taken === bytes.length ? bytes : bytes.subarray(0, taken), this.#used);
    this.#used += taken;
    this.#missing -= taken;
    if (this.#missing === 0) this.#endRecord();
    return taken;
  }

  /** Makes room for one record, handing on what is there when it does not fit beside it. */
  #reserve(recordBytes: number): void {
    if (this.#used + recordBytes <= this.#buffer.length) return;
    if (recordBytes > this.#options.maxRecordBytes) throw recordTooLarge(recordBytes, this.#options.maxRecordBytes);
    this.flush();
    if (recordBytes > this.#buffer.length) this.#buffer = new Uint8Array(recordBytes);
  }

  #endRecord(): void {
    const start = this.#records === 0 ? 0 : (this.#ends[this.#records - 1] ?? 0);
    if (this.#isBeforeHeader) {
      this.#takeOffHeader();
      return;
    }
    if (this.#options.format === 'pgcopy-binary' && this.#used - start === 2 && this.#buffer[start] === 0xff) {
      this.#used = start;
      return;
    }
    if (this.#records === this.#ends.length) this.#ends = grow(this.#ends);
    this.#ends[this.#records++] = this.#used;
  }

  /** The file header shares the first message with the first record, or with the trailer of an empty table. */
  #takeOffHeader(): void {
    if (this.#used < COPY_BINARY_HEADER_BYTES) throw corruptHeader(this.#used);
    const headerBytes = COPY_BINARY_HEADER_BYTES + readInt32(this.#buffer, COPY_BINARY_HEADER_BYTES - 4);
    if (this.#used < headerBytes) throw corruptHeader(this.#used);
    this.#buffer.copyWithin(0, headerBytes, this.#used);
    this.#used -= headerBytes;
    this.#isBeforeHeader = false;
    if (this.#used > 0) this.#endRecord();
  }
}

function readInt32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

function grow(ends: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(ends.length * 2);
  larger.set(ends);
  return larger;
}

function corruptHeader(bytes: number): SyncError {
  return new SyncError(
    'FORMAT_CORRUPT',
    `PostgreSQL began COPY BINARY with ${bytes} bytes, too few for its file header.`,
  );
}

function recordTooLarge(bytes: number, limit: number): SyncError {
  return new SyncError(
    'RECORD_TOO_LARGE',
    `A record of ${bytes} bytes came from PostgreSQL; at most ${limit} bytes are taken. Leave out its large field or shorten it.`,
    { detail: { bytes, limit } },
  );
}
