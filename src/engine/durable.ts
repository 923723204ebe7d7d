import { AsyncLocalStorage } from 'node:async_hooks';
import { DBOS, DBOSClient } from '@dbos-inc/dbos-sdk';
import type { ClientBase, Pool } from 'pg';
import { createSessionPool } from '../store/index.ts';
import { watchClock } from './clock-steps.ts';
import { removeEndedWorkflows } from './ended-workflows.ts';
import { pollAnew, QueueAsker } from './queue-polling.ts';

/**
 * Number of the workflow protocol: the fixed sequence of steps below. It is raised only together with a drain, since
 * work recorded under another number is not taken up.
 */
export const WORKFLOW_PROTOCOL = '2';
const EXECUTIONS_QUEUE = 'executions';
/** Executions that touch files: only processes that see the files take them. */
const FILES_QUEUE = 'executions-with-files';
const LANES_QUEUE = 'lanes';
const LAUNCH_LOCK = 7_238_114;
/** How often a process asks each queue unasked; every question costs the metadata database, and work is announced. */
const POLL_MS = 1_000;

/** How an execution's lanes are spread. */
export interface LanePlan {
  readonly lanes: number;
  /** Over so many workers; of each group of that many lanes, a worker takes one. */
  readonly workers: number;
  /** All lanes run in the process that planned, because files have one owner or because there is no other process. */
  readonly isLocal: boolean;
}

/** What a process takes from the queues. */
export type Takes = 'nothing' | 'all' | 'all-without-files';

/** What the durable engine calls back. No method throws: each settles its own failures as rows. */
export interface DurableWork {
  /** Plans the execution and answers which lanes it needs; repeatable until it has answered. */
  prepare(executionId: string): Promise<LanePlan>;
  /** Works off segments until none is left. */
  runLane(executionId: string, laneId: string, signal: AbortSignal): Promise<void>;
  /** Writes receipt and final status; repeatable. */
  settle(executionId: string): Promise<void>;
}

export interface DurableLog {
  info(message: string): void;
  warn(message: string): void;
}

export interface DurableOptions {
  readonly databaseUrl: string;
  /** New at every start: work of an earlier life is found by its id. */
  readonly workerId: string;
  /** A process that takes nothing still enqueues and resumes. */
  readonly takes: Takes;
  /** There are no other processes, and none will come: what only spreads work is left out. */
  readonly isSole: boolean;
  readonly work: DurableWork;
  readonly log: DurableLog;
  /** Tells all processes that there is something on a queue; each then calls `askQueues`. Never throws. */
  readonly announce: () => Promise<void>;
  /** Serializes first launches, which can break each other's schema. Resolves when the lock is held. */
  readonly withLaunchLock: (lock: number, launch: () => Promise<void>) => Promise<void>;
}

export interface WorkToEnqueue {
  readonly id: string;
  readonly syncId: string;
  readonly touchesFiles: boolean;
}

