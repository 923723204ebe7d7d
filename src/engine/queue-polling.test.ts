import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { useDatabase } from '../../tests/setup/hooks.ts';
import { startDurableEngine } from './durable.ts';

const database = useDatabase();

/** From here on the durable engine asks nothing by itself. */
async function stopPolling(): Promise<void> {
  const require = createRequire(import.meta.url);
  const { wfQueueRunner } = require(join(dirname(require.resolve('@dbos-inc/dbos-sdk')), 'wfqueue.js'));
  const queues = ['executions', 'lanes'];
  await expect.poll(() => queues.every((name) => wfQueueRunner.states.has(name)), { interval: 5 }).toBe(true);
  for (const name of queues) wfQueueRunner.states.get(name).nextPollAt = Number.MAX_SAFE_INTEGER;
}

it('takes up what was announced without waiting for the next poll', async () => {
  const settled: string[] = [];
  let announced = 0;
  const engine = await startDurableEngine({
    databaseUrl: database.url,
    workerId: randomUUID(),
    takes: 'all',
    isSole: false,
    log: { info: () => {}, warn: (message) => expect.unreachable(message) },
    withLaunchLock: (_, launch) => launch(),
    announce: async () => {
      announced += 1;
      engine.askQueues();
    },
    work: {
      prepare: async () => ({ lanes: 2, workers: 1, isLocal: false }),
      runLane: async (_, laneId) => void settled.push(laneId),
      settle: async (id) => void settled.push(id),
    },
  });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await stopPolling();
    const ids = [randomUUID(), randomUUID(), randomUUID()];
    for (const id of ids) {
      await engine.enqueue(client, { id, syncId: randomUUID(), touchesFiles: false });
      engine.askQueues();
    }
    await expect.poll(() => settled.length, { timeout: 20_000 }).toBe(9);
    expect(settled).toEqual(expect.arrayContaining([...ids, ...ids.map((id) => `${id}-lane-2`)]));
    // By each execution, for its lanes.
    expect(announced).toBe(3);
  } finally {
    await client.end();
    await engine.stop(0);
  }
}, 30_000);
