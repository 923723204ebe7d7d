import type { Duplex } from 'node:stream';
import type { CreditShare, MemoryCredit } from '../../../connector-kit/index.ts';
import { type Chunk, CopyReader, type WireFormat } from '../../../formats/index.ts';
import { BACKEND, type BorrowedSocket, borrowSocket, fromErrorResponse, toQueryMessage } from './borrow.ts';

/** Suits both sides: one system call each for many records, and small beside a pipeline's credit. */
const CHUNK_BYTES = 256 * 1024;
/** Chunks that wait for the consumer before the socket is paused. */
const MAX_WAITING = 3;
/** Buffers that are kept for the next chunks, so that no garbage piles up. */
const MAX_SPARE = MAX_WAITING + 1;
/**
 * Buffers of reads that have ended, for the next ones of this thread. Of a table of a few records, two new ones would cost
 * more than all else that we do with it.
 */
const idleBuffers: Uint8Array<ArrayBuffer>[] = [];
const MAX_IDLE_BUFFERS = 8;
/** A record longer than this would not fit any pipeline's memory. */
const MAX_RECORD_BYTES = 256 * 1024 * 1024;
/** Of a long record: ours, and one that encryption, hashes in its place or the way to another thread make of it. */
const COPIES_OF_LONG_RECORD = 2;

/**
 * Runs a COPY … TO STDOUT on an idle session and yields its chunks. The socket is paused while the consumer lags.
 * A chunk's bytes stay as they are until the next chunk is asked for; then they may be overwritten.
 * Ends with the session idle again, or throws the server's error with the session idle; a consumer that stops early
 * or a broken socket leaves a session that must be destroyed, which `isClean` tells.
 */
export class CopyOut {
  readonly #waiting: Chunk[] = [];
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  /** Every buffer of this read, wherever it is now. */
  readonly #buffers = new Set<ArrayBuffer>();
  /** Of the long records that are not consumed yet. */
  readonly #shares = new Map<ArrayBuffer, CreditShare>();
  readonly #credit: MemoryCredit;
  readonly #ended = new AbortController();
  /** For the long record that comes next. */
  #granted: CreditShare | null = null;
  #isAsking = false;
  readonly #reader: CopyReader;
  readonly #socket: BorrowedSocket;
  #error: Error | null = null;
  #isDone = false;
  #isBroken = false;
  #isPaused = false;
  #wake: (() => void) | null = null;

