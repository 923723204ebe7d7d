import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectorContext, ConnectorDefinition } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import type { ConnectionSpec, Job } from '../pipeline/jobs.ts';
import type { ThreadPool } from '../pipeline/thread-pool.ts';

/** Silence that makes us ask, and the longest that an answer may take. */
const PATIENCE_MS = 1_500;
/** A step that was told to stop and does not is left alone; its fence is raised by who goes on. */
const GRACE_MS = 1_000;

export interface ReachOptions {
  readonly connectors: ReadonlyMap<string, ConnectorDefinition<unknown>>;
  readonly contextFor: (organizationId: string, applicationName: string) => ConnectorContext;
  /** Living workers besides this one. */
  readonly others: () => number;
  /** For tests; absent = a second and a half. */
  readonly patienceMs?: number;
}

interface Probe {
  readonly begunAt: number;
  readonly answered: Promise<boolean>;
}

/**
 * Finds out when a network swallows what we send. A step that is silent is no sign of it: a database may work for hours
 * without a word. So both its systems are asked by a new session, and the step goes on as long as they answer.
 */
export class Reach {
  readonly #options: ReachOptions;
  readonly #patienceMs: number;
  /** By connection: steps that are silent together ask once. */
  readonly #probes = new Map<string, Probe>();

  constructor(options: ReachOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
  }

  /**
   * Runs work that is told to stop when one of its systems is out of reach.
   * @param work calls `onSign` whenever it has heard of the systems itself
   * @throws `CONN_LOST` then; else what the work throws
   */
  async during<T>(
    ends: readonly ConnectionSpec[],
    stop: AbortSignal,
    work: (signal: AbortSignal, onSign: () => void) => Promise<T>,
  ): Promise<T> {
    const probed = ends.filter((end) => this.#canBeAsked(end));
    if (probed.length === 0) return work(stop, () => {});
    const lost = new AbortController();
    const over = new AbortController();
    let heardAt = performance.now();
    const result = work(AbortSignal.any([stop, lost.signal]), () => {
      heardAt = performance.now();
    });
    const watch = this.#watch(probed, () => heardAt, over.signal).then(async (error) => {
      lost.abort(error);
      await sleep(GRACE_MS, undefined, { signal: over.signal });
      throw error;
    });
    try {
      return await Promise.race([result, watch]);
    } catch (error) {
      throw lost.signal.aborted && !stop.aborted ? lost.signal.reason : error;
    } finally {
      over.abort();
      watch.catch(() => {});
      result.catch(() => {});
    }
  }

  /** Whether all of them answer now. */
  async isThere(ends: readonly ConnectionSpec[]): Promise<boolean> {
    const answers = await Promise.all(ends.map((end) => !this.#canBeAsked(end) || this.#ask(end)));
    return !answers.includes(false);
  }

  /** Answers when an end is out of reach. Alone there is nobody to give the step to; then sessions watch themselves. */
  async #watch(ends: readonly ConnectionSpec[], heardAt: () => number, over: AbortSignal): Promise<SyncError> {
    for (;;) {
      const waitMs = heardAt() + this.#patienceMs - performance.now();
      if (waitMs > 0 || this.#options.others() === 0) {
        await sleep(Math.max(waitMs, this.#patienceMs / 2), undefined, { signal: over });
        continue;
      }
      const since = performance.now();
      const answers = await Promise.all(ends.map((end) => this.#isThere(end)));
      over.throwIfAborted();
      const lost = ends[answers.indexOf(false)];
      if (lost !== undefined && heardAt() < since) return outOfReach(lost);
      await sleep(this.#patienceMs, undefined, { signal: over });
    }
  }

  /** A busy machine may be late once. */
  async #isThere(end: ConnectionSpec): Promise<boolean> {
    return (await this.#ask(end)) || (await this.#ask(end));
  }

  /** The answer to a question of late counts for all who ask. */
  async #ask(end: ConnectionSpec): Promise<boolean> {
    const key = JSON.stringify([end.type, end.config]);
    const known = this.#probes.get(key);
    if (known !== undefined && performance.now() - known.begunAt < this.#patienceMs) return known.answered;
    const probe = { begunAt: performance.now(), answered: this.#connect(end) };
    this.#probes.set(key, probe);
    setTimeout(() => this.#forget(key, probe), 2 * this.#patienceMs).unref();
    return probe.answered;
  }

  #forget(key: string, probe: Probe): void {
    if (this.#probes.get(key) === probe) this.#probes.delete(key);
  }

  async #connect(end: ConnectionSpec): Promise<boolean> {
    const { connectors, contextFor } = this.#options;
    const definition = connectors.get(end.type);
    if (definition === undefined) return true;
    try {
      await using connector = await definition.connect(
        definition.config.parse(end.config),
        contextFor(end.organizationId, end.applicationName),
      );
      await connector.reach?.(AbortSignal.timeout(this.#patienceMs));
      return true;
    } catch {
      return false;
    }
  }

  /** What lies in files has no network between. */
  #canBeAsked({ type }: ConnectionSpec): boolean {
    const { source, destination } = this.#options.connectors.get(type)?.capabilities ?? {};
    return source?.placement !== 'owner' && destination?.placement !== 'owner';
  }
}

function outOfReach({ type }: ConnectionSpec): SyncError {
  return new SyncError(
    'CONN_LOST',
    `A ${type} system of the sync has not answered for some seconds, also not to a new session. The step is tried again, where another worker runs by that one.`,
  );
}

/** What the engine's steps need of the threads. */
export type Threads = Pick<ThreadPool, 'run' | 'release' | 'warm'>;

/** The same threads, with every job watched. */
export function watchThreads(threads: ThreadPool, reach: Reach): Threads {
  return {
    run: (job, ownerKey, signal, onProgress) =>
      reach.during(endsOf(job), signal, (inner, onSign) =>
        threads.run(job, ownerKey, inner, (progress) => {
          onSign();
          onProgress?.(progress);
        }),
      ),
    release: (holder) => threads.release(holder),
    warm: () => threads.warm(),
  };
}

function endsOf(job: Job): readonly ConnectionSpec[] {
  const source = 'source' in job ? [job.source] : [];
  const destination = 'destination' in job && job.destination !== null ? [job.destination] : [];
  return [...source, ...destination];
}
