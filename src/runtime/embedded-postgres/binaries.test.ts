import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { asAccount, canReach, findServerAccount } from './account.ts';
import { findBinaries, findPackage } from './binaries.ts';

const account = findServerAccount();
const { folder: installed, version } = findPackage();

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-binaries-'));
  chmodSync(root, 0o755);
});
afterEach(() => {
  chmodSync(join(root, 'closed'), 0o700);
  rmSync(root, { recursive: true });
});

/** The package as npm unpacks it: without its links, in a folder in which the server's account cannot use it. */
function unpackClosed(): string {
  const closed = join(root, 'closed');
  const folder = join(closed, 'native');
  cpSync(installed, folder, {
    recursive: true,
    filter: (path) => !/\/lib\/lib[^/]+\.so(\.\d+)?$/.test(path) || !isLink(path),
  });
  if (account.uid === undefined) chmodSync(join(folder, 'lib'), 0o500);
  chmodSync(closed, 0o700);
  return folder;
}

function isLink(path: string): boolean {
  return spawnSync('test', ['-L', path]).status === 0;
}

it('copies the programs to where the account can run them, and completes their libraries', () => {
  const folder = unpackClosed();
  const copyRoot = join(root, 'copies');
  const binaries = findBinaries(account, copyRoot, { folder, version });
  expect(binaries.postgres).toBe(join(copyRoot, `pg-${version}`, 'bin', 'postgres'));
  expect(binaries.majorVersion).toBe(18);
  const { stdout } = spawnSync(binaries.initdb, ['--version'], { ...asAccount(account), encoding: 'utf8' });
  expect(stdout).toMatch(/^initdb \(PostgreSQL\) 18\./);
  expect(canReach(account, join(copyRoot, `pg-${version}`, 'share'))).toBe(true);
  if (account.uid === undefined) chmodSync(join(folder, 'lib'), 0o700);
});

it('uses a copy that is there, and says what to do when it is broken', () => {
  const folder = unpackClosed();
  const copyRoot = join(root, 'copies');
  const { postgres } = findBinaries(account, copyRoot, { folder, version });
  expect(findBinaries(account, copyRoot, { folder, version }).postgres).toBe(postgres);
  rmSync(postgres);
  expect(() => findBinaries(account, copyRoot, { folder, version })).toThrow(
    expect.objectContaining({
      code: 'EMBEDDED_DATABASE_FAILED',
      message: expect.stringContaining('Remove that folder'),
    }),
  );
  expect(existsSync(postgres)).toBe(false);
  if (account.uid === undefined) chmodSync(join(folder, 'lib'), 0o700);
});
