import { SyncError } from '../../core/index.ts';
import type { Chunk, WireFormat } from '../chunk.ts';
import { COPY_BINARY_HEADER_BYTES } from './framing.ts';

/** What a `CopyReader` hands on, called from within `feed`. */
export interface CopyReaderHandlers {
  chunk(chunk: Chunk): void;
  /** Every message that is not `CopyData`: its type as a character code, and its payload, valid during the call only. */
  message(type: number, payload: Uint8Array): void;
  /** A buffer of `bytes` bytes for the next chunk, with any content: a new one, or one that nobody uses any more. */
  allocate(bytes: number): Uint8Array<ArrayBuffer>;
  /** A new one for a record that is longer than a chunk. Null: not now; what is fed is kept until `resume`. */
  allocateLong(bytes: number): Uint8Array<ArrayBuffer> | null;
}

export interface CopyReaderOptions {
  readonly format: WireFormat;
  /** A chunk is handed on as soon as the next record would make it longer than this. */
  readonly chunkBytes: number;
  /** A longer record is refused with `RECORD_TOO_LARGE`. */
  readonly maxRecordBytes: number;
}

const COPY_DATA = 0x64;
/** What a server may say while it copies: d c H G C E N S A Z. */
const MESSAGES: ReadonlySet<number> = new Set(Buffer.from('dcHGCENSAZ'));
/** A message's type and its length, which counts itself but not the type. */
const HEADER_BYTES = 5;

/**
 * Cuts a server's answer to COPY … TO STDOUT into chunks. PostgreSQL sends one `CopyData` message per record, in every
 * format, so no record is looked into; the file header of the binary format and its trailer are taken off.
 *
 * What is fed goes into the chunk's own buffer in one copy, and records are moved together there: a view for each
 * record would cost more than the copy, in garbage.
 */
export class CopyReader {
  readonly #options: CopyReaderOptions;
  readonly #handlers: CopyReaderHandlers;
  #buffer: Uint8Array<ArrayBuffer>;
  /** Bytes of the buffer that are records. */
  #used = 0;
  /** Bytes behind them that are messages yet, the last one incomplete. */
  #raw = 0;
  #ends = new Uint32Array(256);
  #records = 0;
  #isBeforeHeader: boolean;
  /** What was fed behind the beginning of a long record that has no buffer yet. */
  #unfed: Uint8Array | null = null;

  constructor(options: CopyReaderOptions, handlers: CopyReaderHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#buffer = handlers.allocate(options.chunkBytes);
    this.#isBeforeHeader = options.format === 'pgcopy-binary';
  }

  /** Takes the next bytes from the socket, in whatever pieces they come. @throws `CONN_LOST`, `FORMAT_CORRUPT`, `RECORD_TOO_LARGE` */
  feed(bytes: Uint8Array): void {
    if (this.#unfed !== null) {
      this.#unfed = Buffer.concat([this.#unfed, bytes]);
      return;
    }
    for (let offset = 0; offset < bytes.length; ) {
      if (!this.#makeRoom(bytes.length - offset)) {
        this.#unfed = bytes.slice(offset);
        return;
      }
      const start = this.#used + this.#raw;
      const end = Math.min(bytes.length, offset + this.#buffer.length - start);
      this.#buffer.set(end - offset === bytes.length ? bytes : bytes.subarray(offset, end), start);
      this.#raw += end - offset;
      offset = end;
      this.#cut();
    }
  }

  /** Goes on where a long record got no buffer; it is asked for again. */
  resume(): void {
    const bytes = this.#unfed;
    this.#unfed = null;
    if (bytes !== null) this.feed(bytes);
  }

  /** Hands on what is left. Called when the server has said that the copy is done, never from within a handler. */
  flush(): void {
    if (this.#records === 0) return;
    const full = this.#buffer;
    const payload = full.subarray(0, this.#used);
    const chunk = { format: this.#options.format, payload, ends: this.#ends.slice(0, this.#records) };
    this.#buffer = this.#handlers.allocate(this.#options.chunkBytes);
    this.#buffer.set(full.subarray(this.#used, this.#used + this.#raw));
    this.#used = 0;
    this.#records = 0;
    this.#handlers.chunk(chunk);
  }

  /** Sees to it that at least some of the bytes fit; a record that is larger than a chunk gets a buffer of its own. False: not yet. */
  #makeRoom(wantedBytes: number): boolean {
    if (this.#used + this.#raw + wantedBytes <= this.#buffer.length) return true;
    this.flush();
    if (this.#raw < HEADER_BYTES) return true;
    const messageBytes = 1 + readInt32(this.#buffer, this.#used + 1);
    if (messageBytes <= this.#buffer.length) return true;
    const { maxRecordBytes } = this.#options;
    if (messageBytes - HEADER_BYTES > maxRecordBytes) throw recordTooLarge(messageBytes - HEADER_BYTES, maxRecordBytes);
    const larger = this.#handlers.allocateLong(messageBytes);
    if (larger === null) return false;
    larger.set(this.#buffer.subarray(this.#used, this.#used + this.#raw));
    this.#used = 0;
    this.#buffer = larger;
    return true;
  }

  #cut(): void {
    const buffer = this.#buffer;
    const end = this.#used + this.#raw;
    let position = this.#used;
    while (position + HEADER_BYTES <= end) {
      const length = readInt32(buffer, position + 1);
      if (length < 4 || !MESSAGES.has(buffer[position] ?? 0)) throw notTheProtocol();
      const next = position + 1 + length;
      if (next > end) break;
      if (buffer[position] === COPY_DATA) {
        buffer.copyWithin(this.#used, position + HEADER_BYTES, next);
        this.#used += next - position - HEADER_BYTES;
        this.#endRecord();
      } else this.#handlers.message(buffer[position] ?? 0, buffer.subarray(position + HEADER_BYTES, next));
      position = next;
    }
    if (position > this.#used) buffer.copyWithin(this.#used, position, end);
    this.#raw = end - position;
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

function grow(ends: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(ends.length * 2);
  larger.set(ends);
  return larger;
}

/** Transient: whatever changed the bytes on their way may let the next ones pass. TLS would have found out earlier. */
function notTheProtocol(): SyncError {
  return new SyncError(
    'CONN_LOST',
    'What came in the middle of a COPY is no message of PostgreSQL, so bytes were changed or lost on the way. It is tried again by itself.',
  );
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
