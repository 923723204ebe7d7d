import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFilesRoot, queryFile } from '../../../tests/setup/duckdb-loads.ts';
import { leaseFile } from './client.ts';

const signal = new AbortController().signal;
let files: Awaited<ReturnType<typeof createFilesRoot>>;
let path: string;

beforeEach(async () => {
  files = await createFilesRoot();
  path = join(files.root, 'a.duckdb');
});

afterEach(() => files[Symbol.asyncDispose]());

it('is one file for all holders of a thread, and closed behind the last', async () => {
  const [first, second] = await Promise.all([leaseFile(path), leaseFile(path)]);
  await first.exclusive('Testing', (session) => session.run('CREATE TABLE t AS SELECT 1 AS a'), signal);
  await first[Symbol.asyncDispose]();
  expect(await second.exclusive('Testing', (session) => session.rows('FROM t'), signal)).toEqual([{ a: 1 }]);
  await second[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  expect(existsSync(`${path}.wal`)).toBe(false);
  expect(await queryFile(path, 'FROM t')).toEqual([[1]]);
  await using third = await leaseFile(path);
  expect(await third.exclusive('Testing', (session) => session.rows('FROM t'), signal)).toEqual([{ a: 1 }]);
});

it('runs work in turn, and nothing of a failed transaction stays', async () => {
  await using lease = await leaseFile(path);
  await lease.exclusive('Testing', (session) => session.run('CREATE TABLE t (a INTEGER)'), signal);
  const failing = lease.exclusive(
    'Testing',
    (session) =>
      session.transaction(async () => {
        await session.run('INSERT INTO t VALUES (1)');
        throw new Error('no');
      }),
    signal,
  );
  const counting = lease.exclusive(
    'Testing',
    (session) => session.rows('SELECT count(*)::INTEGER AS n FROM t'),
    signal,
  );
  await expect(failing).rejects.toThrow('no');
  expect(await counting).toEqual([{ n: 0 }]);
});

it('refuses a file that another thread of the process holds, until it is closed', async () => {
  const url = new URL('./client.ts', import.meta.url).href;
  const code = `import(${JSON.stringify(url)}).then(async ({ leaseFile }) => {
    const { parentPort } = await import('node:worker_threads');
    const lease = await leaseFile(${JSON.stringify(path)});
    parentPort.postMessage('open');
    parentPort.once('message', async () => { await lease[Symbol.asyncDispose](); parentPort.postMessage('closed'); });
  });`;
  const worker = new Worker(code, { eval: true });
  await once(worker, 'message');
  await expect(leaseFile(path)).rejects.toThrow(expect.objectContaining({ code: 'FILE_LOCKED' }));
  worker.postMessage('close');
  await once(worker, 'message');
  await using lease = await leaseFile(path);
  expect(await lease.exclusive('Testing', (session) => session.rows('SELECT 1 AS a'), signal)).toEqual([{ a: 1 }]);
  await worker.terminate();
});

it('names the process that holds the file', async () => {
  const url = new URL('./client.ts', import.meta.url).href;
  const script = join(files.root, 'hold.mjs');
  await writeFile(
    script,
    `const { leaseFile } = await import(${JSON.stringify(url)}); await leaseFile(process.argv[2]); process.send('open'); process.on('message', () => {});`,
  );
  const child = fork(script, [path], { execArgv: [] });
  await once(child, 'message');
  await expect(leaseFile(path)).rejects.toThrow(
    expect.objectContaining({ code: 'FILE_LOCKED', message: expect.stringContaining(`process ${child.pid} `) }),
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  await using lease = await leaseFile(path);
  expect(await lease.exclusive('Testing', (session) => session.rows('SELECT 1 AS a'), signal)).toEqual([{ a: 1 }]);
});

it('clears away what a killed process left beside the file', async () => {
  await mkdir(`${path}.millrace`);
  await writeFile(join(`${path}.millrace`, 'left.csv'), 'left');
  await using _lease = await leaseFile(path);
  expect(existsSync(join(`${path}.millrace`, 'left.csv'))).toBe(false);
});

// Found by experience: a checkpoint that cannot have its memory invalidates the open database, after the commit.
it('opens a database anew with more memory after DuckDB gave it up, and leaves segment files alone', async () => {
  await using lease = await leaseFile(path);
  await lease.exclusive('Testing', (session) => session.run('CREATE TABLE t AS SELECT 1 AS a'), signal);
  await writeFile(join(lease.folder, 'open-segment.csv'), 'records');
  const useTooMuch = () =>
    lease.exclusive(
      'Testing',
      async (session) => {
        await session.run("SET memory_limit = '60MB'");
        await session.run("CREATE OR REPLACE TABLE big AS SELECT repeat('x', 30000000 + i) AS b FROM range(8) AS r(i)");
        await session.run('FORCE CHECKPOINT');
      },
      signal,
    );
  const limit = () =>
    lease.exclusive('Testing', (session) => session.rows("SELECT current_setting('memory_limit')"), signal);
  const usual = await limit();
  await expect(useTooMuch()).rejects.toThrow(expect.objectContaining({ code: 'CONN_LOST' }));
  expect(await lease.exclusive('Testing', (session) => session.rows('FROM t'), signal)).toEqual([{ a: 1 }]);
  expect(await limit()).not.toEqual(usual);
  expect(existsSync(join(lease.folder, 'open-segment.csv'))).toBe(true);
});

it('interrupts a statement when the work is cancelled', async () => {
  await using lease = await leaseFile(path);
  const abort = new AbortController();
  const endless = lease.exclusive(
    'Testing',
    (session) => session.rows('SELECT sum(i) FROM range(1000000000000) AS r(i)'),
    abort.signal,
  );
  abort.abort();
  await expect(endless).rejects.toThrow(/abort|cancel/i);
  expect(await lease.exclusive('Testing', (session) => session.rows('SELECT 1 AS a'), signal)).toEqual([{ a: 1 }]);
});
