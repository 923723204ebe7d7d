import { setTimeout } from 'node:timers/promises';
import { armSchedules, type Services, startDueSync } from '../operations/index.ts';
import { type DueSync, listDueSyncs, listSyncsToArm } from '../store/index.ts';

/** The part of a logger that is used here. */
export interface ScheduleLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export interface ScheduleRunnerOptions {
  readonly log: ScheduleLog;
  /** Pause between two looks at what is due, in milliseconds. */
  readonly pollMs?: number;
}

/** What starts syncs by their schedules. */
export interface ScheduleRunner {
  /** Ends it and waits for the start that is under way. What is due then starts with the next life. */
  stop(): Promise<void>;
}

/** More are started in the next round. */
const MAX_PER_ROUND = 100;

/** A sync whose start broke off for an unforeseen reason is left alone that long, so that the log stays readable. */
const PAUSE_AFTER_FAILURE_MS = 30_000;

/** Starts the loop. Any number of processes may run one: each start is made by one of them. */
export function startScheduleRunner(services: Services, options: ScheduleRunnerOptions): ScheduleRunner {
  const stopping = new AbortController();
  const paused = new Map<string, number>();
  const loop = async (): Promise<void> => {
    let isArmed = false;
    while (!stopping.signal.aborted) {
      try {
        if (!isArmed) await armStoredSchedules(services);
        isArmed = true;
        await runDueSchedules(services, options.log, paused, stopping.signal);
      } catch (error) {
        options.log.warn({ err: error }, 'Looking for due schedules failed; it is tried again.');
      }
      // Ends early, and without an error, when the loop is stopped.
      await setTimeout(options.pollMs ?? 1000, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const ended = loop();
  return {
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

/** Schedules that an earlier release stored do not know yet when they come. */
async function armStoredSchedules(services: Services): Promise<void> {
  for (const sync of await listSyncsToArm(services.store.db)) await armSchedules(services, sync);
}

/**
 * One round: starts once each sync that is due and free.
 * @param paused until when syncs are left alone, in milliseconds since 1970 by sync id; kept between rounds
 */
export async function runDueSchedules(
  services: Services,
  log: ScheduleLog,
  paused: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const now = services.clock();
  for (const sync of await listDueSyncs(services.store.db, now, MAX_PER_ROUND)) {
    if (signal.aborted) return;
    if ((paused.get(sync.syncId) ?? 0) > now.getTime()) continue;
    paused.delete(sync.syncId);
    await startOne(services, log, sync).catch((error: unknown) => {
      paused.set(sync.syncId, now.getTime() + PAUSE_AFTER_FAILURE_MS);
      log.warn({ err: error, syncId: sync.syncId }, 'A scheduled start broke off; it is tried again in half a minute.');
    });
  }
}

async function startOne(services: Services, log: ScheduleLog, sync: DueSync): Promise<void> {
  const outcome = await startDueSync(services, sync);
  if (outcome.kind === 'nothing' || outcome.kind === 'known') return;
  const { executionId } = outcome;
  const facts = { syncId: sync.syncId, executionId };
  if (outcome.kind === 'started') log.info(facts, 'A schedule started a sync.');
  else
    log.warn(
      { ...facts, reason: outcome.reason },
      'A schedule could not start its sync; it is tried again at its next time.',
    );
}
