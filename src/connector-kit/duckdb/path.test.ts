import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFilesRoot } from '../../../tests/setup/duckdb/duckdb-loads.ts';
import { resolveFilePath } from './path.ts';

let outside: Awaited<ReturnType<typeof createFilesRoot>>;
let files: Awaited<ReturnType<typeof createFilesRoot>>;

beforeEach(async () => {
  files = await createFilesRoot();
  outside = await createFilesRoot();
});

afterEach(async () => {
  await files[Symbol.asyncDispose]();
  await outside[Symbol.asyncDispose]();
});

const refusal = expect.objectContaining({ code: 'CONN_PATH_REFUSED', detail: { field: 'path' } });

describe('a path inside the root', () => {
  it.each(['a.duckdb', 'new/folder/a.duckdb', './x/../a.duckdb', '..a.duckdb'])('takes %s, existing or not', (path) => {
    expect(resolveFilePath(path, files.root)).toBe(join(files.root, path));
  });

  it('may be absolute', () => {
    expect(resolveFilePath(join(files.root, 'a.duckdb'), files.root)).toBe(join(files.root, 'a.duckdb'));
  });

  it('may lead over links that stay inside, and is one path then', async () => {
    await mkdir(join(files.root, 'real'));
    await symlink(join(files.root, 'real'), join(files.root, 'link'));
    expect(resolveFilePath('link/a.duckdb', files.root)).toBe(join(files.root, 'real/a.duckdb'));
  });

  it('may lie in a root that is itself a link or does not exist yet', async () => {
    await symlink(files.root, join(outside.root, 'root'));
    expect(resolveFilePath('a.duckdb', join(outside.root, 'root'))).toBe(join(files.root, 'a.duckdb'));
    expect(resolveFilePath('a.duckdb', join(outside.root, 'none/yet'))).toBe(join(outside.root, 'none/yet/a.duckdb'));
  });
});

describe('a path outside the root', () => {
  it.each(['../a.duckdb', 'x/../../a.duckdb', '/etc/a.duckdb', '.', 'x/..', '', 'a\0b', 'a?.duckdb'])(
    'refuses %j',
    (path) => {
      expect(() => resolveFilePath(path, files.root)).toThrow(refusal);
    },
  );

  it('is refused when a link leads there, file or folder', async () => {
    await writeFile(join(outside.root, 'a.duckdb'), '');
    await symlink(outside.root, join(files.root, 'folder'));
    await symlink(join(outside.root, 'a.duckdb'), join(files.root, 'file.duckdb'));
    await symlink(join(outside.root, 'missing.duckdb'), join(files.root, 'dangling.duckdb'));
    for (const path of ['folder/a.duckdb', 'folder/new.duckdb', 'file.duckdb', 'dangling.duckdb']) {
      expect(() => resolveFilePath(path, files.root)).toThrow(refusal);
    }
  });

  it('is refused when it is no folder on the way, or a circle', async () => {
    await writeFile(join(files.root, 'plain'), '');
    await symlink('circle', join(files.root, 'circle'));
    expect(() => resolveFilePath('plain/a.duckdb', files.root)).toThrow(refusal);
    expect(() => resolveFilePath('circle', files.root)).toThrow(refusal);
  });
});
