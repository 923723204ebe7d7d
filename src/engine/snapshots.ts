import type { Connector, SnapshotRef, SourceSnapshot } from '../connector-kit/index.ts';
import { SyncError } from '../core/index.ts';
import { closeSnapshots, findSnapshot, insertSnapshot, lastSnapshotEpoch, type Store } from '../store/index.ts';

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
}

/** Holds the source images that the readers of this process's executions share. They end with the process. */
export class SnapshotHolder {
  readonly #store: Store;
  readonly #workerId: string;
  readonly #held = new Map<string, OwnSnapshot[]>();
  /** One opening at a time per execution: lanes that lose the same snapshot together share its successor. */
  readonly #opening = new Map<string, Promise<SharedSnapshot>>();

  constructor(store: Store, workerId: string) {
    this.#store = store;
    this.#workerId = workerId;
  }

  /** Executions for which this process holds a snapshot. */
  get executions(): Iterable<string> {
    return this.#held.keys();
  }

  /** The snapshot of an epoch, or null when it is lost or too old and has to be renewed. */
  async find(executionId: string, epoch: number): Promise<SnapshotRef | null> {
    const own = this.#held.get(executionId)?.find((held) => held.epoch === epoch);
    if (own !== undefined) return Date.now() - own.openedAt > MAX_SNAPSHOT_AGE_MS ? null : own.ref;
    const row = await findSnapshot(this.#store.db, executionId, epoch);
    if (row === null || !row.isHeld || Date.now() - row.openedAt.getTime() > MAX_SNAPSHOT_AGE_MS) return null;
    // Written by `open` below.
    return row.snapshot as SnapshotRef;
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
    const last = await lastSnapshotEpoch(this.#store.db, executionId);
    const newer = last > lostEpoch ? await this.find(executionId, last) : null;
    if (newer !== null) return { epoch: last, ref: newer };
    const held = await open(openSource, signal);
    const { token, position, lowerBound } = held.snapshot;
    const ref: SnapshotRef = { token, position, lowerBound };
    const own = { ...held, epoch: last + 1, ref, openedAt: Date.now() };
    this.#held.set(executionId, [...(this.#held.get(executionId) ?? []), own]);
    await insertSnapshot(this.#store.db, { executionId, epoch: last + 1, workerId: this.#workerId, snapshot: ref });
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

async function disposeQuietly(held: AsyncDisposable): Promise<void> {
  try {
    await held[Symbol.asyncDispose]();
  } catch {
    // What was held is gone either way.
  }
}