  constructor(stream: Duplex, sql: string, format: WireFormat, credit: MemoryCredit) {
    this.#credit = credit;
    this.#reader = new CopyReader(
      { format, chunkBytes: CHUNK_BYTES, maxRecordBytes: MAX_RECORD_BYTES },
      {
        chunk: (chunk) => this.#take(chunk),
        message: (type, payload) => this.#takeMessage(type, payload),
        allocate: (bytes) => this.#allocate(bytes),
        allocateLong: (bytes) => this.#allocateLong(bytes),
      },
    );
    this.#socket = borrowSocket(
      stream,
      (bytes) => this.#feed(() => this.#reader.feed(bytes)),
      (error) => this.#break(error),
    );
    stream.write(toQueryMessage(sql));
  }

  /** True once the server is ready for the next statement. */
  get isClean(): boolean {
    return this.#isDone;
  }

  /** True while the consumer waits for the server, and not the other way round or for memory. */
  get isWaiting(): boolean {
    return this.#wake !== null && !this.#isAsking;
  }

  /** Ends the wait of the consumer; the session must then be destroyed. */
  abort(error: Error): void {
    this.#break(error);
  }

  /** Every chunk in order. @throws what the server answered */
  async *chunks(): AsyncGenerator<Chunk, void, undefined> {
    try {
      yield* this.#untilEnd();
    } finally {
      this.#ended.abort();
      this.#granted?.release();
      for (const share of this.#shares.values()) share.release();
    }
  }

  async *#untilEnd(): AsyncGenerator<Chunk, void, undefined> {
    while (true) {
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        if (this.#isPaused && !this.#isAsking && this.#waiting.length < MAX_WAITING) this.#resume();
        yield chunk;
        this.#reuse(chunk);
      } else if (this.#isDone || this.#isBroken) {
        if (this.#error !== null) throw this.#error;
        this.#giveBack();
        return;
      } else await this.#arrival();
    }
  }

  /** The socket is paused until a record that is longer than a chunk may be held. */
  #allocateLong(bytes: number): Uint8Array<ArrayBuffer> | null {
    const share = this.#granted ?? this.#credit.tryTake(COPIES_OF_LONG_RECORD * bytes);
    this.#granted = null;
    if (share === null) {
      void this.#askFor(COPIES_OF_LONG_RECORD * bytes);
      return null;
    }
    const buffer = new Uint8Array(bytes);
    this.#shares.set(buffer.buffer, share);
    return buffer;
  }

  async #askFor(bytes: number): Promise<void> {
    this.#isAsking = true;
    try {
      const share = await this.#credit.take(bytes, this.#ended.signal);
      if (this.#ended.signal.aborted) return share.release();
      this.#granted = share;
      this.#isAsking = false;
      if (this.#feed(() => this.#reader.resume())) this.#resume();
    } catch (error) {
      this.#break(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #allocate(bytes: number): Uint8Array<ArrayBuffer> {
    const buffer =
      this.#spare.pop() ?? (bytes === CHUNK_BYTES ? idleBuffers.pop() : undefined) ?? new Uint8Array(bytes);
    // Those that were given away to another thread would pile up here.
    if (this.#buffers.size < MAX_IDLE_BUFFERS) this.#buffers.add(buffer.buffer);
    return buffer;
  }

  /** Behind the last chunk nobody uses any of them any more. */
  #giveBack(): void {
    for (const buffer of this.#buffers) {
      if (buffer.byteLength === CHUNK_BYTES && idleBuffers.length < MAX_IDLE_BUFFERS)
        idleBuffers.push(new Uint8Array(buffer));
    }
    this.#buffers.clear();
  }

  /** A buffer that was given away to another thread is no longer there. */
  #reuse({ payload }: Chunk): void {
    const { buffer } = payload;
    const share = this.#shares.get(buffer);
    if (share !== undefined) {
      this.#shares.delete(buffer);
      // The collector would come by too late: some of these are as large as all that it lets pile up.
      if (!buffer.detached) buffer.transfer(0);
      share.release();
      return;
    }
    if (buffer.byteLength === CHUNK_BYTES && this.#spare.length < MAX_SPARE) this.#spare.push(new Uint8Array(buffer));
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #resume(): void {
    this.#isPaused = false;
    this.#socket.stream.resume();
  }

  /** False: the socket has to pause. */
  #feed(read: () => void): boolean {
    if (this.#isBroken) return true;
    try {
      read();
      if (this.#isDone && this.#error === null) this.#reader.flush();
    } catch (error) {
      this.#break(error instanceof Error ? error : new Error(String(error)));
    }
    this.#isPaused = (this.#isAsking || this.#waiting.length >= MAX_WAITING) && !this.#isDone;
    return !this.#isPaused;
  }

  #take(chunk: Chunk): void {
    this.#waiting.push(chunk);
    this.#wakeUp();
  }

  #takeMessage(type: number, payload: Uint8Array): void {
    if (type === BACKEND.error) this.#error ??= fromErrorResponse(payload);
    if (type !== BACKEND.ready) return;
    if (this.#error !== null) this.#waiting.length = 0;
    this.#isDone = true;
    this.#socket.giveBack();
    this.#wakeUp();
  }

  /** What came before a break must not be taken for the whole. */
  #break(error: Error): void {
    this.#error ??= error;
    this.#isBroken = true;
    this.#waiting.length = 0;
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
