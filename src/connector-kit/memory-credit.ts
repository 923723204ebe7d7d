import { locks } from 'node:worker_threads';
import { SyncError } from '../core/index.ts';

/** Memory is counted in whole units, so that a counter of 32 bits holds two tebibytes. */
const UNIT_BYTES = 1024;
/** Who has waited so long, and nobody gave anything back meanwhile, gives up what it holds and tries again. */
const PATIENCE_MS = 300_000;
/** The line of those who wait: first come, first served, over all threads. Who ends with its thread leaves it. */
const LINE = 'memory credit';

/** Counters that all threads share: units taken by all, how often some were given back, and 1 while somebody waits. */
const TAKEN = 0;
const GIVEN_BACK = 1;
const WAITING = 2;

/** One thread's part in the process's memory credit. Plain data: it is sent to the thread. */
export interface CreditAccount {
  readonly capBytes: number;
  /** The counters of all threads. */
  readonly all: SharedArrayBuffer;
  /** The same for this thread alone: what is left of it when it dies. */
  readonly own: SharedArrayBuffer;
}

/** The process's side: one for all threads. */
export class CreditPool {
  readonly #capBytes: number;
  readonly #all = newCounters();

  /** @param capBytes what all pipelines of the process may hold together, beside a few chunks each */
  constructor(capBytes: number) {
    this.#capBytes = capBytes;
  }

  /** Bytes that are taken now; `waiting` is 1 while somebody waits for some, however long the line. */
  state(): { readonly capBytes: number; readonly takenBytes: number; readonly waiting: number } {
    const counters = new Int32Array(this.#all);
    return {
      capBytes: this.#capBytes,
      takenBytes: Atomics.load(counters, TAKEN) * UNIT_BYTES,
      waiting: Atomics.load(counters, WAITING),
    };
  }

  openAccount(): CreditAccount {
    return { capBytes: this.#capBytes, all: this.#all, own: newCounters() };
  }

  /** Gives back what a thread held when it ended. Safe to call twice. */
  closeAccount({ own }: CreditAccount): void {
    const left = new Int32Array(own);
    const all = new Int32Array(this.#all);
    Atomics.sub(all, WAITING, Atomics.exchange(left, WAITING, 0));
    giveBack(all, Atomics.exchange(left, TAKEN, 0));
    // Node takes a thread that ended out of the line, and lets the next one in only when somebody else comes.
    void locks.request(LINE, () => {});
  }
}

/** Bytes that somebody may hold. */
export interface CreditShare {
  /** Gives them back. Safe to call twice. */
  release(): void;
}

/**
 * Bytes in flight, bounded over all threads of the process. What is larger than the cap is given when nothing else is taken.
 * Who holds a share must be able to finish with it without taking another one: then nobody waits in a circle.
 */
export class MemoryCredit {
  readonly #capUnits: number;
  readonly #all: Int32Array;
  readonly #own: Int32Array;
  readonly #patienceMs: number;

  constructor({ capBytes, all, own }: CreditAccount, patienceMs: number = PATIENCE_MS) {
    this.#capUnits = Math.floor(capBytes / UNIT_BYTES);
    this.#all = new Int32Array(all);
    this.#own = new Int32Array(own);
    this.#patienceMs = patienceMs;
  }

  /** A share, or null where there is no room or somebody waits for it already. */
  tryTake(bytes: number): CreditShare | null {
    if (Atomics.load(this.#all, WAITING) > 0) return null;
    return this.#takeUnits(toUnits(bytes));
  }

  /** Waits for a share, in the order of the calls. @throws `MEMORY_BUSY` when nobody gives anything back for minutes */
  async take(bytes: number, signal: AbortSignal): Promise<CreditShare> {
    return this.tryTake(bytes) ?? (await locks.request(LINE, { signal }, () => this.#wait(bytes, signal)));
  }

  async #wait(bytes: number, signal: AbortSignal): Promise<CreditShare> {
    this.#count(WAITING, 1);
    try {
      for (;;) {
        const seen = Atomics.load(this.#all, GIVEN_BACK);
        const share = this.#takeUnits(toUnits(bytes));
        if (share !== null) return share;
        await this.#untilGivenBack(seen, bytes, signal);
      }
    } finally {
      this.#count(WAITING, -1);
    }
  }

  async #untilGivenBack(seen: number, bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const waiting = Atomics.waitAsync(this.#all, GIVEN_BACK, seen, this.#patienceMs);
    if (!waiting.async) return;
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      if ((await Promise.race([waiting.value, aborted.promise])) === 'timed-out') throw busy(bytes);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #takeUnits(units: number): CreditShare | null {
    for (let taken = Atomics.load(this.#all, TAKEN); ; ) {
      if (taken > 0 && taken + units > this.#capUnits) return null;
      const found = Atomics.compareExchange(this.#all, TAKEN, taken, taken + units);
      if (found === taken) break;
      taken = found;
    }
    Atomics.add(this.#own, TAKEN, units);
    return this.#toShare(units);
  }

  #toShare(units: number): CreditShare {
    let isReleased = false;
    return {
      release: () => {
        if (isReleased) return;
        isReleased = true;
        Atomics.sub(this.#own, TAKEN, units);
        giveBack(this.#all, units);
      },
    };
  }

  #count(counter: number, change: number): void {
    Atomics.add(this.#own, counter, change);
    Atomics.add(this.#all, counter, change);
  }
}

/** The credit of a process that has no pipelines beside the one that asks. */
export function createLoneCredit(capBytes: number): MemoryCredit {
  return new MemoryCredit(new CreditPool(capBytes).openAccount());
}

function newCounters(): SharedArrayBuffer {
  return new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT);
}

function toUnits(bytes: number): number {
  return Math.ceil(bytes / UNIT_BYTES);
}

function giveBack(all: Int32Array, units: number): void {
  if (units === 0) return;
  Atomics.sub(all, TAKEN, units);
  Atomics.add(all, GIVEN_BACK, 1);
  Atomics.notify(all, GIVEN_BACK);
}

function busy(bytes: number): SyncError {
  return new SyncError(
    'MEMORY_BUSY',
    `Waited for ${Math.ceil(bytes / 2 ** 20)} MiB of memory for a long record, and no other step of this process gave any back for minutes. It is tried again by itself; raise MILLRACE_MEMORY_CREDIT, or run fewer syncs with such records at once.`,
    { detail: { bytes } },
  );
}
