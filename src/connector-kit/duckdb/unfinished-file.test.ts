import { existsSync } from 'node:fs';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFilesRoot, queryFile } from '../../../tests/setup/duckdb/duckdb-loads.ts';
import { mountTightDisk } from '../../../tests/setup/tight-disk.ts';
import { leaseFile } from './client.ts';

const signal = new AbortController().signal;
let files: Awaited<ReturnType<typeof createFilesRoot>>;
let path: string;

beforeEach(async () => {
  files = await createFilesRoot();
  path = join(files.root, 'a.duckdb');
});

afterEach(() => files[Symbol.asyncDispose]());

async function write(): Promise<void> {
  await using lease = await leaseFile(path);
  await lease.exclusive('Testing', (session) => session.run('CREATE TABLE t AS SELECT 1 AS a'), signal);
}

describe('a file that DuckDB did not finish to make', () => {
  it.each([0, 4_096, 8_192])('is made anew, cut off behind %i bytes', async (size) => {
    await (await leaseFile(path))[Symbol.asyncDispose]();
    await truncate(path, size);
    await write();
    expect(await queryFile(path, 'FROM t')).toEqual([[1]]);
  });

  it('stays where it may be more than that', async () => {
    await writeFile(path, 'no DUCKdb, but a list of mine');
    await expect(write()).rejects.toMatchObject({ code: 'FILE_INVALID' });
    expect(await readFile(path, 'utf8')).toBe('no DUCKdb, but a list of mine');
    await writeFile(path, '');
    await writeFile(`${path}.wal`, 'a log');
    await expect(write()).rejects.toThrow();
    expect(await readFile(path, 'utf8')).toBe('');
  });

  it('is not left on a full disk', async (test) => {
    const folder = join(files.root, 'tight');
    await mkdir(folder);
    using disk = mountTightDisk(1024 * 1024, folder);
    if (disk === null) return test.skip('needs the right to mount a tmpfs');
    path = join(folder, 'a.duckdb');
    for (const free of [0, 4_096, 8_192]) {
      disk.fill(free);
      await expect(write()).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(existsSync(path)).toBe(false);
      disk.free();
    }
    await write();
    expect(await queryFile(path, 'FROM t')).toEqual([[1]]);
  });
});
