import type { Connector, SnapshotRef, SourceSnapshot } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import {
  addSnapshotHolder,
  closeSnapshots,
  findSnapshot,
  findSnapshotHolder,
  insertSnapshot,
  lastSnapshotEpoch,
  removeSnapshotHolder,
  type Store,
} from '../../store/index.ts';
import { retryStore } from '../retry-store.ts';

/** Beyond this age a snapshot holds back the source's clean-up too long; what is not read by then is read in a new one. */
const MAX_SNAPSHOT_AGE_MS = 4 * 60 * 60 * 1_000;

export interface SharedSnapshot {
  readonly epoch: number;
  readonly ref: SnapshotRef;
}

/** A snapshot lives as long as the session that opened it, so the connector is kept with it. */
interface HeldSnapshot {
  readonly snapshot: SourceSnapshot;
  readonly connector: Connector;
}

/** One that this process holds: no row knows better. */
interface OwnSnapshot extends HeldSnapshot, SharedSnapshot {
  readonly openedAt: number;
  /** Of `performance.now()`. */
  readonly heldSince: number;
}

/** Holds the source images that the readers of this process's executions share. What it opened or joined ends with it. */
export class SnapshotHolder {
  readonly #store: Store;
  readonly #workerId: string;
  readonly #openSource: (executionId: string) => Promise<Connector>;
  readonly #held = new Map<string, OwnSnapshot[]>();
  /** Executions whose source does not let this process hold its image, too. */
  readonly #unshared = new Set<string>();
  /** Epochs whose image this process has held and lost, by execution. */
  readonly #renounced = new Map<string, Set<number>>();
  /** One joining at a time per snapshot. */
  readonly #joining = new Map<string, Promise<SnapshotRef | null>>();
  /** One opening at a time per execution: lanes that lose the same snapshot together share its successor. */
  readonly #opening = new Map<string, Promise<SharedSnapshot>>();
  readonly #now: () => number;

  /**
   * @param openSource opens the source of an execution
   * @param now milliseconds of the clock; for tests
   */
  constructor(
    store: Store,
    workerId: string,
    openSource: (executionId: string) => Promise<Connector>,
    now: () => number = Date.now,
  ) {
    this.#store = store;
    this.#workerId = workerId;
    this.#openSource = openSource;
    this.#now = now;
  }

  /** Executions for which this process holds a snapshot. */
  get executions(): Iterable<string> {
    return this.#held.keys();
  }

