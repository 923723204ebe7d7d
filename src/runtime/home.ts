import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SyncError } from '../core/index.ts';
import { isSystemError, readFileIfAny, writePrivateFile } from './private-file.ts';
import { type ProcessLock, takeProcessLock } from './process-lock.ts';

/** What the command line needs to speak to the server of this home. Kept in `cli.json`, mode 0600. */
export interface CliFile {
  /** Base URL of the server, without a slash at its end. */
  readonly url: string;
  readonly organizationId: string;
  /** API key of the first user, as shown once at first start. */
  readonly userKey: string;
  /** Deployment key made beside it, for `Authorization: Basic`. */
  readonly deploymentKey: string;
}

/**
 * Creates the home folder, readable by our user only, if it is not there. The mode of a folder that exists is its
 * owner's choice and stays.
 * @throws `HOME_UNUSABLE` when it cannot be created or written
 */
export function prepareHome(home: string): void {
  try {
    makeFolders(home);
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new SyncError(
      'HOME_UNUSABLE',
      `Could not use ${home} as the home folder: ${reasonOf(error)}. Make it writable, or name another one in MILLRACE_HOME.`,
      { cause: error },
    );
  }
}

/** Node's own recursive mkdir never returns where a file system answers ENOENT below a folder that exists (/proc). */
function makeFolders(folder: string): void {
  if (existsSync(folder)) {
    if (!statSync(folder).isDirectory()) throw new Error('there is a file of that name');
    return;
  }
  const parent = dirname(folder);
  if (parent !== folder) makeFolders(parent);
  mkdirSync(folder, { mode: 0o700 });
}

/**
 * Makes this process the only server on the home until released or dead.
 * @throws `HOME_IN_USE`, naming the process, while another server lives
 */
export function lockHome(home: string): ProcessLock {
  const { lock, holder } = takeProcessLock(join(home, 'server.lock'));
  if (lock !== undefined) return lock;
  throw new SyncError(
    'HOME_IN_USE',
    `Another server, process ${holder.pid}, runs on the home folder ${home}. Stop it, or name another one in MILLRACE_HOME.`,
    { detail: { pid: holder.pid } },
  );
}

/** Writes the keys of the first user for the command line on this machine. */
export function writeCliFile(home: string, file: CliFile): void {
  writePrivateFile(join(home, 'cli.json'), `${JSON.stringify(file, undefined, 2)}\n`);
}

/**
 * Keys and address of this home's server; undefined before its first start.
 * @throws `CONFIG_INVALID` when somebody edited the file into something else
 */
export function readCliFile(home: string): CliFile | undefined {
  const path = join(home, 'cli.json');
  const text = readFileIfAny(path);
  if (text === undefined) return undefined;
  const file = parseCliFile(text);
  if (file !== undefined) return file;
  throw new SyncError(
    'CONFIG_INVALID',
    `Could not read ${path}: it does not hold url, organizationId, userKey and deploymentKey. Set MILLRACE_URL and MILLRACE_API_KEY instead, or restore the file.`,
  );
}

function parseCliFile(text: string): CliFile | undefined {
  try {
    return toCliFile(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** What is none becomes undefined. */
export function toCliFile(value: unknown): CliFile | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  // Every field is checked below before anybody sees it.
  const { url, organizationId, userKey, deploymentKey } = value as Record<string, unknown>;
  if (typeof url !== 'string' || typeof organizationId !== 'string') return undefined;
  if (typeof userKey !== 'string' || typeof deploymentKey !== 'string') return undefined;
  return { url, organizationId, userKey, deploymentKey };
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is a file',
  ENOENT: 'the file system does not take it',
};

function reasonOf(error: unknown): string {
  if (isSystemError(error)) return REASONS[error.code] ?? error.message;
  return error instanceof Error ? error.message : String(error);
}