/** The narrow port to the durable engine: everything the product asks of it. */
export interface DurableEngine {
  /** Enqueues the execution's workflow in the caller's transaction; a rollback leaves nothing. */
  enqueue(client: ClientBase, execution: WorkToEnqueue): Promise<void>;
  /** Puts the unfinished work of dead workers back on its queues; answers how many workflows. */
  resumeWorkOf(deadWorkerIds: readonly string[]): Promise<number>;
  /** Of these executions those whose workflow may still act by itself, with the protocol that it was begun under. */
  findAlive(executionIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Asks the queues now: something was announced. */
  askQueues(): void;
  /** Removes some of what ended before that moment; answers how many executions it was, 0 = nothing is left. */
  removeEnded(until: Date): Promise<number>;
  /** Stops taking work and waits at most `drainMs` for what runs. */
  stop(drainMs: number): Promise<void>;
}

/** Starts the durable engine on the metadata database. One per process. */
export async function startDurableEngine(options: DurableOptions): Promise<DurableEngine> {
  const { work, log } = options;
  let askQueues = (): void => {};
  // What is asked at the end of a lane is no part of its workflow.
  const outside = AsyncLocalStorage.snapshot();
  registerWorkflows(work, { announce: options.announce, onLaneEnd: () => outside(() => askQueues()) });
  const pool = openPool(options);
  DBOS.setConfig({
    name: 'millrace',
    systemDatabaseUrl: options.databaseUrl,
    systemDatabasePool: pool,
    executorID: options.workerId,
    applicationVersion: WORKFLOW_PROTOCOL,
    logger: quietLogger(log),
    listenQueues: queuesOf(options.takes),
  });
  // It calls pg in a way that pg has deprecated, at launch and when it connects again; the warning is not our users' to mend.
  process.noDeprecation = true;
  const client = await launch(options, pool);
  const polling = keepPolling(queuesOf(options.takes), log);
  const asker = new QueueAsker(queuesOf(options.takes));
  askQueues = () => {
    asker.ask().catch((error: unknown) => log.warn(`Asking the queues failed, they are asked again: ${String(error)}`));
  };
  return {
    async enqueue(pgClient, execution) {
      await client.enqueueInTransaction(
        pgClient,
        {
          queueName: execution.touchesFiles && !options.isSole ? FILES_QUEUE : EXECUTIONS_QUEUE,
          workflowName: 'execution',
          workflowID: execution.id,
          appVersion: WORKFLOW_PROTOCOL,
          queuePartitionKey: execution.syncId,
        },
        execution.id,
      );
    },
    async resumeWorkOf(deadWorkerIds) {
      const resumed = await resumeWorkOf(deadWorkerIds);
      if (resumed > 0) await options.announce();
      return resumed;
    },
    findAlive,
    askQueues,
    removeEnded: (until) => removeEndedWorkflows(client, until),
    async stop(drainMs) {
      await polling.end();
      await client.destroy();
      // Else no engine could be started in this process again: workflows are kept by their names.
      await DBOS.shutdown({ workflowCompletionTimeoutMS: drainMs, deregister: true });
      await pool.end();
    },
  };
}

function keepPolling(queues: readonly string[], log: DurableLog): { end(): Promise<void> } {
  let last: Promise<void> = Promise.resolve();
  const stopWatch = watchClock((ms) => {
    log.info(`The machine's clock was set back by ${Math.round(ms / 1000)} s; the queues are asked by the new time.`);
    last = last
      .then(() => pollAnew(queues))
      .catch((error: unknown) => log.warn(`Asking the queues by the new time failed: ${String(error)}`));
  });
  return {
    end: () => {
      stopWatch();
      return last;
    },
  };
}

interface Signals {
  readonly announce: () => Promise<void>;
  /** This process may take the next lane of the group in a moment, which nobody announces. */
  readonly onLaneEnd: () => void;
}

/** Their sequence of steps is the protocol: a change of it takes another number. */
function registerWorkflows(work: DurableWork, { announce, onLaneEnd }: Signals): void {
  const lane = DBOS.registerWorkflow(
    async (executionId: string, laneId: string) => {
      await DBOS.runStep(() => work.runLane(executionId, laneId, stepSignal()), { name: 'lane' });
      onLaneEnd();
    },
    { name: 'lane', maxRecoveryAttempts: 1_000 },
  );
  const spread = async (executionId: string, plan: LanePlan): Promise<void> => {
    const handles = [];
    for (let number = 1; number <= plan.lanes; number += 1) {
      const group = Math.floor((number - 1) / plan.workers);
      const params = {
        workflowID: laneIdOf(executionId, number),
        queueName: LANES_QUEUE,
        enqueueOptions: { queuePartitionKey: `${executionId}-${group}` },
      };
      handles.push(await DBOS.startWorkflow(lane, params)(executionId, laneIdOf(executionId, number)));
    }
    await announce();
    for (const handle of handles) await handle.getResult({ pollingIntervalMs: 200 });
  };
  DBOS.registerWorkflow(
    async (executionId: string) => {
      const plan = await DBOS.runStep(() => work.prepare(executionId), { name: 'prepare' });
      if (plan.isLocal) await DBOS.runStep(() => runHere(work, executionId, plan.lanes), { name: 'lanes' });
      else await spread(executionId, plan);
      await DBOS.runStep(() => work.settle(executionId), { name: 'settle' });
    },
    { name: 'execution', maxRecoveryAttempts: 1_000 },
  );
}

async function runHere(work: DurableWork, executionId: string, lanes: number): Promise<void> {
  const signal = stepSignal();
  const numbers = Array.from({ length: lanes }, (_, index) => index + 1);
  await Promise.all(numbers.map((number) => work.runLane(executionId, laneIdOf(executionId, number), signal)));
}

function laneIdOf(executionId: string, number: number): string {
  return `${executionId}-lane-${number}`;
}

function queuesOf(takes: Takes): string[] {
  if (takes === 'nothing') return [];
  return takes === 'all' ? [EXECUTIONS_QUEUE, FILES_QUEUE, LANES_QUEUE] : [EXECUTIONS_QUEUE, LANES_QUEUE];
}

/** The durable engine's own pool would end the process by a session that breaks in the moment in which it is handed out. */
function openPool({ databaseUrl, log }: DurableOptions): Pool {
  return createSessionPool({
    url: databaseUrl,
    idleTransactionSeconds: 60,
    onIdleError: (error) => log.info(`Durable engine: a session broke: ${error.message}`),
  });
}

async function launch(options: DurableOptions, pool: Pool): Promise<DBOSClient> {
  await options.withLaunchLock(LAUNCH_LOCK, async () => {
    await DBOS.launch();
    const executions = { partitionConcurrency: 1, onConflict: 'always_update' } as const;
    await DBOS.registerQueue(EXECUTIONS_QUEUE, { ...executions, minPollingIntervalMs: POLL_MS });
    await DBOS.registerQueue(FILES_QUEUE, { ...executions, minPollingIntervalMs: POLL_MS });
    // How many lanes work at once is decided by the worker's places, step by step: a lane that waits costs next to nothing.
    await DBOS.registerQueue(LANES_QUEUE, {
      partitionWorkerConcurrency: 1,
      minPollingIntervalMs: POLL_MS,
      onConflict: 'always_update',
    });
  });
  return DBOSClient.create({
    systemDatabaseUrl: options.databaseUrl,
    systemDatabasePool: pool,
    applicationName: 'millrace',
    logger: quietLogger(options.log),
  });
}

// Resuming without a queue name would move the work to an internal queue outside all limits.
async function resumeWorkOf(deadWorkerIds: readonly string[]): Promise<number> {
  if (deadWorkerIds.length === 0) return 0;
  const workflows = await DBOS.listWorkflows({
    status: 'PENDING',
    executorId: [...deadWorkerIds],
    queueName: queuesOf('all'),
    loadInput: false,
    loadOutput: false,
  });
  for (const [queueName, group] of Map.groupBy(workflows, (workflow) => workflow.queueName)) {
    if (queueName === undefined) continue;
    await DBOS.resumeWorkflows(
      group.map(({ workflowID }) => workflowID),
      { queueName },
    );
  }
  return workflows.length;
}

/** Puts a workflow that runs here back on its queue, for whoever takes it; what it still records here is void. */
export async function passOn(executionId: string): Promise<void> {
  const status = await DBOS.getWorkflowStatus(executionId);
  if (status?.queueName !== undefined) await DBOS.resumeWorkflows([executionId], { queueName: status.queueName });
}

async function findAlive(executionIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const workflows = await DBOS.listWorkflows({
    workflowIDs: [...executionIds],
    status: ['PENDING', 'ENQUEUED', 'DELAYED'],
    loadInput: false,
    loadOutput: false,
  });
  return new Map(workflows.map(({ workflowID, applicationVersion = '' }) => [workflowID, applicationVersion]));
}

function stepSignal(): AbortSignal {
  return DBOS.stepStatus?.cancelSignal ?? new AbortController().signal;
}

// The engine speaks of every queue poll; only what somebody must act on reaches our log.
function quietLogger(log: DurableLog) {
  const text = (entry: unknown) => (entry instanceof Error ? entry.message : String(entry));
  return {
    info: () => {},
    debug: () => {},
    warn: (entry: unknown) => log.info(`Durable engine: ${text(entry)}`),
    error: (entry: unknown) => log.warn(`Durable engine: ${text(entry)}`),
  };
}
