import { listModelFields } from '../../core/index.ts';
import type { JobRecord } from '../../store/index.ts';
import type { Context } from '../context.ts';
import type { JobHandler } from '../jobs/handler.ts';
import { recordDoneJob, startJob } from '../jobs/start.ts';
import { authorize } from '../permissions/authorize.ts';
import { createModel, getModel, type ModelInput, previewModel, requireModel, updateModel } from './models.ts';
import { sampleModel } from './sample.ts';

const LIMITS = { maxAttempts: 3, limitMs: 5 * 60_000 } as const;

/** What ends as a model: jobs of `createmodel` and `updatemodel` have its id as their result. */
export interface ModelOutcome {
  readonly modelId: string;
}

/** @throws `FORBIDDEN`, `TOO_MANY_JOBS`; everything else is the job's error */
export async function startCreateModel(context: Context, input: ModelInput): Promise<JobRecord> {
  await authorize(context, 'create', { kind: 'model' });
  return startJob(context, 'createmodel', input);
}

/** @throws `NOT_FOUND`, `FORBIDDEN`, `TOO_MANY_JOBS`; everything else is the job's error */
export async function startUpdateModel(
  context: Context,
  id: string,
  input: ModelInput & { readonly refresh: boolean },
): Promise<JobRecord> {
  await requireModel(context, id, 'edit');
  return startJob(context, 'updatemodel', { id, input });
}

/** @throws `FORBIDDEN`, `TOO_MANY_JOBS`; everything else is the job's error */
export async function startPreviewModel(context: Context, input: ModelInput): Promise<JobRecord> {
  await authorize(context, 'create', { kind: 'model' });
  return startJob(context, 'previewmodel', input);
}

/** @throws `NOT_FOUND`, `FORBIDDEN`, `TOO_MANY_JOBS`; everything else is the job's error */
export async function startSampleModel(context: Context, id: string): Promise<JobRecord> {
  await requireModel(context, id);
  return startJob(context, 'samplemodel', { id });
}

/** Reading a model takes no time, so its job is done when it is made. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function startGetModel(context: Context, id: string): Promise<JobRecord> {
  await getModel(context, id);
  return recordDoneJob(context, 'updatemodel', { modelId: id } satisfies ModelOutcome);
}

/** What the jobs above do. Their inputs come back as `start…` gave them, so they are not parsed again. */
export const MODEL_JOB_HANDLERS = {
  createmodel: {
    ...LIMITS,
    // The job's id is the model's, so that beginning again after a crash does not make another.
    run: async (context, { id, input }, stop): Promise<ModelOutcome> => {
      await createModel(context, input as ModelInput, { for: 'job', stop }, id);
      return { modelId: id };
    },
  },
  updatemodel: {
    ...LIMITS,
    run: async (context, job, stop): Promise<ModelOutcome> => {
      const { id, input } = job.input as { id: string; input: ModelInput & { refresh: boolean } };
      await updateModel(context, id, input, { for: 'job', stop });
      return { modelId: id };
    },
  },
  previewmodel: {
    ...LIMITS,
    run: async (context, { input }, stop) =>
      listModelFields(await previewModel(context, input as ModelInput, { for: 'job', stop })),
  },
  samplemodel: {
    ...LIMITS,
    run: (context, { input }, stop) => sampleModel(context, (input as { id: string }).id, { for: 'job', stop }),
  },
} as const satisfies Record<string, JobHandler>;
