import { addTimes, sumTimes, type TimePart, type TimeParts } from '../../core/index.ts';

/** Accounts for every moment of a lane, from the record of one item to that of the next. */
export class LaneClock {
  readonly #now: () => number;
  #since: number;
  #parts: TimeParts = {};

  /** @param now milliseconds that only grow */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#since = now();
  }

  add(parts: TimeParts): void {
    this.#parts = addTimes(this.#parts, parts);
  }

  /** Runs work whose whole time belongs to one part. */
  async spend<T>(part: TimePart, work: () => Promise<T>): Promise<T> {
    const begun = this.#now();
    try {
      return await work();
    } finally {
      this.add({ [part]: this.#now() - begun });
    }
  }

  /** Begins an attempt. Disposing of it says that it came to nothing: all its time then counts as repeated. */
  attempt(): Disposable {
    const begun = this.#now();
    const before = this.#parts;
    return {
      [Symbol.dispose]: () => {
        this.#parts = addTimes(before, { repeated: this.#now() - begun });
      },
    };
  }

  /** The time since this was last asked, in whole microseconds; what no part accounts for is overhead. */
  take(): TimeParts {
    const now = this.#now();
    const overhead = Math.max(0, now - this.#since - sumTimes(this.#parts));
    const taken = addTimes(this.#parts, { overhead });
    this.#since = now;
    this.#parts = {};
    return Object.fromEntries(Object.entries(taken).map(([part, ms]) => [part, Math.round(ms * 1_000) / 1_000]));
  }
}
