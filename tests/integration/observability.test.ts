import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCliFile } from '../../src/runtime/index.ts';
import { queryDatabase } from '../setup/databases.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { type MetricFamily, parseMetrics, sumOf } from '../setup/prometheus.ts';

const PEOPLE = 5_000;
const SOURCE = `
  CREATE TABLE people AS SELECT i AS id, 'person ' || i AS name FROM generate_series(1, ${PEOPLE}) i;
  ALTER TABLE people ADD PRIMARY KEY (id);
  CREATE TABLE notes AS SELECT i AS id, repeat(md5(i::text), 4) AS text FROM generate_series(1, 100) i`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

async function scrape(): Promise<ReadonlyMap<string, MetricFamily>> {
  const answer = await fetch(`${server.url}/metrics`);
  expect(answer.status).toBe(200);
  return parseMetrics(await answer.text());
}

async function runOnce() {
  const { id: syncId } = await scene.make(['public.people', 'public.notes']);
  const before = await scrape();
  const { execution } = await scene.run(syncId);
  expect(execution).toMatchObject({ status: 'completed' });
  // What is counted behind the recorded end may come a moment later.
  let after = await scrape();
  while (sumOf(after, 'millrace_executions_ended_total') === sumOf(before, 'millrace_executions_ended_total')) {
    scene.signal.throwIfAborted();
    after = await scrape();
  }
  const grown = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    sumOf(after, name, labels) - sumOf(before, name, labels);
  return { syncId, executionId: execution.id, grown };
}

describe('metrics', () => {
  it(
    'count what an execution did',
    async () => {
      const { grown } = await runOnce();
      const postgresql = { connection_type: 'postgresql' };
      expect(grown('millrace_executions_ended_total', { status: 'completed' })).toBe(1);
      expect(grown('millrace_execution_bottlenecks_total')).toBe(1);
      expect(grown('millrace_schemas_ended_total', { status: 'completed' })).toBe(2);
      expect(grown('millrace_verifications_total', { verdict: 'equal' })).toBe(2);
      expect(grown('millrace_read_records_total', postgresql)).toBe(PEOPLE + 100);
      expect(grown('millrace_written_records_total', postgresql)).toBe(PEOPLE + 100);
      expect(grown('millrace_rejected_records_total', postgresql)).toBe(0);
      expect(grown('millrace_read_bytes_total', postgresql)).toBe(grown('millrace_sent_bytes_total', postgresql));
      expect(grown('millrace_read_bytes_total', postgresql)).toBeGreaterThan(100 * 128);
      expect(grown('millrace_http_request_seconds', { route: '/api/bulk/syncs/:id/executions', le: '+Inf' })).toBe(1);
    },
    LIMIT_MS,
  );

  it(
    'count the time that the timing of the execution tells',
    async () => {
      const { syncId, executionId, grown } = await runOnce();
      const { parts } = await server.client.getTiming(syncId, executionId, scene.signal);
      for (const [part, seconds] of Object.entries(parts))
        expect(grown('millrace_lane_seconds_total', { part })).toBeCloseTo(seconds, 4);
    },
    LIMIT_MS,
  );

  it('tell what is open, of the process and of all', async () => {
    const seen = await scrape();
    expect(sumOf(seen, 'millrace_metadata_up')).toBe(1);
    expect(sumOf(seen, 'millrace_workers_alive')).toBe(1);
    expect(sumOf(seen, 'millrace_lanes', { state: 'allowed' })).toBeGreaterThan(0);
    expect(sumOf(seen, 'millrace_metadata_sessions', { state: 'allowed' })).toBeGreaterThan(0);
  });
});

