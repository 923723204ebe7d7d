import { readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { readFileIfAny } from '../private-file.ts';
import { commandLineOf, identifyProcess, isAlive, type ProcessIdentity } from '../process-identity.ts';

/** What a running server writes about itself into its data folder. */
export interface Postmaster {
  readonly process: ProcessIdentity;
  readonly port: number;
  /** True once it takes connections. */
  readonly isReady: boolean;
}

const POLL_MS = 20;
/** A fast shutdown writes a checkpoint; past this it is told to drop everything, and recovers at its next start. */
const FAST_STOP_MS = 7_000;
const IMMEDIATE_STOP_MS = 2_000;

/**
 * The living server of a data folder. The file alone proves nothing: kill -9 or a power cut leaves it behind, and
 * its process number may belong to somebody else by now, who must not be signalled.
 * @see PostgreSQL src/include/utils/pidfile.h for the lines of postmaster.pid
 */
export function findPostmaster(dataFolder: string): Postmaster | undefined {
  const lines = readFileIfAny(join(dataFolder, 'postmaster.pid'))?.split('\n') ?? [];
  const pid = Number.parseInt(lines[0] ?? '', 10);
  const server = Number.isInteger(pid) && pid > 1 ? identifyProcess(pid) : undefined;
  if (server === undefined || !servesFolder(pid, dataFolder)) return undefined;
  return { process: server, port: Number.parseInt(lines[3] ?? '', 10), isReady: lines[7]?.trim() === 'ready' };
}

/** Stops a server in order if it can, at once if it must. Returns when it is gone, or after about ten seconds. */
export async function stopPostmaster(server: ProcessIdentity): Promise<void> {
  signal(server, 'SIGINT');
  if (await isGoneWithin(server, FAST_STOP_MS)) return;
  signal(server, 'SIGQUIT');
  await isGoneWithin(server, IMMEDIATE_STOP_MS);
}

/** A server works inside its data folder; where the system does not tell that, its command line names it. */
function servesFolder(pid: number, dataFolder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataFolder);
  } catch {
    return commandLineOf(pid).includes(dataFolder);
  }
}

function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (isAlive(identity)) process.kill(identity.pid, name);
}

async function isGoneWithin(identity: ProcessIdentity, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (isAlive(identity)) {
    if (performance.now() > deadline) return false;
    await wait(POLL_MS);
  }
  return true;
}

/** Resolves when `probe` answers something, polling; `undefined` after the limit. */
export async function poll<T>(probe: () => T | undefined, limitMs: number): Promise<T | undefined> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = probe();
    if (answer !== undefined || performance.now() > deadline) return answer;
    await wait(POLL_MS);
  }
}
