import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, onTestFailed, onTestFinished } from 'vitest';
import { createTestDatabase, queryDatabase, type TestDatabase } from '../setup/databases.ts';
import { FaultProxy } from '../setup/fault-proxy.ts';
import { LIMIT_MS, useServer } from '../setup/hooks.ts';
import { createTestHome, startWorker, type TestHome, type WorkerProcess, waitFor } from '../setup/millrace.ts';
import { createOtherBuild, type OtherBuild } from '../setup/other-build.ts';
import { makeSync, postgresConfiguration, untilEnded } from '../setup/syncs.ts';

// Processes of this build, and of others beside them on the same metadata: what many-machines.md promises of an upgrade.

const key = randomBytes(32).toString('hex');
const server = useServer(() => ({ MILLRACE_ROLE: 'api,scheduler', MILLRACE_ENCRYPTION_KEY: key }));
const TABLES = ['ash', 'beech', 'cedar', 'elm', 'fir', 'oak'];
const OWN = '0.1.0';
const LATER = '99.0.0';
const SLOW = { bytesPerSecond: 20_000 };

let source: TestDatabase;
let destination: TestDatabase;
/** The way of all workers to the source. */
let road: FaultProxy;
let later: OtherBuild;
let syncId: string;

beforeAll(async () => {
  [source, destination] = [await createTestDatabase(), await createTestDatabase()];
  const make = (name: string) => `CREATE TABLE ${name} (id int PRIMARY KEY, note text);
    INSERT INTO ${name} SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 3000) i;`;
  await queryDatabase(source.ownerUrl, TABLES.map(make).join('\n'));
  road = await FaultProxy.open(source.ownerUrl);
  later = createOtherBuild({
    version: LATER,
    migration: 'ALTER TABLE segments ADD COLUMN later text; ALTER TABLE workers ADD COLUMN later text;',
  });
  const sync = await makeSync(
    server,
    {
      name: 'upgraded',
      source: road.through(source.ownerUrl),
      destination: ['postgresql', postgresConfiguration(destination.ownerUrl)],
      schemas: TABLES.map((name) => `public.${name}`),
      options: { concurrency_limit: 4 },
    },
    AbortSignal.timeout(LIMIT_MS),
  );
  syncId = sync.id;
}, LIMIT_MS);

afterAll(async () => {
  later?.[Symbol.dispose]();
  await road?.[Symbol.asyncDispose]();
  for (const database of [source, destination]) await database?.[Symbol.asyncDispose]();
}, LIMIT_MS);

const environment = () => ({ DATABASE_URL: server.metadata.url, MILLRACE_ENCRYPTION_KEY: key });

async function createHome(): Promise<TestHome> {
  const home = await createTestHome();
  onTestFinished(() => home[Symbol.asyncDispose]());
  onTestFailed(() => console.error(home.readLog().split('\n').slice(-30).join('\n')));
  return home;
}

async function start(root?: string): Promise<WorkerProcess> {
  const worker = await startWorker(await createHome(), environment(), root);
  onTestFinished(() => worker[Symbol.asyncDispose]());
  return worker;
}

/** Builds whose workers have claimed steps of an execution. */
async function listBuilds(executionId: string, state: 'owned' | 'done'): Promise<readonly unknown[]> {
  const rows = await queryDatabase(
    server.metadata.url,
    `SELECT DISTINCT w.build FROM segments s JOIN workers w ON w.id = s.worker_id
     WHERE s.execution_id = $1 AND s.state = $2 AND s.kind = 'read' ORDER BY 1`,
    [executionId, state],
  );
  return rows.flat();
}

async function untilWorkedOnBy(builds: readonly string[], executionId: string, signal: AbortSignal): Promise<void> {
  const isSo = async () => ((await listBuilds(executionId, 'owned')).join() === builds.join() ? true : null);
  await waitFor(isSo, signal);
}

/** It ended well, and the destination holds what the source does. */
async function expectEqual(executionId: string, signal: AbortSignal): Promise<void> {
  const { execution, receipt } = await untilEnded(server, syncId, executionId, signal);
  expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
  for (const name of TABLES) {
    const read = (schema: string) =>
      `SELECT count(*)::int, md5(string_agg(md5(r::text), '' ORDER BY id)) FROM (SELECT id, note FROM ${schema}.${name}) r`;
    expect(await queryDatabase(destination.ownerUrl, read('landing'))).toEqual(
      await queryDatabase(source.ownerUrl, read('public')),
    );
  }
}

