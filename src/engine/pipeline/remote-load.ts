import type { MessagePort } from 'node:worker_threads';
import type {
  CreditShare,
  Load,
  MemoryCredit,
  SegmentId,
  SegmentOutcome,
  SegmentWriter,
} from '../../connector-kit/index.ts';
import { deserializeError, type SerializedError, SyncError, serializeError } from '../../core/index.ts';
import type { Chunk } from '../../formats/index.ts';

/** Bytes that may be on their way to an owner thread before the reader waits, of one pipeline and with the process's leave. */
const CREDIT_BYTES = 8 * 1024 * 1024;
/** What most chunks fit into. */
const CHUNK_BYTES = 256 * 1024;

type Call =
  | { readonly kind: 'lookup'; readonly segment: SegmentId }
  | { readonly kind: 'begin'; readonly segment: SegmentId; readonly isolate: boolean }
  | { readonly kind: 'write'; readonly chunk: Chunk }
  | { readonly kind: 'commit'; readonly outcome: SegmentOutcome }
  | { readonly kind: 'dispose' };

interface Request {
  readonly id: number;
  readonly call: Call;
}

type Answer =
  /** `buffer`: what a chunk travelled in, given back. */
  | { readonly id: number; readonly result: unknown; readonly buffer?: ArrayBuffer }
  | { readonly id: number; readonly error: SerializedError };

/** The reading thread's side: the two calls of a `Load` that a segment makes, carried over a port. */
export type SegmentLoad = Pick<Load, 'lookup' | 'beginSegment'>;

/** Reaches a load that lives in an owner thread. Chunks are copied into buffers that travel there and back. */
export function connectRemoteLoad(port: MessagePort, credit: MemoryCredit): SegmentLoad {
  const wire = new PortCaller(port);
  return {
    // The answers come from `serveLoad` below, whose types are those of `Load`.
    lookup: (segment) => wire.call({ kind: 'lookup', segment }) as ReturnType<Load['lookup']>,
    async beginSegment(segment, { isolate }) {
      await wire.call({ kind: 'begin', segment, isolate });
      return new RemoteWriter(wire, isolate, credit);
    },
  };
}

class RemoteWriter implements SegmentWriter {
  readonly #wire: PortCaller;
  readonly #isolate: boolean;
  readonly #credit: MemoryCredit;
  readonly #pending = new Set<Promise<unknown>>();
  #inFlight = 0;
  #failure: unknown = null;

  constructor(wire: PortCaller, isolate: boolean, credit: MemoryCredit) {
    this.#wire = wire;
    this.#isolate = isolate;
    this.#credit = credit;
  }

  async write(chunk: Chunk) {
    if (this.#isolate) {
      // The answer of `serveLoad`: what `SegmentWriter.write` returned there.
      return (await this.#wire.call({ kind: 'write', chunk })) as Awaited<ReturnType<SegmentWriter['write']>>;
    }
    const bytes = chunk.payload.byteLength;
    const share = await this.#takeShare(bytes);
    if (this.#failure !== null) {
      share?.release();
      throw this.#failure;
    }
    this.#inFlight += bytes;
    const payload = this.#wire.lend(bytes);
    payload.set(chunk.payload);
    const sent: Promise<unknown> = this.#wire
      .call({ kind: 'write', chunk: { ...chunk, payload } }, [payload.buffer, chunk.ends.buffer])
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#inFlight -= bytes;
        share?.release();
        this.#pending.delete(sent);
      });
    this.#pending.add(sent);
    return [];
  }

  /**
   * Waits for its own chunks only, never for another pipeline's: a chunk that travels alone needs no leave (null). So a long
   * record, for which the source has taken its share already, is never held up by those who wait for theirs.
   */
  async #takeShare(bytes: number): Promise<CreditShare | null> {
    while (this.#inFlight > 0) {
      const share = this.#inFlight + bytes > CREDIT_BYTES ? null : this.#credit.tryTake(bytes);
      if (share !== null) return share;
      await Promise.race(this.#pending);
    }
    return null;
  }

  async commit(outcome: SegmentOutcome): Promise<void> {
    await Promise.all(this.#pending);
    if (this.#failure !== null) throw this.#failure;
    await this.#wire.call({ kind: 'commit', outcome });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pending);
    // An owner that is gone has nothing left to give up; the failure that ended it is what counts.
    await this.#wire.call({ kind: 'dispose' }).catch(() => {});
  }
}

/** Buffers that are kept for the next chunks: new ones would be filled with zeros, and pile up as garbage in both threads. */
const MAX_SPARE = 8;

class PortCaller {
  readonly #port: MessagePort;
  readonly #spare: ArrayBuffer[] = [];
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  #next = 0;
  #closed = false;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (answer: Answer) => {
      const waiter = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('error' in answer) waiter?.reject(deserializeError(answer.error));
      else {
        if (answer.buffer !== undefined) this.#keep(answer.buffer);
        waiter?.resolve(answer.result);
      }
    });
    port.on('close', () => this.#fail());
  }

  #keep(buffer: ArrayBuffer): void {
    if (buffer.byteLength === CHUNK_BYTES && this.#spare.length < MAX_SPARE) this.#spare.push(buffer);
    else buffer.transfer(0); // at once: the collector would let long records pile up
  }

  /** Room for so many bytes, in a buffer that came back where there is one. */
  lend(bytes: number): Uint8Array<ArrayBuffer> {
    if (bytes > CHUNK_BYTES) return new Uint8Array(bytes);
    const spare = this.#spare.pop();
    return spare === undefined ? new Uint8Array(CHUNK_BYTES).subarray(0, bytes) : new Uint8Array(spare, 0, bytes);
  }

  call(call: Call, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    if (this.#closed) return Promise.reject(ownerGone());
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#port.postMessage({ id, call } satisfies Request, [...transfer]);
    });
  }

  #fail(): void {
    this.#closed = true;
    for (const waiter of this.#waiting.values()) waiter.reject(ownerGone());
    this.#waiting.clear();
  }
}

