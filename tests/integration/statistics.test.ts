import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { parseMetrics, sumOf } from '../setup/prometheus.ts';

const server = useServer();
const scene = useSyncScene(
  server,
  `CREATE TABLE people AS SELECT i AS id, 'person ' || i AS name FROM generate_series(1, 1000) i;
   CREATE TABLE notes AS SELECT i AS id, 'note ' || i AS body FROM generate_series(1, 1000) i`,
);

/** Holds up every ANALYZE in the destination, and nothing else of ours. */
let blocker: pg.Client;

beforeEach(async () => {
  blocker = new pg.Client({ connectionString: scene.destination.url });
  await blocker.connect();
  await blocker.query('BEGIN; LOCK TABLE pg_statistic IN SHARE MODE');
});
afterEach(() => blocker.end());

async function countWaiting(): Promise<number> {
  const waiting = `SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name ~ '^millrace .* (people|notes)$' AND wait_event_type = 'Lock' AND query LIKE '%ANALYZE%'`;
  return (await blocker.query(waiting)).rowCount ?? 0;
}

/** Tables of which the server has been asked for statistics, and has them. */
async function listAnalyzed(): Promise<unknown[]> {
  const rows = await scene.inDestination('SELECT relname FROM pg_stat_user_tables WHERE analyze_count > 0 ORDER BY 1');
  return rows.flat();
}

async function publishBoth(): Promise<void> {
  const { id } = await scene.make(['public.people', 'public.notes']);
  expect((await scene.run(id)).execution).toMatchObject({ status: 'completed' });
  await expect.poll(countWaiting).toBe(1);
}

async function readBusyLanes(): Promise<number> {
  const answer = await fetch(`${server.url}/metrics`);
  return sumOf(parseMetrics(await answer.text()), 'millrace_lanes', { state: 'busy' });
}

describe('the statistics of new tables', () => {
  it(
    'are collected one after another behind the execution, while no lane is busy',
    async () => {
      await publishBoth();
      await expect.poll(readBusyLanes).toBe(0);
      expect([await countWaiting(), await listAnalyzed()]).toEqual([1, []]);
      await blocker.query('COMMIT');
      await expect.poll(listAnalyzed).toEqual(['notes', 'people']);
    },
    LIMIT_MS,
  );

  // The last one: it ends the server.
  it(
    'are waited for by a process that stops',
    async () => {
      await publishBoth();
      server.interrupt();
      const isListening = () => fetch(server.url).then(Boolean, () => false);
      await expect.poll(isListening).toBe(false);
      await blocker.query('COMMIT');
      expect(await server.exited).toMatchObject({ code: 0 });
      expect(server.home.readLog()).not.toContain('statistics of the new table were not collected');
      expect(await listAnalyzed()).not.toEqual([]);
    },
    LIMIT_MS,
  );
});
