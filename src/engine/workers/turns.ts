/** One lane's view of what the lanes of its execution do. Dispose it when the lane ends. */
export interface Turn extends Disposable {
  /** How many times something was done: taken before the look for work, so that nothing that is done meanwhile is missed. */
  readonly count: number;
  /** Something was done that may have made work for the others. */
  announce(): void;
  /** Returns when something is done behind that count, at the latest after so many milliseconds, or when the signal fires. */
  wait(count: number, ms: number, signal: AbortSignal): Promise<void>;
}

interface Entry {
  readonly sleepers: Set<() => void>;
  count: number;
  lanes: number;
}

/**
 * Wakes lanes that found nothing to do when another one of their execution has done something in this process. To look for
 * work costs questions to the metadata database, so nobody is woken by other executions.
 */
export class Turns {
  readonly #byExecution = new Map<string, Entry>();

  join(executionId: string): Turn {
    const entry = this.#byExecution.get(executionId) ?? { sleepers: new Set(), count: 0, lanes: 0 };
    entry.lanes += 1;
    this.#byExecution.set(executionId, entry);
    return {
      get count() {
        return entry.count;
      },
      announce: () => announce(entry),
      wait: (count, ms, signal) => wait(entry, count, ms, signal),
      [Symbol.dispose]: () => {
        entry.lanes -= 1;
        if (entry.lanes === 0) this.#byExecution.delete(executionId);
      },
    };
  }
}

function announce(entry: Entry): void {
  entry.count += 1;
  for (const wake of entry.sleepers) wake();
}

async function wait(entry: Entry, count: number, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || entry.count > count) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = () => resolve();
  const timer = setTimeout(wake, ms);
  entry.sleepers.add(wake);
  signal.addEventListener('abort', wake, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    entry.sleepers.delete(wake);
    signal.removeEventListener('abort', wake);
  }
}
