import { setTimeout } from 'node:timers/promises';
import { checkConnection, type Services, takeConnectionToCheck } from '../operations/index.ts';

/** The part of a logger that is used here. */
export interface HealthLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export interface HealthCheckerOptions {
  readonly log: HealthLog;
  /** Pause between two looks for connections that are due, in milliseconds. */
  readonly pollMs?: number;
}

/** A loop that looks at connections as often as their `healthcheck_interval` says. */
export interface HealthChecker {
  /** Ends the loop and waits for the checks under way. */
  stop(): Promise<void>;
}

/** A system that hangs must not hold up the others. */
const MAX_AT_ONCE = 4;
const POLL_MS = 2_000;

/** Starts the loop. Any number of processes may run one: each check is done by one of them. */
export function startHealthChecker(services: Services, options: HealthCheckerOptions): HealthChecker {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await startDue(services, options.log, running);
      } catch (error) {
        options.log.warn({ err: error }, 'Looking for connections to check failed; it is tried again.');
      }
      await setTimeout(options.pollMs ?? POLL_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
    await Promise.all(running);
  };
  const ended = loop();
  return {
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

async function startDue(services: Services, log: HealthLog, running: Set<Promise<void>>): Promise<void> {
  while (running.size < MAX_AT_ONCE) {
    const connection = await takeConnectionToCheck(services);
    if (connection === undefined) return;
    const work = checkOne(services, log, connection).finally(() => running.delete(work));
    running.add(work);
  }
}

async function checkOne(
  services: Services,
  log: HealthLog,
  connection: Parameters<typeof checkConnection>[1],
): Promise<void> {
  const { id: connectionId, organizationId } = connection;
  try {
    const { before, after } = await checkConnection(services, connection);
    if (before !== after) log.info({ connectionId, organizationId }, `A connection was ${before} and is ${after}.`);
  } catch (error) {
    log.warn({ err: error, connectionId, organizationId }, 'The check of a connection broke off; it is tried again.');
  }
}
