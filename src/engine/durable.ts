import { DBOS, DBOSClient } from '@dbos-inc/dbos-sdk';
import type { ClientBase } from 'pg';

/**
 * Number of the workflow protocol: the fixed sequence of steps below. It is raised only together with a drain, since
 * work recorded under another number is not taken up.
 */
const WORKFLOW_PROTOCOL = '1';
const EXECUTIONS_QUEUE = 'executions';
const LANES_QUEUE = 'lanes';
const LANES_PER_WORKER = 8;
const LAUNCH_LOCK = 7_238_114;

/** What the durable engine calls back. No method throws: each settles its own failures as rows. */
export interface DurableWork {
  /** Plans the execution and answers how many lanes it needs; repeatable until it has answered. */
  prepare(executionId: string): Promise<number>;
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
  readonly work: DurableWork;
  readonly log: DurableLog;
  /** Serializes first launches, which can break each other's schema. Resolves when the lock is held. */
  readonly withLaunchLock: (lock: number, launch: () => Promise<void>) => Promise<void>;
}

/** The narrow port to the durable engine: everything the product asks of it. */
export interface DurableEngine {
  /** Enqueues the execution's workflow in the caller's transaction; a rollback leaves nothing. */
  enqueue(client: ClientBase, execution: { readonly id: string; readonly syncId: string }): Promise<void>;
  /** Puts the unfinished work of dead workers back on its queues; answers how many workflows. */
  resumeWorkOf(deadWorkerIds: readonly string[]): Promise<number>;
  /** True while the execution's workflow may still act by itself. */
  isAlive(executionId: string): Promise<boolean>;
  /** Stops taking work and waits at most `drainMs` for what runs. */
  stop(drainMs: number): Promise<void>;
}

/** Starts the durable engine on the metadata database. One per process. */
export async function startDurableEngine(options: DurableOptions): Promise<DurableEngine> {
  const { work, log } = options;
  const lane = DBOS.registerWorkflow(
    async (executionId: string, laneId: string) => {
      await DBOS.runStep(() => work.runLane(executionId, laneId, stepSignal()), { name: 'lane' });
    },
    { name: 'lane', maxRecoveryAttempts: 1_000 },
  );
  DBOS.registerWorkflow(
    async (executionId: string) => {
      const lanes = await DBOS.runStep(() => work.prepare(executionId), { name: 'prepare' });
      const handles = [];
      for (let number = 1; number <= lanes; number += 1) {
        const laneId = `${executionId}-lane-${number}`;
        const params = {
          workflowID: laneId,
          queueName: LANES_QUEUE,
          enqueueOptions: { queuePartitionKey: executionId },
        };
        handles.push(await DBOS.startWorkflow(lane, params)(executionId, laneId));
      }
      for (const handle of handles) await handle.getResult({ pollingIntervalMs: 200 });
      await DBOS.runStep(() => work.settle(executionId), { name: 'settle' });
    },
    { name: 'execution', maxRecoveryAttempts: 1_000 },
  );
  DBOS.setConfig({
    name: 'millrace',
    systemDatabaseUrl: options.databaseUrl,
    executorID: options.workerId,
    applicationVersion: WORKFLOW_PROTOCOL,
    logger: quietLogger(log),
  });
  // It calls pg in a way that pg has deprecated, at launch and when it connects again; the warning is not our users' to mend.
  process.noDeprecation = true;
  const client = await launch(options);
  return {
    async enqueue(pgClient, execution) {
      await client.enqueueInTransaction(
        pgClient,
        {
          queueName: EXECUTIONS_QUEUE,
          workflowName: 'execution',
          workflowID: execution.id,
          appVersion: WORKFLOW_PROTOCOL,
          queuePartitionKey: execution.syncId,
        },
        execution.id,
      );
    },
    resumeWorkOf: resumeWorkOf,
    async isAlive(executionId) {
      const status = await DBOS.getWorkflowStatus(executionId);
      return status !== null && ['PENDING', 'ENQUEUED', 'DELAYED'].includes(status.status);
    },
    async stop(drainMs) {
      await client.destroy();
      await DBOS.shutdown({ workflowCompletionTimeoutMS: drainMs });
    },
  };
}

async function launch(options: DurableOptions): Promise<DBOSClient> {
  await options.withLaunchLock(LAUNCH_LOCK, async () => {
    await DBOS.launch();
    await DBOS.registerQueue(EXECUTIONS_QUEUE, {
      partitionConcurrency: 1,
      minPollingIntervalMs: 100,
      onConflict: 'always_update',
    });
    await DBOS.registerQueue(LANES_QUEUE, {
      workerConcurrency: LANES_PER_WORKER,
      partitionWorkerConcurrency: LANES_PER_WORKER,
      minPollingIntervalMs: 100,
      onConflict: 'always_update',
    });
  });
  return DBOSClient.create({
    systemDatabaseUrl: options.databaseUrl,
    applicationName: 'millrace',
    logger: quietLogger(options.log),
  });
}

// Resuming without a queue name would move the work to an internal queue outside all limits.
async function resumeWorkOf(deadWorkerIds: readonly string[]): Promise<number> {
  if (deadWorkerIds.length === 0) return 0;
  let resumed = 0;
  for (const queueName of [EXECUTIONS_QUEUE, LANES_QUEUE]) {
    const workflows = await DBOS.listWorkflows({
      status: 'PENDING',
      executorId: [...deadWorkerIds],
      queueName,
      loadInput: false,
      loadOutput: false,
    });
    const ids = workflows.map((workflow) => workflow.workflowID);
    if (ids.length > 0) await DBOS.resumeWorkflows(ids, { queueName });
    resumed += ids.length;
  }
  return resumed;
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
