import type { Duplex } from 'node:stream';
import { type Chunk, CopyReader, type WireFormat } from '../../../formats/index.ts';
import { BACKEND, type BorrowedSocket, borrowSocket, fromErrorResponse, toQueryMessage } from './borrow.ts';

/** Suits both sides: one system call each for many records, and small beside a pipeline's credit. */
const CHUNK_BYTES = 256 * 1024;
/** Chunks that wait for the consumer before the socket is paused. */
const MAX_WAITING = 3;
/** A record longer than this would not fit any pipeline's memory. */
const MAX_RECORD_BYTES = 256 * 1024 * 1024;

/**
 * Runs a COPY … TO STDOUT on an idle session and yields its chunks. The socket is paused while the consumer lags.
 * Ends with the session idle again, or throws the server's error with the session idle; a consumer that stops early
 * or a broken socket leaves a session that must be destroyed, which `isClean` tells.
 */
export class CopyOut {
  readonly #waiting: Chunk[] = [];
  readonly #reader: CopyReader;
  readonly #socket: BorrowedSocket;
  #error: Error | null = null;
  #isDone = false;
  #isBroken = false;
  #isPaused = false;
  #wake: (() => void) | null = null;

  constructor(stream: Duplex, sql: string, format: WireFormat) {
    this.#reader = new CopyReader(
      { format, chunkBytes: CHUNK_BYTES, maxRecordBytes: MAX_RECORD_BYTES },
      { chunk: (chunk) => this.#take(chunk), message: (type, payload) => this.#takeMessage(type, payload) },
    );
    this.#socket = borrowSocket(
      stream,
      (bytes) => this.#feed(bytes),
      (error) => this.#break(error),
    );
    stream.write(toQueryMessage(sql));
  }

  /** True once the server is ready for the next statement. */
  get isClean(): boolean {
    return this.#isDone;
  }

  /** Ends the wait of the consumer; the session must then be destroyed. */
  abort(error: Error): void {
    this.#break(error);
  }

  /** Every chunk in order. @throws what the server answered */
  async *chunks(): AsyncGenerator<Chunk, void, undefined> {
    while (true) {
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        if (this.#isPaused && this.#waiting.length < MAX_WAITING) this.#resume();
        yield chunk;
      } else if (this.#isDone || this.#isBroken) {
        if (this.#error !== null) throw this.#error;
        return;
      } else await this.#arrival();
    }
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

  #feed(bytes: Buffer): void {
    if (this.#isBroken) return;
    try {
      this.#reader.feed(bytes);
    } catch (error) {
      this.#break(error instanceof Error ? error : new Error(String(error)));
    }
    if (this.#waiting.length >= MAX_WAITING && !this.#isDone) {
      this.#isPaused = true;
      this.#socket.stream.pause();
    }
  }

  #take(chunk: Chunk): void {
    this.#waiting.push(chunk);
    this.#wakeUp();
  }

  #takeMessage(type: number, payload: Uint8Array): void {
    if (type === BACKEND.error) this.#error ??= fromErrorResponse(payload);
    if (type !== BACKEND.ready) return;
    if (this.#error === null) this.#reader.flush();
    else this.#waiting.length = 0;
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
