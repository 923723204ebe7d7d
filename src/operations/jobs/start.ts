import { type JobType, SyncError } from '../../core/index.ts';
import { countOpenJobs, finishJob, insertJob, type JobRecord, type StoreDatabase } from '../../store/index.ts';
import { toActorColumns } from '../actors.ts';
import type { Context } from '../context.ts';

/** Ended jobs can be asked for that long. */
export const KEEP_SECONDS = 24 * 3600;

/** More than these belong to somebody who does not wait for answers. */
const MAX_OPEN_JOBS = 100;

/**
 * Asks for work that is answered later; a scheduler's process takes it up within a second, with this caller's rights.
 * @param input JSON that the type's handler understands; no secrets
 * @throws `TOO_MANY_JOBS` when the organization has a hundred unfinished ones
 */
export async function startJob(
  context: Context,
  type: JobType,
  input: object,
  db: StoreDatabase = context.store.db,
): Promise<JobRecord> {
  if ((await countOpenJobs(db, context.caller.organizationId)) >= MAX_OPEN_JOBS) {
    throw new SyncError(
      'TOO_MANY_JOBS',
      `This organization has ${MAX_OPEN_JOBS} jobs and queries that have not ended. Wait for them, then ask again.`,
      { retryAfterMs: 5_000 },
    );
  }
  return insertJob(db, toRow(context, type, input));
}

/** Notes work that was done at once, so that it can be asked for like any other job. */
export async function recordDoneJob(context: Context, type: JobType, result: unknown): Promise<JobRecord> {
  return context.store.transaction(async ({ db }) => {
    const job = await insertJob(db, toRow(context, type, {}));
    await finishJob(db, job, { result, keepSeconds: KEEP_SECONDS });
    return { ...job, status: 'done' as const, result };
  });
}

function toRow(context: Context, type: JobType, input: object) {
  const author = toActorColumns(context.caller);
  return {
    id: context.newId(),
    organizationId: context.caller.organizationId,
    type,
    caller: JSON.stringify(context.caller),
    authorId: author.id,
    authorType: author.type,
    input: JSON.stringify(input),
  };
}
