import { type Heartbeat, listTakers, type Store } from '../../store/index.ts';
import { WORKFLOW_PROTOCOL } from '../durable.ts';

const BEAT_MS = 1_000;
/** A worker that was not heard of for this long is declared dead, and others take up its work. */
export const SILENT_MS = 5_000;
/** Behind this time without an answered beat others may have begun to believe that we are dead. */
const PROOF_MS = 3_000;
/** A beat that comes later than this tells of a process or a network that stood still. */
const GAP_MS = 2_500;

export interface LifeOptions {
  readonly heartbeat: Pick<Heartbeat, 'beat'>;
  /** Nobody else could declare us dead: every call is answered at once. */
  readonly isSole: boolean;
  readonly onFenced: () => void;
  readonly onFailure: (error: unknown) => void;
  /** Told at a failed beat how long nothing was proved. */
  readonly onSilence?: (silentMs: number) => void;
  /** Milliseconds that go on while the process is frozen. */
  readonly now?: () => number;
}

/** Whether this process is still a living worker, as far as the metadata database has told. */
export class Life {
  readonly #options: LifeOptions;
  readonly #now: () => number;
  #provenAt: number;
  #steadySince: number;
  /** Milliseconds that the database's clock is ahead of ours, as of the last answered beat. */
  #databaseAheadMs: number | null = null;
  #next = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | undefined;
  #isBeating = false;
  #others = 0;

  /** Begun right behind the registration, which counts as a beat. */
  constructor(options: LifeOptions) {
    this.#options = options;
    this.#now = options.now ?? laterClock();
    this.#provenAt = this.#now();
    this.#steadySince = this.#provenAt;
  }

  start(): void {
    this.#timer = setInterval(() => void this.beat(), BEAT_MS);
    void this.beat();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Returns when it was proved lately that we live: a process that was frozen, or cut off, asks here before it acts again.
   * Never returns in one that was declared dead.
   */
  async proven(): Promise<void> {
    while (!this.#options.isSole && this.#now() - this.#provenAt > PROOF_MS) await this.#next.promise;
  }

  /**
   * True when this process has heard of the database without a gap for so long that every living worker must have been
   * heard of, too: before, a silent one may just not be back from the outage that we shared. The same where the database's
   * clock was set: every living worker must have had the time to beat by the new one.
   */
  get isSteady(): boolean {
    return this.#options.isSole || this.#now() - this.#steadySince > SILENT_MS;
  }

  /** The database's time, reckoned from the last answered beat; null before the first. */
  get databaseNow(): Date | null {
    return this.#databaseAheadMs === null ? null : new Date(this.#now() + this.#databaseAheadMs);
  }

  /** Since the last beat that was answered. */
  get silentMs(): number {
    return this.#now() - this.#provenAt;
  }

  /** Living workers besides this one that take executions, as of the last look. */
  get others(): number {
    return this.#others;
  }

  async look({ store, workerId }: { readonly store: Store; readonly workerId: string }): Promise<void> {
    const takers = await listTakers(store.db, WORKFLOW_PROTOCOL);
    this.#others = takers.filter(({ id }) => id !== workerId).length;
  }

  /** One beat; called by the timer. */
  async beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    const begun = this.#now();
    try {
      const databaseTime = await this.#options.heartbeat.beat();
      if (databaseTime === null) return this.#options.onFenced();
      const isSet = this.#lookAtClock(databaseTime);
      if (isSet || begun - this.#provenAt > GAP_MS) this.#steadySince = begun;
      this.#provenAt = begun;
      this.#next.resolve();
      this.#next = Promise.withResolvers();
    } catch (error) {
      this.#options.onFailure(error);
      this.#options.onSilence?.(this.#now() - this.#provenAt);
    } finally {
      this.#isBeating = false;
    }
  }

  /** @returns whether the database's clock was set since the last beat */
  #lookAtClock(databaseTime: Date): boolean {
    const before = this.#databaseAheadMs;
    this.#databaseAheadMs = databaseTime.getTime() - this.#now();
    return before !== null && Math.abs(this.#databaseAheadMs - before) > GAP_MS;
  }
}

/** The monotonic clock stands still while a machine sleeps, the other one may be set back; the larger step counts. */
function laterClock(): () => number {
  let monotonic = performance.now();
  let wall = Date.now();
  let total = 0;
  return () => {
    const [nextMonotonic, nextWall] = [performance.now(), Date.now()];
    total += Math.max(nextMonotonic - monotonic, nextWall - wall);
    [monotonic, wall] = [nextMonotonic, nextWall];
    return total;
  };
}
