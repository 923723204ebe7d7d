import { setTimeout } from 'node:timers/promises';
import {
  type Retention,
  removeExpiredExecutions,
  removeExpiredIdempotencyKeys,
  removeOldEvents,
  removeOldMails,
  removeOldProxyCalls,
  removeOldWorkers,
  type Store,
  tryExclusively,
} from '../store/index.ts';

/** The part of a logger that is used here. */
export interface RetentionLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export interface RetentionOptions {
  /** What is kept; null = everything. */
  readonly retention: Retention | null;
  /** Removes what the durable engine remembers of executions that ended before a moment; 0 = nothing is left. */
  readonly removeEndedWorkflows: (until: Date) => Promise<number>;
  readonly log: RetentionLog;
  /** Pause between two rounds, in milliseconds. */
  readonly pauseMs?: number;
}

/** A loop that removes what is too old. */
export interface RetentionRunner {
  /** Ends it behind the removal that is under way. */
  stop(): Promise<void>;
}

/** Any constant will do that nobody else locks in this database. */
const RETENTION_LOCK = 7_238_116;
const ROUND_MS = 10 * 60_000;
/** Between two removals others get at the database. */
const BREATH_MS = 50;
const LIMIT = { executions: 100, rows: 10_000 };
/** An execution that was resumed late may still ask for the results of its lanes. */
const WORKFLOW_DAYS = 1;
const DAY_MS = 86_400_000;

/** Starts the loop. Any number of processes may run one: one of them at a time removes. */
export function startRetention(store: Store, options: RetentionOptions): RetentionRunner {
  const stopping = new AbortController();
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await tryExclusively(store.pool, RETENTION_LOCK, () => removeOldHistory(store, options, stopping.signal));
      } catch (error) {
        options.log.warn({ err: error }, 'Removing old executions failed; it is tried again.');
      }
      await pause(options.pauseMs ?? ROUND_MS, stopping.signal);
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

/** One round: removes all that is too old, a little at a time. */
async function removeOldHistory(store: Store, options: RetentionOptions, signal: AbortSignal): Promise<void> {
  const { retention, log } = options;
  const until = new Date(Date.now() - WORKFLOW_DAYS * DAY_MS);
  const workflows = await drain(() => options.removeEndedWorkflows(until), signal);
  if (workflows > 0) log.info({ workflows }, 'Finished workflows were removed.');
  await drain(() => removeExpiredIdempotencyKeys(store.db, LIMIT.rows), signal);
  await drain(() => removeOldEvents(store.db, LIMIT.rows), signal);
  await drain(() => removeOldMails(store.db, LIMIT.rows), signal);
  await drain(() => removeOldProxyCalls(store.db, LIMIT.rows), signal);
  if (retention === null) return;
  const executions = await drain(() => removeExpiredExecutions(store.db, retention, LIMIT), signal);
  if (executions > 0) log.info({ executions }, 'Old executions were removed.');
  await removeOldWorkers(store.db, retention.days);
}

/** Calls `remove` until it has nothing left to remove. */
async function drain(remove: () => Promise<number>, signal: AbortSignal): Promise<number> {
  let removed = 0;
  while (!signal.aborted) {
    const count = await remove();
    if (count === 0) break;
    removed += count;
    await pause(BREATH_MS, signal);
  }
  return removed;
}

/** Ends early, and without an error, when the loop is stopped. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal }).catch(() => {});
}
