import { findCancellations, type Store } from '../../store/index.ts';

/** A cancel must act within two seconds; this leaves most of them to the databases. */
const POLL_MS = 250;

/** What can be cancelled of one execution. */
interface Watched {
  readonly controller: AbortController;
  /** By schema id; made when the first step of a schema begins here. */
  readonly schemas: Map<string, AbortController>;
  users: number;
}

/** A watched execution. Dispose it when the work is over. */
export interface Watch extends Disposable {
  /** Fires when the execution is cancelled, ended or deleted. */
  readonly signal: AbortSignal;
  /** Fires when that schema alone is cancelled. */
  signalOf(schemaId: string): AbortSignal;
}

/** Watches the cancel flags of the executions that run in this process, with one query for all. */
export class CancelWatch {
  readonly #store: Store;
  readonly #onError: (error: unknown) => void;
  readonly #watched = new Map<string, Watched>();
  readonly #timer: NodeJS.Timeout;
  #polling = false;

  constructor(store: Store, onError: (error: unknown) => void) {
    this.#store = store;
    this.#onError = onError;
    this.#timer = setInterval(() => void this.#poll(), POLL_MS);
  }

  watch(executionId: string): Watch {
    const entry = this.#watched.get(executionId) ?? {
      controller: new AbortController(),
      schemas: new Map<string, AbortController>(),
      users: 0,
    };
    entry.users += 1;
    this.#watched.set(executionId, entry);
    return {
      signal: entry.controller.signal,
      signalOf: (schemaId) => controllerOf(entry, schemaId).signal,
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
      const { stopped, schemas } = await findCancellations(this.#store.db, [...this.#watched.keys()]);
      for (const id of stopped) this.#watched.get(id)?.controller.abort();
      for (const [id, schemaIds] of schemas) {
        const entry = this.#watched.get(id);
        if (entry === undefined) continue;
        // Steps that begin later find it aborted.
        for (const schemaId of schemaIds) controllerOf(entry, schemaId).abort();
      }
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#polling = false;
    }
  }
}

function controllerOf(entry: Watched, schemaId: string): AbortController {
  const controller = entry.schemas.get(schemaId) ?? new AbortController();
  entry.schemas.set(schemaId, controller);
  return controller;
}
