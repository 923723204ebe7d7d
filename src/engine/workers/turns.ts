/** Wakes those who found nothing to do when somebody else in this process has done something. */
export class Turns {
  #next = Promise.withResolvers<void>();

  /** Something was done that may have made work for others. */
  announce(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  /** Returns at the next announcement, at the latest after so many milliseconds, or when the signal fires. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const end = Promise.withResolvers<void>();
    const timer = setTimeout(end.resolve, ms);
    const onAbort = () => end.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#next.promise, end.promise]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }
}
