import { hostname } from 'node:os';
import type { ConnectorContext, ConnectorDefinition } from '../connector-kit/index.ts';
import type { Meter } from '../core/index.ts';
import {
  beat,
  buryWorkers,
  listDeadWorkers,
  listOpenExecutions,
  recordExecutionEvent,
  registerWorker,
  retireWorker,
  type Store,
  type StoreTransaction,
} from '../store/index.ts';
import { CancelWatch } from './cancellation.ts';
import { ConsoleLog } from './console-log.ts';
import { type DurableEngine, startDurableEngine } from './durable.ts';
import type { EngineLog, EngineParts } from './engine-parts.ts';
import { runLane } from './lane.ts';
import type { ThreadPool } from './pipeline/thread-pool.ts';
import { prepareExecution } from './prepare-execution.ts';
import { letGo, settleExecution } from './settle-execution.ts';
import { SnapshotHolder } from './snapshots.ts';

const HEARTBEAT_MS = 1_000;
const SILENT_MS = 10_000;
const SWEEP_MS = 2_000;
const SWEEP_LOCK = 7_238_115;
/** Work in flight gets this long to come to its own end when the process stops. */
const DRAIN_MS = 6_000;

export interface EngineOptions {
  readonly store: Store;
  readonly databaseUrl: string;
  readonly workerId: string;
  readonly build: string;
  readonly connectors: ReadonlyMap<string, ConnectorDefinition<unknown>>;
  readonly contextFor: (organizationId: string, applicationName: string) => ConnectorContext;
  readonly threads: ThreadPool;
  readonly meter: Meter;
  readonly columnPrefix: string;
  readonly log: EngineLog;
  readonly random: () => number;
  readonly failpoint: (name: string) => void;
  /** The metadata database is ours alone: whoever worked on it before is dead. */
  readonly isSoleProcess: boolean;
  /** Called when this worker was declared dead: the process must end at once. */
  readonly onFenced: () => void;
}

export interface Engine {
  /** Enqueues an execution inside the transaction that inserts its row. */
  enqueue(transaction: StoreTransaction, execution: { readonly id: string; readonly syncId: string }): Promise<void>;
  /** Lets work in flight end or gives it back, within ten seconds. */
/** What the engine of this process is at, at one moment. */
export interface EngineState {
  /** Steps that are worked on. */
  readonly busyLanes: number;
  readonly allowedLanes: number;
  /** True once the process was asked to stop: nothing new is begun. */
  readonly isDraining: boolean;
}

  stop(): Promise<void>;
  state(): EngineState;
}

/** Starts this process's worker: it takes up what dead workers left, then what is enqueued. One per process. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { store, workerId, log } = options;
  const drain = new AbortController();
  const parts: EngineParts = {
    ...options,
    snapshots: new SnapshotHolder(store, workerId),
    console: new ConsoleLog(store, (error) => log.warn({}, `Console logs could not be stored: ${String(error)}`)),
    cancels: new CancelWatch(store, (error) => log.warn({}, `Cancel flags could not be read: ${String(error)}`)),
    restarts: new Map(),
    draining: drain.signal,
    inFlight: new Set(),
  };
  await registerWorker(store.db, { id: workerId, host: hostname(), pid: process.pid, build: options.build });
  await buryWorkers(store.db, workerId, options.isSoleProcess ? -1 : SILENT_MS);
  const durable = await startDurableEngine({
    databaseUrl: options.databaseUrl,
    workerId,
    log: { info: (message) => log.info({}, message), warn: (message) => log.warn({}, message) },
    withLaunchLock: (lock, launch) => underLock(store, lock, launch),
    work: {
      prepare: (executionId) => prepareExecution(parts, executionId),
      runLane: (executionId, laneId, signal) => runLane(parts, executionId, laneId, signal),
      settle: (executionId) => settleExecution(parts, executionId),
    },
  });
  const stopTimers = startTimers(parts, durable, options.onFenced);
  return {
    enqueue: ({ client }, execution) => durable.enqueue(client, execution),
    async stop() {
      drain.abort();
      stopTimers();
      parts.cancels.stop();
      await Promise.race([
        Promise.allSettled([...parts.inFlight]),
        new Promise((resolve) => setTimeout(resolve, DRAIN_MS).unref()),
      ]);
      await parts.snapshots.closeAll();
      await options.threads.close();
      await parts.console.stop();
      await durable.stop(0);
      await retireWorker(store.db, workerId);
    },
  };
}

function startTimers(parts: EngineParts, durable: DurableEngine, onFenced: () => void): () => void {
  const { store, workerId, log } = parts;
  const every = (ms: number, run: () => Promise<void>, what: string) => {
    let running = false;
    return setInterval(() => {
      if (running) return;
      running = true;
      run()
        .catch((error: unknown) => log.warn({}, `${what} failed and is tried again: ${String(error)}`))
        .finally(() => {
          running = false;
        });
    }, ms);
  };
  const timers = [
    every(
      HEARTBEAT_MS,
      async () => {
        if (!(await beat(store.db, workerId))) onFenced();
      },
      'The heartbeat',
    ),
    every(SWEEP_MS, () => sweep(parts, durable), 'Taking up the work of dead workers'),
  ];
  void sweep(parts, durable).catch((error: unknown) =>
    log.warn({}, `Taking up the work of dead workers failed: ${String(error)}`),
  );
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

// One node at a time sweeps: dead workers' work goes back on its queues, executions without a living workflow end.
async function sweep(parts: EngineParts, durable: DurableEngine): Promise<void> {
  const { store, workerId, log } = parts;
  await underTryLock(store, SWEEP_LOCK, async () => {
    await buryWorkers(store.db, workerId, SILENT_MS);
    const resumed = await durable.resumeWorkOf(await listDeadWorkers(store.db));
    if (resumed > 0) log.info({ workflows: resumed }, 'Work of a dead process was taken up again.');
    for (const execution of await listOpenExecutions(store.db)) {
      if (await durable.isAlive(execution.id)) continue;
      const status = await recordExecutionEvent(store, execution.id, 'give_up', {
        statusMessage: 'The execution lost its workflow. Start the sync again.',
      });
      // Between the two looks it may have ended in good order.
      if (status !== 'interrupted') continue;
      log.error({ executionId: execution.id }, 'An execution had no workflow any more and was given up.');
      await letGo(parts, execution.id);
    }
  });
}

async function underLock(store: Store, lock: number, run: () => Promise<void>): Promise<void> {
  while (!(await underTryLock(store, lock, run))) await new Promise((resolve) => setTimeout(resolve, 100));
}

// A blocking advisory lock hung against CREATE INDEX CONCURRENTLY of the durable engine's own migrations.
async function underTryLock(store: Store, lock: number, run: () => Promise<void>): Promise<boolean> {
  const client = await store.pool.connect();
  let isBroken = true;
  try {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [lock]);
    if (rows[0]?.locked !== true) {
      isBroken = false;
      return false;
    }
    await run();
    await client.query('SELECT pg_advisory_unlock($1)', [lock]);
    isBroken = false;
    return true;
  } finally {
    client.release(isBroken);
  }
}
