import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../setup/databases.ts';
import {
  createTestHome,
  type MillraceProcess,
  startMillrace,
  startWorker,
  type TestHome,
  type WorkerProcess,
} from '../setup/millrace.ts';
import { createSyncScene, type SyncScene } from '../setup/sync-scene.ts';
import { untilEnded } from '../setup/syncs.ts';

const LIMIT_MS = 90_000;
const MAIN = join(import.meta.dirname, '../../src/main.ts');

describe('a process with some roles', () => {
  let metadata: TestDatabase;
  let homes: TestHome[];
  let api: MillraceProcess;
  let worker: WorkerProcess | undefined;
  let scene: SyncScene;
  const key = randomBytes(32).toString('hex');
  const environment = () => ({ DATABASE_URL: metadata.url, MILLRACE_ENCRYPTION_KEY: key });

  beforeAll(async () => {
    metadata = await createTestDatabase();
    homes = [await createTestHome(), await createTestHome()];
    api = await startMillrace(homes[0] as TestHome, { ...environment(), MILLRACE_ROLE: 'api,scheduler' });
    const tables = 'CREATE TABLE people AS SELECT i AS id FROM generate_series(1, 100) i';
    scene = await createSyncScene(api, AbortSignal.timeout(3 * LIMIT_MS), tables);
  }, LIMIT_MS);
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
    for (const process of [worker, api]) await process?.[Symbol.asyncDispose]();
    for (const home of homes ?? []) await home[Symbol.asyncDispose]();
    await metadata?.[Symbol.asyncDispose]();
  }, LIMIT_MS);

  it('gives up an execution of another workflow protocol that nobody speaks', { timeout: LIMIT_MS }, async () => {
    onTestFailed(() => console.error(homes[0]?.readLog()));
    const sync = await scene.make(['public.people']);
    const { id } = await api.client.startBulkSync(sync.id, {}, scene.signal);
    const sql = `UPDATE dbos.workflow_status SET application_version = 'of long ago' WHERE workflow_uuid = '${id}'`;
    await queryDatabase(metadata.url, sql);
    const { execution } = await untilEnded(api, sync.id, id, scene.signal);
    expect([execution.status, execution.status_message]).toEqual([
      'interrupted',
      expect.stringContaining('a version of Millrace'),
    ]);
  });

  it('leaves executions to workers, and these answer health questions only', { timeout: LIMIT_MS }, async () => {
    onTestFailed(() => console.error(homes.map((home) => home.readLog()).join('\n')));
    const sync = await scene.make(['public.people'], { destination_configuration: { schema: 'by_workers' } });
    const { id } = await api.client.startBulkSync(sync.id, {}, scene.signal);
    worker = await startWorker(homes[1] as TestHome, environment());
    const { execution, receipt } = await untilEnded(api, sync.id, id, scene.signal);
    expect([execution.status, receipt?.verdict, execution.record_count]).toEqual(['completed', 'equal', 100]);
    const pids = await queryDatabase(
      metadata.url,
      'SELECT DISTINCT w.pid FROM segments s JOIN workers w ON w.id = s.worker_id',
    );
    expect(pids).toEqual([[worker.pid]]);
    const statusOf = async (path: string) => (await fetch(`${worker?.url.replace(/\/healthz$/, '')}${path}`)).status;
    expect([await statusOf('/healthz'), await statusOf('/readyz'), await statusOf('/api/me')]).toEqual([200, 200, 404]);
  });
});

describe('a single role', () => {
  it('is refused with the embedded database', { timeout: LIMIT_MS }, async () => {
    await using home = await createTestHome();
    const { code, stderr } = await run(['serve', '--role', 'worker'], { MILLRACE_HOME: home.folder });
    expect([code, stderr]).toEqual([1, expect.stringContaining('Set DATABASE_URL')]);
  });
});

function run(args: readonly string[], environment: Readonly<Record<string, string>>) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(MILLRACE_|DATABASE_URL$)/.test(name));
  const env = { ...Object.fromEntries(inherited), ...environment };
  return new Promise<{ readonly code: unknown; readonly stderr: string }>((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env }, (error, _stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stderr }),
    );
  });
}
