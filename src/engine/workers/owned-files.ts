import { setTimeout as sleep } from 'node:timers/promises';
import { giveBackWorkerLock, type Store, takeWorkerLock } from '../../store/index.ts';

const POLL_MS = 500;

/**
 * Which files this process works on, among the processes that see them: one at a time, so that two executions of one file
 * run in the same process or one after the other.
 */
export class OwnedFiles {
  readonly #store: Store;
  readonly #workerId: string;
  /** Executions by the key of what they work on. */
  readonly #users = new Map<string, Set<string>>();

  constructor(store: Store, workerId: string) {
    this.#store = store;
    this.#workerId = workerId;
  }

  /** True while an execution of this process works on files. */
  get isHolding(): boolean {
    return this.#users.size > 0;
  }

  /**
   * Waits until no other living process works on these, and keeps them until the execution is let go. Called again it goes
   * on where it was.
   * @param keys of the files' owners
   * @param onWait called when another process works on one now
   */
  async hold(executionId: string, keys: readonly string[], stop: AbortSignal, onWait: () => void): Promise<void> {
    let isTold = false;
    // In one order for all, or two executions could wait for each other.
    for (const key of keys.toSorted()) {
      const users = this.#users.get(key) ?? new Set();
      this.#users.set(key, users.add(executionId));
      while (!(await takeWorkerLock(this.#store.db, this.#lockOf(key)))) {
        if (!isTold) onWait();
        isTold = true;
        await sleep(POLL_MS, undefined, { signal: stop });
      }
    }
  }

  /** Called again where the metadata database has failed, it goes on where it was. */
  async letGo(executionId: string): Promise<void> {
    for (const [key, users] of this.#users) {
      if (!users.has(executionId)) continue;
      if (users.size === 1) await giveBackWorkerLock(this.#store.db, this.#lockOf(key));
      users.delete(executionId);
      if (users.size === 0) this.#users.delete(key);
    }
  }

  #lockOf(key: string) {
    return { name: `file ${key}`, workerId: this.#workerId };
  }
}
