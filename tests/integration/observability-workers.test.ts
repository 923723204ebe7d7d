import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../setup/databases.ts';
import { LIMIT_MS } from '../setup/hooks.ts';
import {
  createTestHome,
  type MillraceProcess,
  startMillrace,
  startWorker,
  type TestHome,
  type WorkerProcess,
} from '../setup/millrace.ts';
import { parseMetrics, sumOf } from '../setup/prometheus.ts';
import { makeSync, postgresConfiguration, untilEnded } from '../setup/syncs.ts';

// A process with the API and a worker, whose metrics need a token.

const TOKEN = randomBytes(16).toString('hex');
const RECORDS = 500;

let databases: TestDatabase[];
let homes: TestHome[];
let api: MillraceProcess;
let worker: WorkerProcess;

beforeAll(async () => {
  databases = [await createTestDatabase(), await createTestDatabase(), await createTestDatabase()];
  homes = [await createTestHome(), await createTestHome()];
  const [home, workerHome] = homes as [TestHome, TestHome];
  const environment = {
    DATABASE_URL: databases[0]?.url ?? '',
    MILLRACE_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    MILLRACE_METRICS_TOKEN: TOKEN,
  };
  api = await startMillrace(home, { ...environment, MILLRACE_ROLE: 'api,scheduler' });
  worker = await startWorker(workerHome, environment);
}, LIMIT_MS);

afterAll(async () => {
  for (const process of [worker, api]) await process?.[Symbol.asyncDispose]();
  for (const home of homes ?? []) await home[Symbol.asyncDispose]();
  for (const database of databases ?? []) await database[Symbol.asyncDispose]();
}, LIMIT_MS);

async function scrape({ url }: { readonly url: string }) {
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
  return parseMetrics(await answer.text());
}

it('lets nobody see the metrics of any process without the token', async () => {
  for (const { url } of [api, worker]) {
    expect((await fetch(`${url}/metrics`)).status).toBe(401);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  }
  // A key of the API is no token.
  const withKey = { headers: { authorization: `Bearer ${api.apiKey}` } };
  expect((await fetch(`${api.url}/metrics`, withKey)).status).toBe(401);
});

it(
  'counts work where it was done, and tells of all processes from any of them',
  async () => {
    const [, source, destination] = databases as [TestDatabase, TestDatabase, TestDatabase];
    await queryDatabase(source.ownerUrl, `CREATE TABLE people AS SELECT i AS id FROM generate_series(1, ${RECORDS}) i`);
    const signal = AbortSignal.timeout(LIMIT_MS);
    const to = ['postgresql', postgresConfiguration(destination.ownerUrl)] as const;
    const given = { name: 'people', source: source.ownerUrl, destination: to, schemas: ['public.people'] };
    const { id: syncId } = await makeSync(api, given, signal);
    const { id } = await api.client.startBulkSync(syncId, {}, signal);
    await untilEnded(api, syncId, id, signal);
    let ofWorker = await scrape(worker);
    while (sumOf(ofWorker, 'millrace_executions_ended_total', { status: 'completed' }) === 0) {
      signal.throwIfAborted();
      ofWorker = await scrape(worker);
    }
    const ofApi = await scrape(api);
    expect(sumOf(ofWorker, 'millrace_written_records_total')).toBe(RECORDS);
    expect(sumOf(ofApi, 'millrace_written_records_total')).toBe(0);
    expect(sumOf(ofApi, 'millrace_lanes', { state: 'allowed' })).toBe(0);
    expect(sumOf(ofWorker, 'millrace_lanes', { state: 'allowed' })).toBeGreaterThan(0);
    for (const seen of [ofApi, ofWorker]) expect(sumOf(seen, 'millrace_workers_alive')).toBe(2);
  },
  LIMIT_MS,
);
