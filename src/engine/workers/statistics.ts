/** More would tell of a server that does not keep up, and needs no more to do. */
const MAX_WAITING = 1_000;

/** Published tables whose statistics are being collected, one at a time and beside whatever else goes on. */
export class Statistics {
  readonly #draining: AbortSignal;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** @param draining from when it fires, none are begun */
  constructor(draining: AbortSignal) {
    this.#draining = draining;
  }

  /** @param collect never throws */
  add(collect: () => Promise<void>): void {
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting += 1;
    this.#last = this.#last
      .then(() => (this.#draining.aborted ? undefined : collect()))
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  /** Returns when nothing of what was added until now is under way or may be begun. */
  ended(): Promise<void> {
    return this.#last;
  }
}
