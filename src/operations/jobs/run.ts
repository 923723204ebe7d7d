import { SyncError, serializeError } from '../../core/index.ts';
import {
  finishJob,
  holdJob,
  type JobRecord,
  releaseJob,
  removeExpiredJobs,
  shortenLeases,
  takeJob,
} from '../../store/index.ts';
import { type Caller, createContext, type Services } from '../context.ts';
import type { JobHandler } from './handler.ts';
import { JOB_HANDLERS } from './handlers.ts';
import { KEEP_SECONDS } from './start.ts';

/** A taker is taken for dead after fifteen seconds. */
const HOLD_EVERY_MS = 4_000;
const REMOVED_AT_ONCE = 500;

/** The handlers by type; tests bring their own. */
export type JobHandlers = Readonly<Record<string, JobHandler | undefined>>;

/** Takes one job that waits, new or left by a process that died; undefined when there is none. */
export function takeNextJob(services: Services): Promise<JobRecord | undefined> {
  return takeJob(services.store.db);
}

/**
 * Does a job that was taken, and stores how it ended. May be called by any number of processes: only the last taker's end
 * is stored.
 * @param signal stops it (shutdown); the job is then given back for the next process
 */
export async function runJob(
  services: Services,
  job: JobRecord,
  signal: AbortSignal,
  handlers: JobHandlers = JOB_HANDLERS,
): Promise<void> {
  const { db } = services.store;
  const handler = handlers[job.type];
  if (handler === undefined) return void (await finishJob(db, job, failed(`No work is known for ${job.type}.`)));
  const keepSeconds = handler.keepSeconds ?? KEEP_SECONDS;
  if (job.attempts > handler.maxAttempts) return void (await finishJob(db, job, { ...failed(BROKE_OFF), keepSeconds }));
  using hold = holdOn(services, job);
  const limit = AbortSignal.timeout(handler.limitMs);
  try {
    const result = await handler.run(contextOf(services, job), job, AbortSignal.any([signal, limit, hold.lost]));
    await finishJob(db, job, { result, keepSeconds });
  } catch (error) {
    if (hold.lost.aborted) return;
    if (signal.aborted) return releaseJob(db, job);
    const message = limit.aborted ? `It was stopped after ${handler.limitMs / 1000} s.` : describe(error);
    const isOurs = await finishJob(db, job, { ...failed(message), keepSeconds });
    // One that is gone, as with its organization, fails in whatever it does last, which is no defect.
    if (isOurs && !(error instanceof SyncError) && !limit.aborted) throw error;
  }
}

const BROKE_OFF =
  'The server stopped in the middle of the work, more than once or where it cannot begin again. Ask again.';

function failed(error: string) {
  return { error, keepSeconds: KEEP_SECONDS };
}

/** What is a defect of ours stands in the log, not in an answer. */
function describe(error: unknown): string {
  if (error instanceof SyncError && error.kind === 'transient') return askAgain(error.message);
  if (error instanceof SyncError && error.kind !== 'internal') return error.message;
  return serializeError(error).code === 'CANCELED' ? 'It was canceled.' : 'Millrace failed; the log tells why.';
}

/** What passes by itself is tried again by the engine, and not here: a job may be asked for anew. */
function askAgain(message: string): string {
  const said = message.replace(/[;.]?[^.;]*again by itself[^.]*\./, '');
  return `${said.replace(/\.$/, '')}. Ask again.`;
}

/** Tells others that this process lives, until it is disposed of. */
function holdOn(services: Services, job: JobRecord): Disposable & { readonly lost: AbortSignal } {
  const lost = new AbortController();
  const timer = setInterval(() => {
    // One failure is no loss: the next one tells.
    holdJob(services.store.db, job).then(
      (isOurs) => isOurs || lost.abort(),
      () => {},
    );
  }, HOLD_EVERY_MS);
  return { lost: lost.signal, [Symbol.dispose]: () => clearInterval(timer) };
}

function contextOf(services: Services, job: JobRecord) {
  // Written by `startJob` from a caller.
  return createContext(services, job.caller as unknown as Caller);
}

/** Removes ended jobs whose time is over, with what belongs to them, and lets none wait for a clock that was set back. */
export async function tidyJobs(services: Services): Promise<void> {
  await shortenLeases(services.store.db);
  while ((await removeExpiredJobs(services.store.db, REMOVED_AT_ONCE)) === REMOVED_AT_ONCE);
}
