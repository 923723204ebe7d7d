/** More would tell of a server that does not keep up, and needs no more to do. */
const MAX_WAITING = 1_000;

/** Published tables whose statistics are being collected, one at a time and beside whatever else goes on. */
export class Statistics {
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** @param collect never throws */
  add(collect: () => Promise<void>): Promise<void> {
    if (this.#waiting >= MAX_WAITING) return this.#last;
    this.#waiting += 1;
    this.#last = this.#last.then(collect).finally(() => {
      this.#waiting -= 1;
    });
    return this.#last;
  }
}
