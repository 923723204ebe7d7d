import { readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createFilesRoot } from '../../../tests/setup/duckdb/duckdb-loads.ts';
import { openReader } from './memory.ts';

const signal = new AbortController().signal;

it('reads files under the root and can open nothing else, whatever it is told', async () => {
  await using files = await createFilesRoot();
  await using outside = await createFilesRoot();
  await writeFile(join(files.root, 'a.csv'), 'a\n1\n');
  await writeFile(join(outside.root, 'b.csv'), 'b\n2\n');
  await symlink(join(outside.root, 'b.csv'), join(files.root, 'link.csv'));
  await using reader = await openReader(files.root, 'files');
  const rows = (sql: string) => reader.exclusive('Testing', (session) => session.rows(sql), signal);
  expect(await rows(`FROM '${join(files.root, 'a.csv')}'`)).toEqual([{ a: '1' }]);
  for (const statement of [
    `FROM '${join(outside.root, 'b.csv')}'`,
    `FROM '${join(files.root, 'link.csv')}'`,
    `FROM '${join(files.root, '..')}/*/b.csv'`,
    `FROM 'http://127.0.0.1:9/b.csv'`,
    `COPY (SELECT 1) TO '${join(outside.root, 'c.csv')}'`,
    `ATTACH '${join(outside.root, 'd.duckdb')}'`,
    `SET allowed_directories = ['/']`,
    'SET enable_external_access = true',
    'INSTALL httpfs',
    'LOAD httpfs',
  ])
    await expect(rows(statement), statement).rejects.toThrow('failed');
  expect(await readdir(outside.root)).toEqual(['b.csv']);
});
