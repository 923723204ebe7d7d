import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFilesRoot, queryFile } from '../../../tests/setup/duckdb/duckdb-loads.ts';
import { tryInProcess } from '../../../tests/setup/duckdb/duckdb-process.ts';
import { type FileLease, leaseFile } from './client.ts';
import type { Session } from './session.ts';
import { WORK_FOLDER } from './work-folder.ts';

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

describe('work beside what runs alone', () => {
  const add = (lease: FileLease, id: number): Promise<number> =>
    lease.beside(
      'Testing',
      (session) => session.transaction(() => session.run(`INSERT INTO t VALUES (${id})`)),
      signal,
    );
  const list = (session: Session) => session.rows('FROM t ORDER BY a');

  it('does not wait for it, and is seen by what begins later', async () => {
    await using lease = await leaseFile(path);
    await lease.exclusive('Testing', (session) => session.run('CREATE TABLE t (a INTEGER)'), signal);
    const seen = await lease.exclusive(
      'Testing',
      async (session) => [await add(lease, 1), await list(session), await add(lease, 2)],
      signal,
    );
    expect(seen).toEqual([1, [{ a: 1 }], 1]);
    expect(await lease.exclusive('Testing', list, signal)).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('is done alone where it failed beside', async () => {
    await using lease = await leaseFile(path);
    await lease.exclusive('Testing', (session) => session.run('CREATE TABLE t AS SELECT 1 AS a'), signal);
    const raise = (session: Session) => session.transaction(() => session.run('UPDATE t SET a = a + 10'));
    let raised: Promise<number> | undefined;
    await lease.exclusive(
      'Testing',
      (session) =>
        session.transaction(async () => {
          await session.run('UPDATE t SET a = a + 1');
          raised = lease.beside('Testing', raise, signal);
        }),
      signal,
    );
    expect(await raised).toBe(1);
    expect(await lease.exclusive('Testing', list, signal)).toEqual([{ a: 12 }]);
  });

  it('does not begin where it was cancelled, and fails behind the end of its lease', async () => {
    await using keeper = await leaseFile(path);
    const lease = await leaseFile(path);
    await keeper.exclusive('Testing', (session) => session.run('CREATE TABLE t (a INTEGER)'), signal);
    const canceled = lease.beside('Testing', list, AbortSignal.abort());
    await expect(canceled).rejects.toThrow(/abort|cancel/i);
    await lease[Symbol.asyncDispose]();
    await expect(add(lease, 1)).rejects.toThrow(expect.objectContaining({ code: 'CONN_LOST' }));
    expect(await keeper.exclusive('Testing', list, signal)).toEqual([]);
  });
});

it('lends half of the cores while more than one segment is collected, and all of them else', async () => {
  await using lease = await leaseFile(path);
  const threads = async () => {
    const rows = await lease.exclusive('Testing', (s) => s.rows("SELECT current_setting('threads') AS n"), signal);
    return Number(rows[0]?.n);
  };
  const all = availableParallelism();
  const first = lease.collect();
  expect(await threads()).toBe(all);
  const second = lease.collect();
  expect(await threads()).toBe(Math.max(1, Math.floor(all / 2)));
  for (const each of [first, second]) each[Symbol.dispose]();
  expect(await threads()).toBe(all);
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

describe('a file that is read', () => {
  beforeEach(async () => {
    await using lease = await leaseFile(path);
    await lease.exclusive('Testing', (session) => session.run('CREATE TABLE t AS SELECT 1 AS a'), signal);
  });

  it('is shared by readers, here and in other processes, and written by nobody', async () => {
    await using first = await leaseFile(path, 'read', files.root);
    await using second = await leaseFile(path, 'read', files.root);
    for (const lease of [first, second])
      expect(await lease.exclusive('Testing', (session) => session.rows('FROM t'), signal)).toEqual([{ a: 1 }]);
    await expect(first.exclusive('Testing', (session) => session.run('DROP TABLE t'), signal)).rejects.toThrow(
      'failed',
    );
    await expect(leaseFile(path)).rejects.toThrow(expect.objectContaining({ code: 'FILE_LOCKED' }));
    expect(await tryInProcess(path, 'FROM t', 'READ_ONLY')).toBeNull();
    expect(await tryInProcess(path, 'DROP TABLE t')).toContain('lock');
  });

  it('leaves nothing beside it, and nothing under the files root', async () => {
    await using lease = await leaseFile(path, 'read', files.root);
    expect(existsSync(`${path}.millrace`)).toBe(false);
    expect(dirname(dirname(lease.folder))).toBe(files.root);
    const left = join(files.root, WORK_FOLDER, '4194303-left');
    await mkdir(left);
    await lease[Symbol.asyncDispose]();
    await using next = await leaseFile(path, 'read', files.root);
    expect(await readdir(join(files.root, WORK_FOLDER))).toEqual([basename(next.folder)]);
  });

  it('is refused while it is written, until the writer is done', async () => {
    const writer = await leaseFile(path);
    await expect(leaseFile(path, 'read', files.root)).rejects.toThrow(expect.objectContaining({ code: 'FILE_LOCKED' }));
    await writer[Symbol.asyncDispose]();
    await using reader = await leaseFile(path, 'read', files.root);
    expect(await reader.exclusive('Testing', (session) => session.rows('FROM t'), signal)).toEqual([{ a: 1 }]);
  });

  it('can be looked at whatever others do with it', async () => {
    await using look = await leaseFile(path, 'look', files.root);
    const count = () =>
      look.exclusive('Testing', (session) => session.rows('SELECT count(*)::INTEGER AS n FROM t'), signal);
    expect(await count()).toEqual([{ n: 1 }]);
    const writer = await leaseFile(path);
    await writer.exclusive('Testing', (session) => session.run('INSERT INTO t VALUES (2)'), signal);
    expect(await count()).toEqual([{ n: 2 }]);
    await writer[Symbol.asyncDispose]();
    await using _reader = await leaseFile(path, 'read', files.root);
    expect(await count()).toEqual([{ n: 2 }]);
  });

  it('must be there', async () => {
    await expect(leaseFile(`${path}.none`, 'read', files.root)).rejects.toThrow(
      expect.objectContaining({ code: 'CONN_DATABASE_MISSING' }),
    );
    expect(existsSync(`${path}.none`)).toBe(false);
  });
});
