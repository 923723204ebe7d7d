import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { readCliFile } from '../../src/runtime/index.ts';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../setup/databases.ts';
import {
  createTestHome,
  type MillraceProcess,
  startMillrace,
  startWorker,
  type TestHome,
  type WorkerProcess,
} from '../setup/millrace.ts';
import { makeSync, untilEnded } from '../setup/syncs.ts';

// Two workers that see one folder for files, and one that does not.

const LIMIT_MS = 120_000;
const SYNCS = 3;

let metadata: TestDatabase;
let source: TestDatabase;
let folder: string;
let homes: TestHome[];
let api: MillraceProcess;
let workers: WorkerProcess[];

beforeAll(async () => {
  [metadata, source] = [await createTestDatabase(), await createTestDatabase()];
  folder = mkdtempSync(join(tmpdir(), 'millrace-shared-'));
  homes = await Promise.all(Array.from({ length: 4 }, () => createTestHome()));
  const environment = { DATABASE_URL: metadata.url, MILLRACE_ENCRYPTION_KEY: randomBytes(32).toString('hex') };
  const shared = { ...environment, MILLRACE_FILES: folder };
  const [home, ...others] = homes as [TestHome, TestHome, TestHome, TestHome];
  api = await startMillrace(home, { ...shared, MILLRACE_ROLE: 'api,scheduler' });
  mkdirSync(join(folder, readCliFile(home.folder)?.organizationId ?? ''), { mode: 0o700 });
  // As Compose starts them: at once, into a folder that has no mark yet.
  workers = await Promise.all([startWorker(others[0], shared), startWorker(others[1], shared)]);
  workers.push(await startWorker(others[2], environment));
  for (let number = 1; number <= SYNCS; number += 1) {
    await queryDatabase(
      source.ownerUrl,
      `CREATE TABLE part${number} AS SELECT i AS id, repeat('x', 50) AS note FROM generate_series(1, 20000) i;
       ALTER TABLE part${number} ADD PRIMARY KEY (id)`,
    );
  }
}, LIMIT_MS);

afterAll(async () => {
  for (const process of [...(workers ?? []), api]) await process?.[Symbol.asyncDispose]();
  for (const home of homes ?? []) await home[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
  await source?.[Symbol.asyncDispose]();
  await metadata?.[Symbol.asyncDispose]();
}, LIMIT_MS);

it(
  'keeps a file to one process at a time, and from those that do not see it',
  async () => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    onTestFailed(() => {
      for (const home of homes) console.error(home.readLog().split('\n').slice(-30).join('\n'));
    });
    const syncs: string[] = [];
    for (let number = 1; number <= SYNCS; number += 1) {
      const schemas = [`public.part${number}`];
      const to = ['duckdb', { path: 'together.duckdb' }] as const;
      const body = { name: `into the file ${number}`, source: source.ownerUrl, destination: to, schemas };
      syncs.push((await makeSync(api, body, signal)).id);
    }
    const started = await Promise.all(syncs.map((sync) => api.client.startBulkSync(sync, {}, signal)));
    for (const [index, { id }] of started.entries()) {
      const { execution, receipt } = await untilEnded(api, syncs[index] ?? '', id, signal);
      expect([execution.status, execution.record_count, receipt?.verdict]).toEqual(['completed', 20_000, 'equal']);
    }
    expect(await listProcessesBySync()).toEqual(Array.from({ length: SYNCS }, () => 1));
    expect(await listTakers()).not.toContain(workers[2]?.pid);
    const areOutside = homes.slice(1).map((home) => home.readLog().includes('not the one of this installation'));
    expect(areOutside).toEqual([false, false, true]);
  },
  LIMIT_MS,
);

/** How many processes worked on each execution. */
async function listProcessesBySync(): Promise<unknown[]> {
  const rows = await queryDatabase(
    metadata.url,
    'SELECT count(DISTINCT worker_id)::int FROM segments GROUP BY execution_id',
  );
  return rows.flat();
}

async function listTakers(): Promise<unknown[]> {
  const rows = await queryDatabase(
    metadata.url,
    'SELECT DISTINCT w.pid FROM segments s JOIN workers w ON w.id = s.worker_id',
  );
  return rows.flat();
}