  /** The snapshot of an epoch, or null when it is lost or too old and has to be renewed. */
  async find(executionId: string, epoch: number): Promise<SnapshotRef | null> {
    const own = this.#own(executionId, epoch);
    if (own !== undefined) return this.#isTooOld(own.openedAt) ? null : own.ref;
    return (await this.#findHolder(executionId, epoch))?.ref ?? null;
  }

  /**
   * The same for who is going to read in it: this process then holds it, too, where the source can share it. So it
   * outlives the process that opened it.
   */
  async join(executionId: string, epoch: number, signal: AbortSignal): Promise<SnapshotRef | null> {
    if (this.#unshared.has(executionId) || this.#own(executionId, epoch) !== undefined)
      return this.find(executionId, epoch);
    const key = `${executionId} ${epoch}`;
    const joining =
      this.#joining.get(key) ?? this.#join(executionId, epoch, signal).finally(() => this.#joining.delete(key));
    this.#joining.set(key, joining);
    return joining;
  }

  async #join(executionId: string, epoch: number, signal: AbortSignal): Promise<SnapshotRef | null> {
    for (;;) {
      const holder = await this.#findHolder(executionId, epoch);
      if (holder === null) return null;
      const held = await joinSnapshot(holder.ref, () => this.#openSource(executionId), signal);
      if (held === 'not shared') {
        this.#unshared.add(executionId);
        this.#renounced.delete(executionId);
        return holder.ref;
      }
      if (held === 'gone') {
        await removeSnapshotHolder(this.#store.db, { executionId, epoch, workerId: holder.workerId });
        continue;
      }
      const ref: SnapshotRef = { ...holder.ref, token: held.snapshot.token };
      this.#keep(executionId, { ...held, epoch, ref, openedAt: holder.openedAt, heldSince: performance.now() });
      await addSnapshotHolder(this.#store.db, { executionId, epoch, workerId: this.#workerId, snapshot: ref });
      return ref;
    }
  }

  /**
   * Lets go of a snapshot whose session was lost. Lanes that lose it together each call it, and the last of them when
   * another one may have joined the image again.
   * @param triedAt when the attempt began that found it lost, of `performance.now()`
   * @returns true when reading can go on in the same image
   */
  async renounce(executionId: string, epoch: number, triedAt: number): Promise<boolean> {
    const own = this.#own(executionId, epoch);
    if (own !== undefined && own.heldSince > triedAt) return true;
    if (own !== undefined) await this.#drop(executionId, own);
    // Who never held it has read in another worker's, and that one is lost.
    else if (!this.#renounced.get(executionId)?.has(epoch)) return false;
    return (await this.#findHolder(executionId, epoch)) !== null;
  }

  /** Lets go of the images that are too old for anybody to begin a read in; what reads in one already goes on. */
  async dropOld(): Promise<void> {
    for (const [executionId, held] of [...this.#held])
      for (const own of held) if (this.#isTooOld(own.openedAt)) await this.#drop(executionId, own);
  }

  async #drop(executionId: string, own: OwnSnapshot): Promise<void> {
    const { epoch } = own;
    // The row first: where that fails, the next call finds everything as it was.
    await removeSnapshotHolder(this.#store.db, { executionId, epoch, workerId: this.#workerId });
    const others = this.#held.get(executionId)?.filter((held) => held !== own) ?? [];
    this.#held.set(executionId, others);
    this.#renounced.set(executionId, (this.#renounced.get(executionId) ?? new Set()).add(epoch));
    await disposeQuietly(own.snapshot);
    await disposeQuietly(own.connector);
  }

  #isTooOld(openedAt: number): boolean {
    return this.#now() - openedAt > MAX_SNAPSHOT_AGE_MS;
  }

  async #findHolder(
    executionId: string,
    epoch: number,
  ): Promise<{ readonly workerId: string; readonly ref: SnapshotRef; readonly openedAt: number } | null> {
    const row = await findSnapshot(this.#store.db, executionId, epoch);
    if (row === null || row.isClosed || this.#isTooOld(row.openedAt.getTime())) return null;
    const holder = await findSnapshotHolder(this.#store.db, executionId, epoch);
    // Written by `join` above and `renew` below.
    const ref = holder?.snapshot as SnapshotRef | undefined;
    return holder === null || ref === undefined
      ? null
      : { workerId: holder.workerId, ref, openedAt: row.openedAt.getTime() };
  }

  #own(executionId: string, epoch: number): OwnSnapshot | undefined {
    return this.#held.get(executionId)?.find((held) => held.epoch === epoch);
  }

  #keep(executionId: string, own: OwnSnapshot): void {
    this.#held.set(executionId, [...(this.#held.get(executionId) ?? []), own]);
  }

  /** A usable snapshot newer than `lostEpoch`: the one that another lane has opened meanwhile, or a new one. */
  async renew(
    executionId: string,
    lostEpoch: number,
    openSource: () => Promise<Connector>,
    signal: AbortSignal,
  ): Promise<SharedSnapshot> {
    const pending = this.#opening.get(executionId);
    if (pending !== undefined) return pending;
    const opening = this.#renew(executionId, lostEpoch, openSource, signal).finally(() =>
      this.#opening.delete(executionId),
    );
    this.#opening.set(executionId, opening);
    return opening;
  }

  async #renew(
    executionId: string,
    lostEpoch: number,
    openSource: () => Promise<Connector>,
    signal: AbortSignal,
  ): Promise<SharedSnapshot> {
    const { db } = this.#store;
    const last = await retryStore(() => lastSnapshotEpoch(db, executionId), signal);
    const newer = last > lostEpoch ? await retryStore(() => this.find(executionId, last), signal) : null;
    if (newer !== null) return { epoch: last, ref: newer };
    const held = await open(openSource, signal);
    const { token, position, lowerBound } = held.snapshot;
    const ref: SnapshotRef = { token, position, lowerBound };
    const row = { executionId, epoch: last + 1, workerId: this.#workerId, snapshot: ref };
    try {
      // Repeated here: a repeated renewal would hold two images under one number.
      await retryStore(() => insertSnapshot(db, row), signal);
    } catch (error) {
      await disposeQuietly(held.snapshot);
      await disposeQuietly(held.connector);
      throw error;
    }
    this.#keep(executionId, {
      ...held,
      epoch: last + 1,
      ref,
      openedAt: this.#now(),
      heldSince: performance.now(),
    });
    return { epoch: last + 1, ref };
  }

  /** Lets go of an execution's snapshots. */
  async close(executionId: string): Promise<void> {
    await this.#letGo(executionId);
    await closeSnapshots(this.#store.db, executionId);
  }

  async closeAll(): Promise<void> {
    for (const executionId of [...this.#held.keys()]) await this.#letGo(executionId);
  }

  // A session that is gone already is no failure.
  async #letGo(executionId: string): Promise<void> {
    const held = this.#held.get(executionId) ?? [];
    this.#held.delete(executionId);
    this.#unshared.delete(executionId);
    this.#renounced.delete(executionId);
    for (const { snapshot, connector } of held) {
      await disposeQuietly(snapshot);
      await disposeQuietly(connector);
    }
  }
}

async function open(openSource: () => Promise<Connector>, signal: AbortSignal): Promise<HeldSnapshot> {
  const connector = await openSource();
  try {
    if (connector.source === undefined)
      throw new SyncError('INTERNAL', 'A snapshot was asked of a connection that cannot be read.');
    return { snapshot: await connector.source.openSnapshot(signal), connector };
  } catch (error) {
    await disposeQuietly(connector);
    throw error;
  }
}

/** `not shared`: the source has no such thing. */
async function joinSnapshot(
  ref: SnapshotRef,
  openSource: () => Promise<Connector>,
  signal: AbortSignal,
): Promise<HeldSnapshot | 'not shared' | 'gone'> {
  const connector = await openSource();
  try {
    const snapshot = await connector.source?.joinSnapshot?.(ref, signal);
    if (snapshot !== undefined) return { snapshot, connector };
    await disposeQuietly(connector);
    return 'not shared';
  } catch (error) {
    await disposeQuietly(connector);
    if (error instanceof SyncError && error.code === 'SNAPSHOT_LOST') return 'gone';
    // The server or the role has no session left for it: reading in another one's is as good, while that lives.
    if (error instanceof SyncError && error.detail.sqlState !== undefined) return 'not shared';
    throw error;
  }
}

async function disposeQuietly(held: AsyncDisposable): Promise<void> {
  try {
    await held[Symbol.asyncDispose]();
  } catch {
    // What was held is gone either way.
  }
}
