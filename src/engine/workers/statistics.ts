/**
 * Published tables whose statistics are being collected, one at a time and beside whatever else goes on: an execution does
 * not wait for what proves nothing. In a process that stops only the one that was begun is brought to its end.
 */
export class Statistics {
  readonly #draining: AbortSignal;
  #last: Promise<void> = Promise.resolve();

  constructor(draining: AbortSignal) {
    this.#draining = draining;
  }

  /** @param collect never throws */
  add(collect: () => Promise<void>): void {
    this.#last = this.#last.then(() => (this.#draining.aborted ? undefined : collect()));
  }
}
