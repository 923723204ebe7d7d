/** Wakes those who found nothing to do when somebody else in this process has done something. */
export class Turns {
  readonly #sleepers = new Set<() => void>();
  #count = 0;

  /** How many times something was done: taken before the look for work, so that nothing that is done meanwhile is missed. */
  get count(): number {
    return this.#count;
  }

  /** Something was done that may have made work for others. */
  announce(): void {
    this.#count += 1;
    for (const wake of this.#sleepers) wake();
  }

  /** Returns when something is done behind that count, at the latest after so many milliseconds, or when the signal fires. */
  async wait(count: number, ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#count > count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const timer = setTimeout(wake, ms);
    this.#sleepers.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#sleepers.delete(wake);
      signal.removeEventListener('abort', wake);
    }
  }
}
