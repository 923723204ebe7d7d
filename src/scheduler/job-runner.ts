import { setTimeout } from 'node:timers/promises';
import { type JobHandlers, runJob, type Services, takeNextJob, tidyJobs } from '../operations/index.ts';
import { findDueKinds } from '../store/index.ts';

/** The part of a logger that is used here. */
export interface JobLog {
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface JobRunnerOptions {
  readonly log: JobLog;
  /** Pause between two looks for work, in milliseconds. */
  readonly pollMs?: number;
  /** Absent = Millrace's own. */
  readonly handlers?: JobHandlers;
}

/** A loop that does the jobs which users asked for. */
export interface JobRunner {
  /** Ends the loop; what is under way is given back and done after the next start. */
  stop(): Promise<void>;
}

/** A system that hangs must not hold up the others. */
const MAX_AT_ONCE = 4;
const POLL_MS = 250;
const TIDY_EVERY_MS = 60_000;

/** Starts the loop. Any number of processes may run one: each job is done by one of them. */
export function startJobRunner(services: Services, options: JobRunnerOptions): JobRunner {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  let tidiedAt = Number.NEGATIVE_INFINITY;
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await startWaiting(services, options, running, stopping.signal);
        if (performance.now() - tidiedAt > TIDY_EVERY_MS) {
          tidiedAt = performance.now();
          await tidyJobs(services);
        }
      } catch (error) {
        options.log.warn({ err: error }, 'Looking for jobs failed; it is tried again.');
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

async function startWaiting(
  services: Services,
  { log, handlers }: JobRunnerOptions,
  running: Set<Promise<void>>,
  signal: AbortSignal,
): Promise<void> {
  if (running.size >= MAX_AT_ONCE) return;
  if (!(await findDueKinds(services.store.db, ['jobs'])).has('jobs')) return;
  while (running.size < MAX_AT_ONCE && !signal.aborted) {
    const job = await takeNextJob(services);
    if (job === undefined) return;
    const work = runJob(services, job, signal, handlers)
      .catch((error: unknown) => log.error({ err: error, jobId: job.id, type: job.type }, 'A job broke off.'))
      .finally(() => running.delete(work));
    running.add(work);
  }
}
