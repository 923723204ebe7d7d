import type { Duplex } from 'node:stream';
import {
  type Chunk,
  COPY_BINARY_HEADER,
  COPY_BINARY_TRAILER,
  CopyReader,
  toCopyDataHeader,
  type WireFormat,
} from '../../../formats/index.ts';
import { BACKEND, type BorrowedSocket, borrowSocket, fromErrorResponse, toQueryMessage } from './borrow.ts';

/** Notices and errors quote values, which can be long. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const COPY_DONE = Uint8Array.of(0x63, 0, 0, 0, 4);

/**
 * Runs a COPY … FROM STDIN on an idle session: `start`, `write` as often as needed, then `end`. After the server
 * refused the copy every call throws its error, and the session is idle again.
 */
export class CopyIn {
  readonly #socket: BorrowedSocket;
  readonly #format: WireFormat;
  #error: Error | null = null;
  #isReady = false;
  #isBroken = false;
  #isOpen = false;
  #wake: (() => void) | null = null;

  constructor(stream: Duplex, sql: string, format: WireFormat) {
    this.#format = format;
    const reader = new CopyReader(
      { format, chunkBytes: 8192, maxRecordBytes: MAX_MESSAGE_BYTES },
      {
        chunk: () => {},
        message: (type, payload) => this.#takeMessage(type, payload),
        allocate: (bytes) => new Uint8Array(bytes),
        allocateLong: (bytes) => new Uint8Array(bytes),
      },
    );
    this.#socket = borrowSocket(
      stream,
      (bytes) => {
        reader.feed(bytes);
        return true;
      },
      (error) => this.abort(error),
    );
    stream.write(toQueryMessage(sql));
  }

  /** True once the server is ready for the next statement. */
  get isClean(): boolean {
    return this.#isReady;
  }

  /** Ends every wait; the session must then be destroyed. */
  abort(error: Error): void {
    this.#error ??= error;
    this.#isBroken = true;
    this.#wakeUp();
  }

  /** Waits until the server wants data. */
  async start(): Promise<void> {
    await this.#until(() => this.#isOpen);
    if (this.#format === 'pgcopy-binary') await this.#send(COPY_BINARY_HEADER);
  }

  /** Resolves when the operating system has taken the bytes, which may be overwritten then; awaiting it is the backpressure. */
  async write(chunk: Pick<Chunk, 'payload'>): Promise<void> {
    if (chunk.payload.length > 0) await this.#send(chunk.payload);
  }

  /** Says that all records were sent, and waits until the server has taken them. */
  async end(): Promise<void> {
    if (this.#format === 'pgcopy-binary') await this.#send(COPY_BINARY_TRAILER);
    this.#socket.stream.write(COPY_DONE);
    await this.#until(() => this.#isReady);
  }

  async #send(payload: Uint8Array): Promise<void> {
    await this.#until(() => true);
    const { stream } = this.#socket;
    stream.cork();
    stream.write(toCopyDataHeader(payload.length));
    let isTaken = false;
    stream.write(payload, () => {
      isTaken = true;
      this.#wakeUp();
    });
    stream.uncork();
    await this.#until(() => isTaken);
  }

  /** @throws the server's refusal, once it is ready again, or what broke the socket */
  async #until(condition: () => boolean): Promise<void> {
    while (this.#error !== null || !condition()) {
      if (this.#error !== null && (this.#isReady || this.#isBroken)) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #takeMessage(type: number, payload: Uint8Array): void {
    if (type === BACKEND.copyIn) this.#isOpen = true;
    if (type === BACKEND.error) this.#error ??= fromErrorResponse(payload);
    if (type === BACKEND.ready) {
      this.#isReady = true;
      this.#socket.giveBack();
    }
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
