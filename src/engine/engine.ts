import { availableParallelism, hostname } from 'node:os';
import type { ConnectorContext, ConnectorDefinition } from '../connector-kit/index.ts';
import type { Meter } from '../core/index.ts';
import {
  announceWork,
  buryOthers,
  Heartbeat,
  loadRun,
  registerWorker,
  retireWorker,
  type Store,
  type StoreTransaction,
  tryExclusively,
} from '../store/index.ts';
import { ConsoleLog } from './console-log.ts';
import { type DurableEngine, startDurableEngine, type Takes, WORKFLOW_PROTOCOL } from './durable.ts';
import { type EngineLog, type EngineParts, touchesFiles } from './engine-parts.ts';
import { prepareExecution } from './executions/prepare-execution.ts';
import { settleExecution } from './executions/settle-execution.ts';
import { openConnection } from './executions/sides.ts';
import { SnapshotHolder } from './executions/snapshots.ts';
import { runLane } from './lanes/lane.ts';
import { leaveOpenWhenDraining } from './leave-open.ts';
import type { ThreadPool } from './pipeline/thread-pool.ts';
import { CancelWatch } from './workers/cancellation.ts';
import { Life, SILENT_MS } from './workers/life.ts';
import { Outages, PLAN_PAUSE } from './workers/outages.ts';
import { OwnedFiles } from './workers/owned-files.ts';
import { Places } from './workers/places.ts';
import { Reach, watchThreads } from './workers/reach.ts';
import { Statistics } from './workers/statistics.ts';
import { sweep, tidy } from './workers/sweeper.ts';
import { Turns } from './workers/turns.ts';

const SWEEP_MS = 1_000;
const TIDY_MS = 5_000;
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
  readonly columnPrefix: string;
  readonly log: EngineLog;
  readonly meter: Meter;
  readonly random: () => number;
  readonly failpoint: (name: string) => void;
  /** The metadata database is ours alone: whoever worked on it before is dead. */
  readonly isSoleProcess: boolean;
  /** Steps of executions that this process works on at once; 0 = it leaves them to others. */
  readonly lanes: number;
  /** Its folder for files is that of the installation. */
  readonly seesFiles: boolean;
  /** For people who look at the list of workers. */
  readonly roles: readonly string[];
  /** Called when this worker was declared dead: the process must end at once. */
  readonly onFenced: () => void;
}

/** What the engine of this process is at, at one moment. */
export interface EngineState {
  /** Steps that are worked on. */
  readonly busyLanes: number;
  readonly allowedLanes: number;
  /** Since this process last told the others that it lives. */
  readonly silentMs: number;
  /** True once the process was asked to stop: nothing new is begun. */
  readonly isDraining: boolean;
}

export interface Engine {
  state(): EngineState;
  /** Enqueues an execution inside the transaction that inserts its row. */
  enqueue(transaction: StoreTransaction, execution: { readonly id: string; readonly syncId: string }): Promise<void>;
  /** Removes some of what the durable engine remembers of executions that ended before that moment; answers of how many. */
  removeEndedWorkflows(until: Date): Promise<number>;
  /** Lets work in flight end or gives it back, within ten seconds. */
  stop(): Promise<void>;
}

