import { setTimeout } from 'node:timers/promises';
import { refreshSchemas, type Services } from '../operations/index.ts';
import { listPendingRefreshes, type PendingRefresh } from '../store/index.ts';

/** The part of a logger that is used here. */
export interface RefresherLog {
  warn(facts: object, message: string): void;
}

export interface RefresherOptions {
  readonly log: RefresherLog;
  /** Pause between two looks for work, in milliseconds. */
  readonly pollMs?: number;
}

/** A loop that does the refreshes which somebody asked for. */
export interface SchemaRefresher {
  /** Ends the loop and waits for what is under way; that stays asked for and is done after the next start. */
  stop(): Promise<void>;
}

/** A source that hangs must not hold up the others, and the metadata pool must not run dry. */
const MAX_AT_ONCE = 4;

/** Starts the loop. Any number of processes may run one: each refresh is done by one of them. */
export function startSchemaRefresher(services: Services, options: RefresherOptions): SchemaRefresher {
  const stopping = new AbortController();
  const running = new Map<string, Promise<void>>();
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await startPending(services, options, running, stopping.signal);
      } catch (error) {
        options.log.warn({ err: error }, 'Looking for schema refreshes failed; it is tried again.');
      }
      await pause(options.pollMs ?? 500, stopping.signal);
    }
    await Promise.all(running.values());
  };
  const ended = loop();
  return {
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

async function startPending(
  services: Services,
  { log }: RefresherOptions,
  running: Map<string, Promise<void>>,
  signal: AbortSignal,
): Promise<void> {
  if (running.size >= MAX_AT_ONCE) return;
  const pending = await listPendingRefreshes(services.store.db);
  const free = pending.filter(({ connectionId }) => !running.has(connectionId)).slice(0, MAX_AT_ONCE - running.size);
  for (const refresh of free) {
    const work = refreshOne(services, refresh, log, signal).finally(() => running.delete(refresh.connectionId));
    running.set(refresh.connectionId, work);
  }
}

async function refreshOne(
  services: Services,
  refresh: PendingRefresh,
  log: RefresherLog,
  signal: AbortSignal,
): Promise<void> {
  try {
    await refreshSchemas(services, refresh, signal);
  } catch (error) {
    if (signal.aborted) return;
    log.warn({ err: error, connectionId: refresh.connectionId }, 'A schema refresh broke off; it is tried again.');
  }
}

/** Ends early, and without an error, when the loop is stopped. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal }).catch(() => {});
}
