import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { compileCache } from '../../bin/find-node.mjs';
import { createLogger, type EmbeddedPostgres, prepareHome, startEmbeddedPostgres } from '../../src/runtime/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The tests' PostgreSQL as superuser; `createTestDatabase` makes a database of one's own there. */
    postgresSuperuserUrl: string;
    /** The same server as the ordinary user who owns every test database. */
    postgresOwnerUrl: string;
  }
}

let server: EmbeddedPostgres | undefined;
let stopWatching: (() => void) | undefined;

/** Starts the one PostgreSQL of all test files, in a temporary folder. vitest calls it once. */
export async function setup(project: TestProject): Promise<void> {
  const compiled = compileServer();
  const home = await mkdtemp(join(tmpdir(), 'millrace-tests-'));
  prepareHome(home);
  // Durability is not what these tests are about, and without it they take half the time. Several workers of each of the
  // files that run side by side have sessions here.
  const settings = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_connections: '400' };
  server = await startEmbeddedPostgres({ home, settings, log: createLogger({ level: 'warn' }) });
  stopWatching = await watch(server.superuserUrl, home);
  project.provide('postgresSuperuserUrl', server.superuserUrl);
  project.provide('postgresOwnerUrl', server.url);
  await compiled;
}

/** vitest calls it once, after the last test. */
export async function teardown(): Promise<void> {
  await server?.stop();
  stopWatching?.();
}

/**
 * Lets the servers of the tests find their code compiled, which takes a third off their start and half off that of their
 * threads. Only a process that ends in order leaves it to others, and most servers of tests are killed.
 */
async function compileServer(): Promise<void> {
  process.env.NODE_COMPILE_CACHE ??= compileCache();
  const load = `await import(${JSON.stringify(new URL('../../src/serve.ts', import.meta.url).href)})`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', load], { stdio: 'ignore' });
  await once(child, 'exit');
}

/**
 * A shell that removes server and folders when this process is gone, however it went: its input ends then.
 * Servers are made to outlive kill -9 of their parent, and test runs get killed.
 */
async function watch(superuserUrl: string, home: string): Promise<() => void> {
  const dataFolder = await findDataFolder(superuserUrl);
  const pid = readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')[0] ?? '';
  const isElsewhere = !dataFolder.startsWith(home);
  const folders = isElsewhere ? [home, join(dataFolder, '..')] : [home];
  // Bounded: in a container without an init process a dead server stays listed for ever.
  const script =
    'cat >/dev/null; kill -QUIT "$0"; for i in 1 2 3 4 5 6 7 8 9; do kill -0 "$0" && sleep 0.3; done; rm -rf "$@"';
  const child = spawn('/bin/sh', ['-c', script, pid, ...folders], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  return () => {
    child.kill();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  };
}

async function findDataFolder(superuserUrl: string): Promise<string> {
  const client = new pg.Client(superuserUrl);
  await client.connect();
  const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
  await client.end();
  const folder = rows[0]?.data_directory;
  if (folder === undefined) throw new Error('the test server does not say where its data lie');
  return folder;
}
