import { PUBLIC_JOB_TYPES, SyncError } from '../../core/index.ts';
import { findJob, type JobRecord } from '../../store/index.ts';
import { toActorColumns } from '../actors.ts';
import type { Context } from '../context.ts';

/**
 * A job as its author sees it; to everybody else it is unknown, since it acts and answers with its author's rights.
 * @throws `REQUEST_MALFORMED` for a type that there is not, `NOT_FOUND`
 */
export async function getJob(context: Context, type: string, id: string): Promise<JobRecord> {
  if (!PUBLIC_JOB_TYPES.some((known) => known === type)) {
    throw new SyncError(
      'REQUEST_MALFORMED',
      `The path names the job type ${type}, which there is not. There are ${PUBLIC_JOB_TYPES.join(', ')}.`,
      { detail: { fields: [{ field: 'type', problem: 'is no type of job' }] } },
    );
  }
  const job = await findOwnJob(context, id);
  if (job?.type === type) return job;
  throw new SyncError(
    'NOT_FOUND',
    `There is no job ${id} of type ${type} that you have asked for; ended ones are kept for a day.`,
  );
}

/** A job of any type that this caller asked for. */
export async function findOwnJob(context: Context, id: string): Promise<JobRecord | undefined> {
  const job = await findJob(context.store.db, context.caller.organizationId, id);
  const author = toActorColumns(context.caller);
  return job?.authorId === author.id && job.authorType === author.type ? job : undefined;
}
