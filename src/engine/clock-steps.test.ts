import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterEach, expect, it, vi } from 'vitest';
import { useDatabase } from '../../tests/setup/hooks.ts';
import { startDurableEngine } from './durable.ts';

const DAY_MS = 86_400_000;

const database = useDatabase();

afterEach(() => {
  vi.restoreAllMocks();
});

it('takes up executions at once when the clock was a day ahead and is set back', async () => {
  const ended = new Map<string, PromiseWithResolvers<void>>();
  const told: string[] = [];
  const engine = await startDurableEngine({
    databaseUrl: database.url,
    workerId: randomUUID(),
    takes: 'all',
    isSole: true,
    log: { info: (message) => void told.push(message), warn: (message) => void told.push(message) },
    announce: async () => {},
    withLaunchLock: (_, launch) => launch(),
    work: {
      prepare: async () => ({ lanes: 0, workers: 1, isLocal: true }),
      runLane: async () => {},
      settle: async (id) => ended.get(id)?.resolve(),
    },
  });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const run = async () => {
    const id = randomUUID();
    const end = Promise.withResolvers<void>();
    ended.set(id, end);
    await engine.enqueue(client, { id, syncId: randomUUID(), touchesFiles: false });
    await end.promise;
  };
  try {
    const now = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => now() + DAY_MS);
    // Behind this the queues are to be asked again at times of tomorrow. The second one waits for such a time, so that the
    // clock was looked at in between.
    await run();
    await run();
    vi.restoreAllMocks();
    await run();
    await run();
    expect(told.join()).toContain('set back by 86400 s');
  } finally {
    await client.end();
    await engine.stop(0);
  }
});