async function countLiving(): Promise<number> {
  const rows = await queryDatabase(server.metadata.url, 'SELECT FROM workers WHERE dead_at IS NULL AND lanes > 0');
  return rows.length;
}

it('a worker of another workflow protocol leaves executions to those who speak theirs', {
  timeout: LIMIT_MS,
}, async () => {
  const signal = AbortSignal.timeout(LIMIT_MS);
  using other = createOtherBuild({ version: '98.0.0', protocol: '3' });
  await start(other.root);
  const own = await start();
  expect(await countLiving()).toBe(2);
  const { id } = await server.client.startBulkSync(syncId, {}, signal);
  await expectEqual(id, signal);
  expect(await listBuilds(id, 'done')).toEqual([OWN]);
  // With no worker left who speaks its protocol, an execution waits for one, since the process with the API still does.
  own.interrupt();
  await own.exited;
  const { id: waiting } = await server.client.startBulkSync(syncId, {}, signal);
  await letSweep('98.0.0', signal);
  const { status } = await server.client.getExecution(syncId, waiting, signal);
  expect([status, await listBuilds(waiting, 'owned')]).toEqual(['created', []]);
  await start();
  await expectEqual(waiting, signal);
  expect(await listBuilds(waiting, 'done')).toEqual([OWN]);
});

it('a newer build migrates beside an older one, shares its executions, and takes over its work', {
  timeout: 2 * LIMIT_MS,
}, async () => {
  const signal = AbortSignal.timeout(2 * LIMIT_MS);
  const older = await start();
  road.slow(SLOW);
  const { id: before } = await server.client.startBulkSync(syncId, {}, signal);
  await untilWorkedOnBy([OWN], before, signal);
  // It migrates while the older one is in the middle of an execution.
  await start(later.root);
  expect(await queryDatabase(server.metadata.url, 'SELECT number FROM schema_migrations WHERE number = 9000')).toEqual([
    [9000],
  ]);
  expect(await listBuilds(before, 'owned')).toEqual([OWN]);
  road.slow({});
  await expectEqual(before, signal);

  road.slow(SLOW);
  const { id } = await server.client.startBulkSync(syncId, {}, signal);
  await untilWorkedOnBy([OWN, LATER], id, signal);
  expect(await examine()).toContainEqual(expect.stringMatching(/^workers: .* is Millrace 0\.1\.0, this is 99\.0\.0/));
  older.interrupt();
  expect(await older.exited).toEqual({ code: 0, signal: null });
  road.slow({});
  await expectEqual(id, signal);
  expect(await listBuilds(id, 'done')).toContain(LATER);

  const home = await createHome();
  await expect(startWorker(home, environment())).rejects.toThrow(/migration 9000, which this Millrace does not know/);
});

/** Makes the worker of a build the one that looks for lost executions, and waits until it has. */
async function letSweep(build: string, signal: AbortSignal): Promise<void> {
  const isBuild = `worker_id = (SELECT id FROM workers WHERE build = '${build}' AND dead_at IS NULL)`;
  const give = `UPDATE worker_locks SET ${isBuild} WHERE name = 'sweep'`;
  await queryDatabase(server.metadata.url, give);
  // Taken anew for each look: behind the second time the first look is over.
  const times = new Set<string>();
  await waitFor(async () => {
    const sql = `SELECT expires_at::text FROM worker_locks WHERE name = 'sweep' AND ${isBuild}`;
    for (const [time] of await queryDatabase(server.metadata.url, sql)) times.add(String(time));
    return times.size > 2 ? true : null;
  }, signal);
}

/** What the doctor of the newer build says. */
async function examine(): Promise<readonly string[]> {
  const home = await createHome();
  const inherited = Object.entries(process.env).filter(([name]) => !/^(MILLRACE_|DATABASE_URL$)/.test(name));
  const env = { ...Object.fromEntries(inherited), ...environment(), MILLRACE_HOME: home.folder };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(later.root, 'src/main.ts'), 'doctor', '--json'],
    {
      env,
    },
  );
  const { findings } = JSON.parse(stdout);
  return findings.map(({ check, message }: { check: string; message: string }) => `${check}: ${message}`);
}
