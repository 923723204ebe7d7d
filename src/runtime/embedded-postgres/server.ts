import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { SyncError } from '../../core/index.ts';
import { readFileIfAny } from '../private-file.ts';
import { asAccount, type ServerAccount } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';
import type { Place } from './place.ts';
import { findPostmaster, type Postmaster, poll } from './postmaster.ts';

const START_ATTEMPTS = 3;
/** Long, because recovery after a power cut reads the write-ahead log first. */
const START_LIMIT_MS = 120_000;
const MAX_LOG_BYTES = 16 * 1024 * 1024;

/**
 * The same in every start, since some of these cannot change while slots or prepared transactions exist. TCP on
 * loopback only: a socket file would need a folder that both users may enter.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_connections: '200',
  max_prepared_transactions: '20',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** Everything about how a server is started, except its port. */
export interface ServerSpec {
  readonly place: Place;
  readonly binaries: PostgresBinaries;
  readonly account: ServerAccount;
  /** Server settings beside and above ours. */
  readonly settings: Readonly<Record<string, string>>;
}

/** True when the running server was started exactly as the spec would start it, so that it can be taken over. */
export function wasStartedAs(spec: ServerSpec): boolean {
  const options = readFileIfAny(join(spec.place.dataFolder, 'postmaster.opts'));
  const expected = [spec.binaries.postgres, ...toArguments(spec).map((argument) => `"${argument}"`)].join(' ');
  return options?.startsWith(expected) ?? false;
}

/**
 * Starts the server in a session of its own: Ctrl-C in our terminal reaches only us, and we stop it in order.
 * It outlives us if we are killed, and the next start finds it.
 * @throws `EMBEDDED_DATABASE_FAILED` with the server's own last words
 */
export async function startServer(spec: ServerSpec, onExit: () => void): Promise<Postmaster> {
  // Left behind by a server that no longer lives; PostgreSQL refuses to start when the number belongs to any process.
  rmSync(join(spec.place.dataFolder, 'postmaster.pid'), { force: true });
  for (let attempt = 1; ; attempt += 1) {
    const { postmaster, words } = await startOnce(spec, await findFreePort(), onExit);
    if (postmaster !== undefined) return postmaster;
    // Between finding a free port and listening on it somebody else may take it.
    if (attempt < START_ATTEMPTS && words.includes('could not bind')) continue;
    throw new SyncError(
      'EMBEDDED_DATABASE_FAILED',
      `The embedded PostgreSQL in ${spec.place.dataFolder} did not start: ${words}. Its log is ${spec.place.logFile}.`,
    );
  }
}

async function startOnce(
  spec: ServerSpec,
  port: number,
  onExit: () => void,
): Promise<{ postmaster?: Postmaster | undefined; words: string }> {
  rotate(spec.place.logFile);
  const log = openSync(spec.place.logFile, 'a', 0o600);
  const logStart = fstatSync(log).size;
  const child = spawn(spec.binaries.postgres, [...toArguments(spec), '-p', String(port)], {
    ...asAccount(spec.account),
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  const outcome = await waitUntilReady(child, spec.place.dataFolder);
  if (outcome instanceof Error) return { words: outcome.message };
  if (outcome === 'ended') return { words: lastWords(spec.place.logFile, logStart) };
  child.once('exit', onExit);
  return { postmaster: outcome, words: '' };
}

async function waitUntilReady(child: ChildProcess, dataFolder: string): Promise<Postmaster | Error | 'ended'> {
  let end: Error | 'ended' | undefined;
  child.once('error', (error) => {
    end = error;
  });
  child.once('exit', () => {
    end ??= 'ended';
  });
  const ready = () => {
    const postmaster = findPostmaster(dataFolder);
    return postmaster?.isReady && postmaster.process.pid === child.pid ? postmaster : undefined;
  };
  const outcome = await poll(() => end ?? ready(), START_LIMIT_MS);
  if (outcome !== undefined) return outcome;
  child.kill('SIGQUIT');
  return new Error(`it was not ready after ${START_LIMIT_MS / 1000} seconds`);
}

function toArguments({ place, settings }: ServerSpec): string[] {
  const all = Object.entries({ ...SETTINGS, ...settings });
  return ['-D', place.dataFolder, ...all.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** What the server logged since `start`, as one line, without time stamps. */
function lastWords(logFile: string, start: number): string {
  const lines = readFileSync(logFile).subarray(start).toString('utf8').trim().split('\n');
  const said = lines.filter((line) => /FATAL|ERROR|PANIC|HINT|DETAIL|error while loading/.test(line));
  const words = (said.length > 0 ? said : lines).slice(-3);
  return (
    words.map((line) => line.replace(/^.*?(FATAL|ERROR|PANIC|HINT|DETAIL):\s*/, '')).join(' ') || 'it ended silently'
  );
}

function rotate(logFile: string): void {
  if (existsSync(logFile) && statSync(logFile).size > MAX_LOG_BYTES) renameSync(logFile, `${logFile}.1`);
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
