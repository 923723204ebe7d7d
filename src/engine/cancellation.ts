import { findStoppedExecutions, type Store } from '../store/index.ts';

/** A cancel must act within two seconds; this leaves most of them to the databases. */
const POLL_MS = 250;

/** Watches the cancel flags of the executions that run in this process, with one query for all. */
export class CancelWatch {
  readonly #store: Store;
  readonly #onError: (error: unknown) => void;
  readonly #watched = new Map<string, { readonly controller: AbortController; users: number }>();
  readonly #timer: NodeJS.Timeout;
  #polling = false;

  constructor(store: Store, onError: (error: unknown) => void) {
    this.#store = store;
    this.#onError = onError;
    this.#timer = setInterval(() => void this.#poll(), POLL_MS);
  }

  /** A signal that fires when the execution is cancelled, ended or deleted. Dispose it when the work is over. */
  watch(executionId: string): { readonly signal: AbortSignal } & Disposable {
    const entry = this.#watched.get(executionId) ?? { controller: new AbortController(), users: 0 };
    entry.users += 1;
    this.#watched.set(executionId, entry);
    return {
      signal: entry.controller.signal,
      [Symbol.dispose]: () => {
        entry.users -= 1;
        if (entry.users === 0) this.#watched.delete(executionId);
      },
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #poll(): Promise<void> {
    if (this.#polling || this.#watched.size === 0) return;
    this.#polling = true;
    try {
      for (const id of await findStoppedExecutions(this.#store.db, [...this.#watched.keys()])) {
        this.#watched.get(id)?.controller.abort();
      }
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#polling = false;
    }
  }
}
