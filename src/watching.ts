import type { Watching } from './api/index.ts';
import type { CreditPool } from './connector-kit/index.ts';
import type { Engine, ThreadPool } from './engine/index.ts';
import { type Config, isLoopback, type Metrics } from './runtime/index.ts';
import { listMissingMigrations, readFleetFacts, type Store } from './store/index.ts';

/** The parts of a process that are watched. */
export interface Watched {
  readonly config: Config;
  readonly store: Store;
  readonly engine: Engine;
  readonly threads: ThreadPool;
  readonly credit: CreditPool;
  readonly metrics: Metrics;
  /** Fires when the process is asked to end. */
  readonly stopping: AbortSignal;
}

/** Connects gauges and checks with what they are read from. */
export function watchProcess(watched: Watched): Watching {
  const { config, store, metrics, stopping } = watched;
  metrics.watch({ readFleet: () => readFleetFacts(store.db), readProcess: () => readProcess(watched) });
  return {
    meter: metrics.meter,
    metrics: { token: config.metricsToken ?? null, isPrivate: isLoopback(config.host), render: metrics.render },
    checks: {
      migrations: () => checkMigrations(store),
      engine: () => checkEngine(watched),
      process: () => (stopping.aborted ? 'it was asked to stop' : null),
    },
  };
}

async function checkMigrations(store: Store): Promise<string | null> {
  const missing = await listMissingMigrations(store.pool);
  return missing.length === 0 ? null : `the metadata database lacks ${missing.join(', ')}; restart the server`;
}

/** A second is usual. Behind this the others believe that the process is dead. */
const LONGEST_SILENCE_MS = 5_000;

function checkEngine({ engine }: Watched): string | null {
  const { isDraining, silentMs } = engine.state();
  if (isDraining) return 'it takes up no more work';
  return silentMs > LONGEST_SILENCE_MS ? 'its heartbeat does not reach the metadata database' : null;
}

function readProcess({ engine, threads, credit, store }: Watched) {
  const { busyLanes, allowedLanes, silentMs } = engine.state();
  return {
    lanes: { busy: busyLanes, allowed: allowedLanes },
    silenceSeconds: silentMs / 1_000,
    threads: threads.state(),
    memory: credit.state(),
    sessions: store.sessions(),
  };
}