function ownerGone(): SyncError {
  return new SyncError(
    'CONN_LOST',
    'The thread that owns the destination file ended in the middle of a segment. The segment is tried again.',
  );
}

/**
 * The owner thread's side: opens a load and serves one reader's segments until the port closes.
 * @throws what opening it does, and the signal's reason when that fires before
 */
export async function serveLoad(port: MessagePort, open: () => Promise<Load>, signal: AbortSignal): Promise<void> {
  const end = Promise.withResolvers<void>();
  const stop = () => end.resolve();
  // Before anything is waited for: a reader that ends without a word is told of once.
  port.on('close', stop);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await using load = await open();
    await serveUntil(end.promise, port, load, signal);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function serveUntil(end: Promise<void>, port: MessagePort, load: Load, signal: AbortSignal): Promise<void> {
  let writer: SegmentWriter | null = null;
  const answer = async (call: Call): Promise<unknown> => {
    if (call.kind !== 'dispose') signal.throwIfAborted();
    if (call.kind === 'lookup') return load.lookup(call.segment, signal);
    if (call.kind === 'begin') {
      writer = await load.beginSegment(call.segment, { isolate: call.isolate }, signal);
      return null;
    }
    if (call.kind === 'dispose') {
      await writer?.[Symbol.asyncDispose]();
      writer = null;
      return null;
    }
    if (writer === null)
      throw new SyncError('INTERNAL', `The owner thread was asked to ${call.kind} without an open segment.`);
    return call.kind === 'write' ? writer.write(call.chunk, signal) : writer.commit(call.outcome, signal);
  };
  // One call at a time, in order: chunks of one segment must not overtake each other.
  let last: Promise<void> = Promise.resolve();
  const receive = ({ id, call }: Request): void => {
    last = last.then(async () => {
      const settled = await settle(id, () => answer(call));
      const buffer = call.kind === 'write' && writer !== null ? call.chunk.payload.buffer : null;
      // A writer that gave the bytes away has left an empty buffer, one that keeps them would be a defect of its own.
      if (!(buffer instanceof ArrayBuffer) || buffer.byteLength === 0) port.postMessage(settled);
      else port.postMessage({ ...settled, buffer }, [buffer]);
    });
  };
  port.on('message', receive);
  await end;
  port.off('message', receive);
  await last;
  // A reader that died in the middle leaves its segment open.
  const left: SegmentWriter | null = writer;
  if (left !== null) await (left as SegmentWriter)[Symbol.asyncDispose](); // narrowed to never by the closure above
}

async function settle(id: number, run: () => Promise<unknown>): Promise<Answer> {
  try {
    return { id, result: await run() };
  } catch (error) {
    return { id, error: serializeError(error) };
  }
}
