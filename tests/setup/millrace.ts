import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, createClient } from '../../src/contract/index.ts';
import { readCliFile } from '../../src/runtime/index.ts';

const ROOT = join(import.meta.dirname, '../..');
const START_LIMIT_MS = 60_000;

/** A home folder of its own, with whatever servers ran on it. Disposing ends them and removes all of it. */
export interface TestHome extends AsyncDisposable {
  readonly folder: string;
  /** Everything that servers on this home have logged, for messages of failed tests. */
  readLog(): string;
  /** Ends the embedded PostgreSQL as kill -9 does. False when none runs. */
  killPostgres(): boolean;
  /** kill -9 of one process that serves a session of it; it ends all others and recovers. False when none runs. */
  crashPostgres(): boolean;
}

/** Makes an empty home in a temporary folder. */
export async function createTestHome(): Promise<TestHome> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-home-'));
  return {
    folder,
    readLog: () => (existsSync(logFileOf(folder)) ? readFileSync(logFileOf(folder), 'utf8') : ''),
    killPostgres: () => killPostmasters(folder).length > 0,
    crashPostgres: () => listPostmasters(folder).flatMap(listBackends).slice(0, 1).some(kill),
    async [Symbol.asyncDispose]() {
      const pids = killPostmasters(folder);
      await Promise.all(pids.map(untilGone));
      for (const dataFolder of listDataFolders(folder)) {
        if (!dataFolder.startsWith(folder)) remove(join(dataFolder, '..'));
      }
      remove(folder);
    },
  };
}

/** Sessions of a postmaster that was killed outlive it for a moment, in which they may add a file. */
function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** A whole server in a process of its own, asked through HTTP. Disposing kills it. */
export interface MillraceProcess extends AsyncDisposable {
  readonly url: string;
  readonly apiKey: string;
  readonly client: Client;
  readonly pid: number;
  /** From the start of the process to its first answer. */
  readonly startedInMs: number;
  /** Resolves with exit code and signal when the process has ended, however it did. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** kill -9, and nothing is told to anybody. */
  kill(): Promise<void>;
  /** Asks it to end, as Ctrl-C does. */
  interrupt(): void;
}

/** Starts `millrace serve` on the home, on a free port; with an embedded database unless `DATABASE_URL` is given. */
export async function startMillrace(
  home: TestHome,
  environment: Readonly<Record<string, string>> = {},
): Promise<MillraceProcess> {
  const begun = performance.now();
  const { child, exited } = spawnServer(home, environment);
  try {
    const url = await readUrl(child, exited, home);
    const { userKey } = readCliFile(home.folder) ?? {};
    if (userKey === undefined) throw new Error('The server wrote no cli.json.');
    return {
      url,
      apiKey: userKey,
      client: createClient({ url, apiKey: userKey }),
      pid: child.pid ?? 0,
      startedInMs: performance.now() - begun,
      exited,
      kill: () => end(child, exited),
      interrupt: () => void child.kill('SIGINT'),
      [Symbol.asyncDispose]: () => end(child, exited),
    };
  } catch (error) {
    await end(child, exited);
    throw error;
  }
}

/** A process without the API. Disposing kills it. */
export type WorkerProcess = Pick<
  MillraceProcess,
  'url' | 'pid' | 'exited' | 'kill' | 'interrupt' | typeof Symbol.asyncDispose
>;

/**
 * Starts `millrace serve --role worker` on the home; `DATABASE_URL` and the master key are part of the environment.
 * @param root folder of the program; absent = ours
 */
export async function startWorker(
  home: TestHome,
  environment: Readonly<Record<string, string>>,
  root = ROOT,
): Promise<WorkerProcess> {
  const { child, exited } = spawnServer(home, environment, ['--role', 'worker'], root);
  try {
    return {
      url: await readUrl(child, exited, home),
      pid: child.pid ?? 0,
      exited,
      kill: () => end(child, exited),
      interrupt: () => void child.kill('SIGINT'),
      [Symbol.asyncDispose]: () => end(child, exited),
    };
  } catch (error) {
    await end(child, exited);
    throw error;
  }
}

