import type { JobBody } from '../contract/index.ts';
import { type ModelField, SyncError } from '../core/index.ts';
import { type Context, getModel, type JobRecord, type ModelOutcome } from '../operations/index.ts';
import { toJobBody } from './views/jobs.ts';
import { toModelBody, toModelFieldBody } from './views/models.ts';

/** A job as its author reads it: what it made is shown as it is now, null when it is gone. */
export async function showJob(context: Context, job: JobRecord): Promise<JobBody> {
  return toJobBody(job, job.status === 'done' ? await showResult(context, job) : undefined);
}

// A result is what the handler of its type returned (operations/jobs/handlers.ts), through JSON.
async function showResult(context: Context, { type, result }: JobRecord): Promise<unknown> {
  if (type === 'createmodel' || type === 'updatemodel') return showModel(context, (result as ModelOutcome).modelId);
  if (type === 'previewmodel') return (result as readonly ModelField[]).map(toModelFieldBody);
  return result;
}

async function showModel(context: Context, id: string): Promise<unknown> {
  try {
    return toModelBody(await getModel(context, id));
  } catch (error) {
    if (error instanceof SyncError && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}
