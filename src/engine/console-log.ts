import { appendConsoleLogs, type ConsoleEntry, type Store } from '../store/index.ts';

/** Lines are for people: written in groups, so that ten thousand small tables do not wait for them. */
const FLUSH_MS = 250;
/** Lines kept while the metadata database is away; beyond it the oldest are dropped. */
const MAX_WAITING = 10_000;

interface WaitingEntry {
  readonly executionId: string;
  readonly entry: ConsoleEntry;
}

/** What else a line says: the schema that it is about, and facts with snake_case keys. */
export interface ConsoleFacts {
  readonly schemaId?: string;
  readonly payload?: Readonly<Record<string, unknown>>;
}

/** The console logs of the executions that run in this process. A crash loses what was not flushed. */
export class ConsoleLog {
  readonly #store: Store;
  readonly #onError: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #waiting: WaitingEntry[] = [];
  #flushing: Promise<void> = Promise.resolve();

  constructor(store: Store, onError: (error: unknown) => void) {
    this.#store = store;
    this.#onError = onError;
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS);
  }

  info(executionId: string, message: string, facts: ConsoleFacts = {}): void {
    this.#add(executionId, 'info', message, facts);
  }

  warn(executionId: string, message: string, facts: ConsoleFacts = {}): void {
    this.#add(executionId, 'warn', message, facts);
  }

  error(executionId: string, message: string, facts: ConsoleFacts = {}): void {
    this.#add(executionId, 'error', message, facts);
  }

  #add(executionId: string, level: ConsoleEntry['level'], message: string, facts: ConsoleFacts): void {
    const { schemaId = null, payload = null } = facts;
    const entry = { schemaId, level, message: toStorable(message), payload, createdAt: new Date() };
    this.#waiting.push({ executionId, entry });
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
  }

  /** Stores what was added before the call. Never throws: what cannot be stored now is tried again. */
  async flush(): Promise<void> {
    // One after another: two at once would number the same lines.
    this.#flushing = this.#flushing.then(() => this.#flushOnce());
    await this.#flushing;
  }

  async #flushOnce(): Promise<void> {
    const taken = this.#waiting;
    if (taken.length === 0) return;
    this.#waiting = [];
    for (const [executionId, group] of Map.groupBy(taken, (waiting) => waiting.executionId)) {
      try {
        const entries = group.map(({ entry }) => entry);
        await appendConsoleLogs(this.#store.db, executionId, entries);
      } catch (error) {
        this.#onError(error);
        this.#waiting = [...group, ...this.#waiting].slice(-MAX_WAITING);
      }
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}

/** Longest message that is kept. */
const MAX_MESSAGE = 4_000;

/** A system's own message may hold what PostgreSQL cannot; such a line must not hold up the others. */
function toStorable(message: string): string {
  return message.slice(0, MAX_MESSAGE).replaceAll('\0', '').toWellFormed();
}
