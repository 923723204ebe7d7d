import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SyncError } from './core/index.ts';
import {
  type CliFile,
  createTemporaryHome,
  readCliFile,
  readEnvironment,
  type TemporaryHome,
} from './runtime/index.ts';

/** A first start makes a database; on a busy machine that takes a while. */
const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 20_000;
/** Of the server's own words, so many lines tell why it did not start. */
const KEPT_LINES = 3;

/** Settings that shall hold for it as for every other server; the rest of the environment is somebody else's. */
const KEPT_SETTINGS = new Set(['MILLRACE_COLUMN_PREFIX', 'MILLRACE_DENY_PRIVATE']);

/**
 * Runs `millrace serve` in a process of its own, on a free port, with a temporary home. It ends when we do, however
 * that happens; after kill -9 of us the home stays in the folder for temporary files.
 */
export async function startPrivateServer(
  { filesFolder }: { readonly filesFolder: string | null },
  signal: AbortSignal,
): Promise<{ readonly url: string; readonly apiKey: string } & AsyncDisposable> {
  signal.throwIfAborted();
  const home = createTemporaryHome();
  const child = spawnServer(home);
  const exited = once(child, 'exit');
  const dispose = async () => {
    await stop(child, exited);
    home.remove();
  };
  try {
    const url = await readUrl(child, exited, signal);
    const file = readCliFile(home.path);
    if (file === undefined) throw notStarted('wrote no keys', []);
    if (filesFolder !== null) openFolder(home, file, filesFolder);
    return { url, apiKey: file.userKey, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function spawnServer(home: TemporaryHome): ChildProcess {
  const inherited = Object.entries(readEnvironment()).filter(
    ([name]) => KEPT_SETTINGS.has(name) || !/^(MILLRACE_|PG|DATABASE_URL$)/.test(name),
  );
  const main = new URL(`./main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
  return spawn(process.execPath, [fileURLToPath(main), 'serve'], {
    env: { ...Object.fromEntries(inherited), MILLRACE_HOME: home.path, MILLRACE_PORT: '0' },
    // The channel tells it when we are gone. A session of its own keeps the terminal's Ctrl-C from it.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
}

/**
 * The server takes paths below its folder for the organization only; this one is made for one command of one user, whose
 * files lie elsewhere.
 */
function openFolder(home: TemporaryHome, { organizationId }: CliFile, filesFolder: string): void {
  const files = join(home.path, 'files');
  mkdirSync(files, { recursive: true });
  symlinkSync(filesFolder, join(files, organizationId));
}

/** The server says where it answers when it does. */
async function readUrl(child: ChildProcess, exited: Promise<unknown>, signal: AbortSignal): Promise<string> {
  if (child.stdout === null || child.stderr === null) throw notStarted('has no output', []);
  const answers = Promise.withResolvers<string>();
  createInterface(child.stdout).on('line', (line) => {
    const url = /answers at (\S+)/.exec(line)?.[1];
    if (url !== undefined) answers.resolve(url);
  });
  const said: string[] = [];
  createInterface(child.stderr).on('line', (line) => {
    const isForPeople = !/^(\{|\s*at )/.test(line);
    if (isForPeople && said.length < KEPT_LINES) said.push(line);
  });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(START_LIMIT_MS)]);
  const late = once(limit, 'abort').then(() => 'did not answer in time');
  const failure = Promise.race([exited.then(() => 'ended'), late]).then((what): never => {
    signal.throwIfAborted();
    throw notStarted(what, said);
  });
  // Of the two, the one that comes second has nobody waiting for it.
  failure.catch(() => {});
  return Promise.race([answers.promise, failure]);
}

function notStarted(what: string, said: readonly string[]): SyncError {
  return new SyncError(
    'PRIVATE_SERVER_FAILED',
    `Starting a server for the copy failed: it ${what}${said.length === 0 ? '' : ` and said: ${said.join(' ')}`}. Mend that, or name a running server with --url.`,
  );
}

async function stop(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const limit = new AbortController();
  const late = delay(STOP_LIMIT_MS, 'late', { signal: limit.signal }).catch(() => 'done');
  if ((await Promise.race([exited, late])) === 'late') child.kill('SIGKILL');
  limit.abort();
  await exited;
}
