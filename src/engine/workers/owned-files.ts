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
  #last: Promise<unknown> = Promise.resolve();

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
      while (!(await this.#inTurn(() => this.#take(executionId, key)))) {
        if (!isTold) onWait();
        isTold = true;
        await sleep(POLL_MS, undefined, { signal: stop });
      }
    }
  }

  /** Called again where the metadata database has failed, it goes on where it was. */
  async letGo(executionId: string): Promise<void> {
    for (const key of [...this.#users.keys()]) await this.#inTurn(() => this.#giveBack(executionId, key));
  }

  #take(executionId: string, key: string): Promise<boolean> {
    this.#users.set(key, (this.#users.get(key) ?? new Set()).add(executionId));
    return takeWorkerLock(this.#store.db, this.#lockOf(key));
  }

  async #giveBack(executionId: string, key: string): Promise<void> {
    const users = this.#users.get(key);
    if (!users?.has(executionId)) return;
    if (users.size === 1) await giveBackWorkerLock(this.#store.db, this.#lockOf(key));
    users.delete(executionId);
    if (users.size === 0) this.#users.delete(key);
  }

  /** One at a time: what is given back while another execution takes it again would be gone for both. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  #lockOf(key: string) {
    return { name: `file ${key}`, workerId: this.#workerId };
  }
}