describe('timing', () => {
  it(
    'accounts for all time of the lanes, as the metadata have it',
    async () => {
      const { syncId, executionId } = await runOnce();
      const timing = await server.client.getTiming(syncId, executionId, scene.signal);
      const sum = Object.values(timing.parts).reduce((total, seconds) => total + seconds, 0);
      expect(sum).toBeCloseTo(timing.lane_seconds, 5);
      const bySchema = timing.schemas.reduce((total, schema) => total + schema.lane_seconds, 0);
      expect(bySchema).toBeCloseTo(timing.lane_seconds, 5);
      expect(timing.schemas.map(({ schema }) => schema).sort()).toEqual(['public.notes', 'public.people']);
      // A lane's clock runs from behind the plan to the record of its last item: bounds that hold however slow it all is.
      const [[lanes, least, most]] = (await queryDatabase(
        server.metadata.url,
        `SELECT count(*)::int, sum(least)::float8, sum(most)::float8 FROM (
           SELECT extract(epoch FROM (array_agg(finished_at ORDER BY finished_at DESC))[2] - min(s.started_at)) AS least,
             extract(epoch FROM max(finished_at) - min(planned_at)) AS most
           FROM segments s JOIN executions e ON e.id = s.execution_id WHERE e.id = '${executionId}' GROUP BY lane_id) l`,
      )) as [[number, number | null, number]];
      expect(timing.lanes).toBe(lanes);
      expect(timing.lane_seconds).toBeGreaterThan((least ?? 0) - 0.05);
      expect(timing.lane_seconds).toBeLessThan(most + 0.05);
      expect(timing.bottleneck).not.toBeNull();
      for (const part of ['source', 'destination', 'proof', 'publication', 'overhead'] as const)
        expect(timing.parts[part]).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );

  it('is unknown of unknown executions', async () => {
    const { id } = await scene.make(['public.notes']);
    const path = `/api/x/bulk/syncs/${id}/executions/00000000-0000-4000-8000-000000000000/timing`;
    await expect(scene.send('GET', path)).rejects.toThrow('NOT_FOUND');
  });
});

describe('the log', () => {
  interface Line {
    readonly msg: string;
    readonly [fact: string]: unknown;
  }

  /** Everything that is logged in lines of JSON. */
  const readLines = (): Line[] =>
    server.home
      .readLog()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));

  it('says where the keys of the first start are, and not what they are', async () => {
    const file = join(server.home.folder, 'cli.json');
    await expect.poll(() => server.home.readLog()).toContain(`First start. The API keys are in ${file}.`);
    const { userKey = 'none', deploymentKey = 'none' } = readCliFile(server.home.folder) ?? {};
    for (const key of [userKey, deploymentKey]) expect(server.home.readLog()).not.toContain(key);
    expect([userKey, deploymentKey]).not.toContain('none');
  });

  it(
    'names execution, sync and schema in each line about them, and the request of each change',
    async () => {
      const { syncId, executionId } = await runOnce();
      const isEnd = (line: Line) => line.executionId === executionId && line.msg === 'Execution ended.';
      await expect.poll(() => readLines().some(isEnd)).toBe(true);
      const lines = readLines();
      const ofExecution = lines.filter((line) => line.executionId === executionId);
      expect(ofExecution.filter((line) => line.syncId !== syncId)).toEqual([]);
      expect(ofExecution.map((line) => line.schemaId)).toEqual(
        expect.arrayContaining(['public.people', 'public.notes', undefined]),
      );
      const end = lines.find(isEnd);
      expect(end).toMatchObject({ status: 'completed', verdict: 'equal', bottleneck: expect.any(String) });
      expect(end?.timesMs).toMatchObject({ planning: expect.any(Number), destination: expect.any(Number) });
      expect(lines.filter(({ route }) => route === '/api/bulk/syncs/:id/executions').at(-1)).toMatchObject({
        level: 'info',
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        method: 'POST',
        status: 200,
        caller: 'user',
      });
      // Reading is asked for twice a second by who watches.
      expect(lines.filter(({ method }) => method === 'GET')).toEqual([]);
    },
    LIMIT_MS,
  );

  it('holds no key and no password', async () => {
    await scene.make(['public.notes']);
    // What the first start prints for its user is no log.
    const log = JSON.stringify(readLines());
    expect(log.length).toBeGreaterThan(100);
    const secrets = [server.apiKey, new URL(scene.source.ownerUrl).password, new URL(server.metadata.url).password];
    for (const secret of secrets) expect(secret === '' || !log.includes(secret)).toBe(true);
  });
});

describe('readiness', () => {
  it('names each check', async () => {
    const answer = await fetch(`${server.url}/readyz`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      status: 'ready',
      checks: { metadata: 'ok', migrations: 'ok', engine: 'ok', process: 'ok' },
    });
  });

  it(
    'misses a migration that the metadata have lost',
    async () => {
      const ask = (sql: string) => queryDatabase(server.metadata.url, sql);
      const [[name, checksum]] = (await ask(
        'DELETE FROM schema_migrations WHERE number = 11 RETURNING name, checksum',
      )) as [[string, string]];
      const answer = await fetch(`${server.url}/readyz`);
      await ask(`INSERT INTO schema_migrations (number, name, checksum) VALUES (11, '${name}', '${checksum}')`);
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({
        status: 'not ready',
        checks: { metadata: 'ok', migrations: expect.stringContaining('0011_timing.sql') },
      });
    },
    LIMIT_MS,
  );
});