/** Sends what the client has no call for, and answers the parsed body; anything but success throws. */
export async function askServer(
  { url, apiKey }: Pick<MillraceProcess, 'url' | 'apiKey'>,
  method: string,
  path: string,
  body: unknown,
  signal: AbortSignal,
): Promise<ReturnType<typeof JSON.parse>> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal,
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${text}`);
  return text === '' ? null : JSON.parse(text);
}

/** Starts a server and kills it after that time, wherever it is then: it may not even have answered. */
export async function startAndKill(
  home: TestHome,
  afterMs: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { child, exited } = spawnServer(home, environment);
  child.stdout?.resume();
  await Promise.race([exited, delay(afterMs)]);
  await end(child, exited);
}

function spawnServer(
  home: TestHome,
  environment: Readonly<Record<string, string>>,
  options: readonly string[] = [],
  root = ROOT,
) {
  const log = openSync(logFileOf(home.folder), 'a', 0o600);
  const inherited = Object.entries(process.env).filter(([name]) => !/^(MILLRACE_|DATABASE_URL$)/.test(name));
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), 'serve', ...options], {
    cwd: root,
    env: {
      ...Object.fromEntries(inherited),
      MILLRACE_HOME: home.folder,
      MILLRACE_PORT: '0',
      ...environment,
    },
    // The channel ends the server when we are killed. A session of its own keeps the terminal's Ctrl-C from it.
    stdio: ['ignore', 'pipe', log, 'ipc'],
    detached: true,
  });
  closeSync(log);
  return { child, exited: once(child, 'exit').then(([code, signal]) => ({ code, signal })) };
}

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await exited;
}

/** The server says where it answers when it does. */
async function readUrl(child: ChildProcess, exited: Promise<unknown>, home: TestHome): Promise<string> {
  let output = '';
  const said = Promise.withResolvers<string>();
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    appendFileSync(logFileOf(home.folder), text);
    const [, url] = /answers at (\S+)/.exec(output) ?? [];
    if (url !== undefined) said.resolve(url);
  });
  const limit = AbortSignal.timeout(START_LIMIT_MS);
  const late = once(limit, 'abort').then(() => 'did not answer in time');
  const failure = Promise.race([exited.then(() => 'ended'), late]).then((what) => {
    throw new Error(`The server ${what} while it started. ${output}\n${home.readLog().slice(-3_000)}`);
  });
  return Promise.race([said.promise, failure]);
}

/** Asks again and again until there is an answer; fails when the signal fires. */
export async function waitFor<T>(ask: () => Promise<T | null>, signal: AbortSignal, everyMs = 50): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (signal.aborted) throw new Error('What the test waits for did not come about in time.');
    await delay(everyMs, undefined, { signal }).catch(() => {});
  }
}

function logFileOf(home: string): string {
  return join(home, 'test-server.log');
}

/** Data folders of the home's embedded servers: in the home, or where a pointer file says. */
function listDataFolders(home: string): string[] {
  const embedded = join(home, 'embedded');
  const names = existsSync(embedded) ? readdirSync(embedded) : [];
  return names.map((name) => {
    const pointer = join(embedded, name, 'data-folder');
    const parent = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : join(embedded, name);
    return join(parent, 'data');
  });
}

function killPostmasters(home: string): number[] {
  return listPostmasters(home).filter(kill);
}

function listPostmasters(home: string): number[] {
  return listDataFolders(home).flatMap((dataFolder) => {
    const file = join(dataFolder, 'postmaster.pid');
    const pid = existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : Number.NaN;
    return Number.isInteger(pid) && isPostmaster(pid, dataFolder) ? [pid] : [];
  });
}

/** Processes that serve a session; they write user and database into their command line. */
function listBackends(postmaster: number): number[] {
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(' ');
  return children.map(Number).filter((pid) => {
    try {
      return /^postgres: \w+ \w+ 127\./.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      return false;
    }
  });
}

/** The number in an old file may belong to somebody else by now. */
function isPostmaster(pid: number, dataFolder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dataFolder);
  } catch {
    return false;
  }
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

/** Bounded: in a container without an init process a dead process stays listed for ever. */
async function untilGone(pid: number): Promise<void> {
  for (let attempt = 0; attempt < 50 && existsSync(`/proc/${pid}`); attempt += 1) await delay(20);
}
