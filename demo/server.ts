import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HEAP_FLAGS } from '../bin/find-node.mjs';
import { type CliFile, localUrl, prepareHome, readCliFile, readConfig } from '../src/runtime/index.ts';
import { ROOT } from './plan.ts';

/** A Millrace server that answers. Disposing stops it if we started it. */
export interface DemoServer extends AsyncDisposable {
  readonly url: string;
  readonly apiKey: string;
  readonly organizationId: string;
  /** False when a server ran on this home already; then it stays. */
  readonly isOurs: boolean;
  /** Process of a server that we started. */
  readonly pid?: number;
}

/** The server did not start; the message holds its own last words. */
export class ServerFailure extends Error {}

const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 15_000;
const ASK_EVERY_MS = 100;
const WORDS_SHOWN = 5;

/** Uses the server that runs on this home, else starts the one of `npm start`. */
export async function openServer(home: string, signal: AbortSignal): Promise<DemoServer> {
  prepareHome(home);
  const running = readCliFile(home);
  if (running !== undefined && (await isServerOf(running))) {
    return { ...toAccess(running), isOurs: false, [Symbol.asyncDispose]: async () => {} };
  }
  return startServer(home, signal);
}

function toAccess({ url, userKey, organizationId }: CliFile): Pick<DemoServer, 'url' | 'apiKey' | 'organizationId'> {
  return { url, apiKey: userKey, organizationId };
}

/** The address may be another server's by now, so it has to know the key of this home. */
async function isServerOf({ url, userKey }: CliFile): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/api/me`, {
      headers: { authorization: `Bearer ${userKey}` },
      signal: AbortSignal.timeout(2_000),
    });
    return answer.ok;
  } catch {
    return false;
  }
}

/** Starts the server of `npm start` on this home and waits until it answers. */
export async function startServer(home: string, signal: AbortSignal): Promise<DemoServer> {
  const config = readConfig(process.env, { home });
  const port = await findPort(config.host, config.port);
  const logFile = join(home, 'demo-server.log');
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(process.execPath, [...HEAP_FLAGS, join(ROOT, 'src/main.ts'), 'serve'], {
    env: { ...process.env, MILLRACE_HOME: home, MILLRACE_PORT: String(port) },
    // The channel tells the server when we are killed. A session of its own keeps Ctrl-C from reaching it before us.
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  });
  try {
    const file = await waitUntilReady(child, localUrl(config.host, port), { home, logFile, signal });
    return { ...toAccess(file), isOurs: true, pid: child.pid ?? 0, [Symbol.asyncDispose]: () => stopServer(child) };
  } catch (error) {
    await stopServer(child);
    throw error;
  }
}

/** The port that is set, or any free one when another program has it. */
function findPort(host: string, wanted: number): Promise<number> {
  const tryPort = async (port: number): Promise<number> => {
    const probe = createServer();
    probe.listen(port, host);
    await once(probe, 'listening');
    const address = probe.address();
    probe.close();
    await once(probe, 'close');
    return typeof address === 'object' && address !== null ? address.port : port;
  };
  return tryPort(wanted).catch(() => tryPort(0));
}

async function waitUntilReady(
  child: ChildProcess,
  url: string,
  { home, logFile, signal }: { home: string; logFile: string; signal: AbortSignal },
): Promise<CliFile> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(START_LIMIT_MS)]);
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new ServerFailure(`The server ended. ${lastWords(logFile)}`);
    if (await isReady(url)) {
      const file = readCliFile(home);
      if (file !== undefined) return { ...file, url };
    }
    if (limit.aborted && !signal.aborted)
      throw new ServerFailure(`The server did not get ready in time. ${lastWords(logFile)}`);
    await delay(ASK_EVERY_MS, undefined, { signal });
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

function lastWords(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n');
  const shown = lines.filter((line) => line.trim() !== '').slice(-WORDS_SHOWN);
  return `All that it said is in ${logFile}, at the end:\n${shown.join('\n')}`;
}

async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await exited;
  clearTimeout(timer);
}
