import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FaultProxy } from '../../tests/setup/fault-proxy.ts';
import { useDatabase } from '../../tests/setup/hooks.ts';
import { type DurableEngine, type DurableWork, startDurableEngine } from './durable.ts';
import { pollAnew } from './queue-polling.ts';

const database = useDatabase();

interface Runner {
  readonly states: Map<string, { readonly queue: object }>;
  pollQueue(executor: object, queue: object): Promise<boolean>;
}

/** A part of the durable engine that it does not show. */
function inside(file: string) {
  const require = createRequire(import.meta.url);
  return require(join(dirname(require.resolve('@dbos-inc/dbos-sdk')), file));
}

const runner = (): Runner => inside('wfqueue.js').wfQueueRunner;

/** From here on the durable engine asks nothing by itself. */
async function stopPolling(): Promise<void> {
  const { states } = runner();
  const isAsked = () => ['executions', 'lanes'].every((name) => states.has(name));
  await expect.poll(isAsked, { interval: 5 }).toBe(true);
  // Also behind a question that is under way, which sets the time of the next one when it ends.
  for (const state of states.values())
    Object.defineProperty(state, 'nextPollAt', { get: () => Infinity, set: () => {} });
}

// One in a process: it keeps its workflows by name.
let work: DurableWork;
let announce: () => Promise<void>;
let engine: DurableEngine;
let client: pg.Client;
let proxy: FaultProxy;
/** What the durable engine logs. */
let told: string[] = [];

beforeAll(async () => {
  proxy = await FaultProxy.open(database.url);
  engine = await startDurableEngine({
    databaseUrl: proxy.through(database.url),
    workerId: randomUUID(),
    takes: 'all',
    isSole: false,
    log: { info: (message) => void told.push(message), warn: (message) => expect.unreachable(message) },
    withLaunchLock: (_, launch) => launch(),
    announce: () => announce(),
    work: {
      prepare: (id) => work.prepare(id),
      runLane: (...given) => work.runLane(...given),
      settle: (id) => work.settle(id),
    },
  });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await proxy[Symbol.asyncDispose]();
});

beforeEach(async () => {
  told = [];
  await stopPolling();
});

async function enqueue(): Promise<string> {
  const id = randomUUID();
  await engine.enqueue(client, { id, syncId: randomUUID(), touchesFiles: false });
  engine.askQueues();
  return id;
}

async function countTaken(queue: string): Promise<number> {
  const taken = "SELECT FROM dbos.workflow_status WHERE status = 'PENDING' AND queue_name = $1";
  return (await client.query(taken, [queue])).rowCount ?? 0;
}

it('takes up what was announced without waiting for the next poll', async () => {
  const settled: string[] = [];
  work = {
    prepare: async () => ({ lanes: 2, workers: 1, isLocal: false }),
    runLane: async (_, laneId) => void settled.push(laneId),
    settle: async (id) => void settled.push(id),
  };
  let announced = 0;
  announce = async () => {
    announced += 1;
    engine.askQueues();
  };
  const ids = [await enqueue(), await enqueue(), await enqueue()];
  await expect.poll(() => settled.length).toBe(9);
  expect(settled).toEqual(expect.arrayContaining([...ids, ...ids.map((id) => `${id}-lane-2`)]));
  // By each execution, for its lanes.
  expect(announced).toBe(3);
});

it('takes one lane of a group, though several ask at once', async () => {
  const begun: string[] = [];
  const end = Promise.withResolvers<void>();
  const settled = Promise.withResolvers<void>();
  work = {
    prepare: async () => ({ lanes: 2, workers: 2, isLocal: false }),
    runLane: async (_, laneId) => {
      begun.push(laneId);
      await end.promise;
    },
    settle: async () => settled.resolve(),
  };
  const spread = Promise.withResolvers<void>();
  announce = async () => spread.resolve();
  await enqueue();
  await spread.promise;
  await Promise.all([1, 2, 3, 4].map(() => askOnce('lanes')));
  // Taken, begun or not.
  expect(await countTaken('lanes')).toBe(1);
  await expect.poll(() => begun.length).toBe(1);
  end.resolve();
  await expect.poll(() => askOnce('lanes').then(() => begun.length)).toBe(2);
  await settled.promise;
});

it('takes the next lane of a group when its own has ended, though nobody announces it', async () => {
  const begun: string[] = [];
  const settled = Promise.withResolvers<void>();
  const spread = Promise.withResolvers<void>();
  work = {
    prepare: async () => ({ lanes: 2, workers: 2, isLocal: false }),
    runLane: async (_, laneId) => void begun.push(laneId),
    settle: async () => settled.resolve(),
  };
  announce = async () => spread.resolve();
  const id = randomUUID();
  await engine.enqueue(client, { id, syncId: randomUUID(), touchesFiles: false });
  await askOnce('executions');
  await spread.promise;
  await askOnce('lanes');
  await settled.promise;
  expect(begun.toSorted()).toEqual([`${id}-lane-1`, `${id}-lane-2`]);
});

/** One question to a queue, as by the durable engine's own polling. */
function askOnce(name: string): Promise<boolean> {
  const { queue } = runner().states.get(name) ?? expect.unreachable('no such queue');
  return runner().pollQueue(inside('dbos-executor.js').DBOSExecutor.globalInstance, queue);
}

describe('while the metadata database is away and a question waits for it', () => {
  beforeEach(async () => {
    await proxy.refuse();
    proxy.reset();
    engine.askQueues();
    await expect.poll(() => told.join()).toMatch(/Retrying in/);
    // One of the durable engine's own behind it, for which whoever ends its polling waits.
    const asked = vi.spyOn(runner(), 'pollQueue');
    Object.defineProperty(runner().states.get('lanes'), 'nextPollAt', { value: 0, writable: true });
    await expect.poll(() => asked.mock.calls.length).toBeGreaterThan(0);
    vi.restoreAllMocks();
  });

  afterEach(() => proxy.heal());

  it('asks by a new time', () => pollAnew(['executions', 'executions-with-files', 'lanes']));

  // The last one: behind it nothing is asked any more.
  it('stops', () => engine.stop(0));
});