/** Starts this process's worker: it takes up what dead workers left, then what is enqueued. One per process. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { store, workerId, log, connectors } = options;
  const drain = new AbortController();
  await register(options);
  const heartbeat = new Heartbeat(options.databaseUrl, workerId);
  const life = new Life({
    heartbeat,
    isSole: options.isSoleProcess,
    onFenced: options.onFenced,
    onFailure: (error) => log.warn({}, `The heartbeat failed and is tried again: ${String(error)}`),
    onSilence: (silentMs) => {
      // A database refuses who was declared dead. A file does not, and another worker may have taken it by now.
      if (silentMs < SILENT_MS || !parts.files.isHolding || life.others === 0) return;
      log.error(
        {},
        'This process works on files and cannot tell others that it lives; it ends, so that they can go on.',
      );
      options.onFenced();
    },
  });
  life.start();
  const parts = createParts(options, life, drain.signal);
  const durable = await startDurable(options, parts);
  heartbeat.onWork = () => durable.askQueues();
  // What was announced before anybody listened.
  durable.askQueues();
  const stopTimers = startTimers(parts, durable, life);
  return {
    state: () => ({
      busyLanes: parts.inFlight.size,
      allowedLanes: options.lanes,
      silentMs: life.silentMs,
      isDraining: drain.signal.aborted,
    }),
    async enqueue({ db, client }, execution) {
      await durable.enqueue(client, {
        ...execution,
        touchesFiles: await touchesFiles(db, execution.syncId, connectors),
      });
      await announceWork(db);
    },
    removeEndedWorkflows: (until) => durable.removeEnded(until),
    async stop() {
      drain.abort();
      stopTimers();
      parts.cancels.stop();
      await Promise.race([
        Promise.allSettled([...parts.inFlight, parts.statistics.ended()]),
        new Promise((resolve) => setTimeout(resolve, DRAIN_MS).unref()),
      ]);
      await parts.snapshots.closeAll();
      await options.threads.close();
      await parts.console.stop();
      await durable.stop(0);
      life.stop();
      await heartbeat[Symbol.asyncDispose]();
      await retireWorker(store.db, workerId);
    },
  };
}

async function register({ store, workerId, build, roles, lanes, isSoleProcess }: EngineOptions): Promise<void> {
  await registerWorker(store.db, {
    id: workerId,
    host: hostname(),
    pid: process.pid,
    build,
    roles: [...roles],
    lanes,
    usualLanes: Math.min(lanes, Math.max(2, availableParallelism())),
    protocol: WORKFLOW_PROTOCOL,
  });
  if (isSoleProcess) await buryOthers(store.db, workerId);
}

function createParts(options: EngineOptions, life: Life, draining: AbortSignal): EngineParts {
  const { workerId, log } = options;
  const store = options.store.guarded(() => life.proven());
  const others = () => life.others;
  const reach = new Reach({ ...options, others });
  const openSource = async (executionId: string) => {
    const run = await loadRun(store, executionId);
    return openConnection(options, run, run.source);
  };
  return {
    ...options,
    store,
    threads: watchThreads(options.threads, reach),
    reach,
    outages: new Outages(options.random),
    planOutages: new Outages(options.random, PLAN_PAUSE),
    others,
    snapshots: new SnapshotHolder(store, workerId, openSource),
    console: new ConsoleLog(store, (error) => log.warn({}, `Console logs could not be stored: ${String(error)}`)),
    files: new OwnedFiles(store, workerId),
    cancels: new CancelWatch(store, (error) => log.warn({}, `Cancel flags could not be read: ${String(error)}`)),
    places: new Places(options.lanes),
    turns: new Turns(),
    statistics: new Statistics(draining),
    restarts: new Map(),
    visited: new Set(),
    draining,
    inFlight: new Set(),
  };
}

function startDurable(options: EngineOptions, parts: EngineParts): Promise<DurableEngine> {
  const { store, log } = options;
  return startDurableEngine({
    databaseUrl: options.databaseUrl,
    workerId: options.workerId,
    takes: takesOf(options),
    isSole: options.isSoleProcess,
    log: { info: (message) => log.info({}, message), warn: (message) => log.warn({}, message) },
    announce: () =>
      announceWork(store.db).catch((error: unknown) =>
        log.warn({}, `Work could not be announced, it is found by polling: ${String(error)}`),
      ),
    withLaunchLock: (lock, launch) => underLock(store, lock, launch),
    work: {
      prepare: (executionId) => leaveOpenWhenDraining(prepareExecution(parts, executionId), parts.draining),
      runLane: (executionId, laneId, signal) =>
        leaveOpenWhenDraining(runLane(parts, executionId, laneId, signal), parts.draining),
      settle: (executionId) => leaveOpenWhenDraining(settleExecution(parts, executionId), parts.draining),
    },
  });
}

function takesOf({ lanes, seesFiles }: EngineOptions): Takes {
  if (lanes === 0) return 'nothing';
  return seesFiles ? 'all' : 'all-without-files';
}

function startTimers(parts: EngineParts, durable: DurableEngine, life: Life): () => void {
  const every = (ms: number, run: () => Promise<void>, what: string) => {
    let running = false;
    const turn = () => {
      if (running) return;
      running = true;
      run()
        .catch((error: unknown) => parts.log.warn({}, `${what} failed and is tried again: ${String(error)}`))
        .finally(() => {
          running = false;
        });
    };
    turn();
    return setInterval(turn, ms);
  };
  const timers = [
    every(SWEEP_MS, () => life.look(parts), 'Looking for other workers'),
    every(SWEEP_MS, () => sweep(parts, durable, life), 'Taking up the work of dead workers'),
    every(TIDY_MS, () => tidy(parts), 'Letting go of ended executions'),
  ];
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

// A blocking advisory lock hung against CREATE INDEX CONCURRENTLY of the durable engine's own migrations.
async function underLock(store: Store, lock: number, run: () => Promise<void>): Promise<void> {
  while (!(await tryExclusively(store.pool, lock, run))) await new Promise((resolve) => setTimeout(resolve, 100));
}
