import type { ModelTargetCatalogue } from '../../connector-kit/index.ts';
import type { TargetJob } from './jobs.ts';

/** Does in the owner's thread what another thread asked of the objects that a model sync could write. */
export async function answerForTarget(
  job: TargetJob,
  target: ModelTargetCatalogue,
  signal: AbortSignal,
): Promise<unknown> {
  switch (job.kind) {
    case 'listTargets':
      return await target.listObjects(signal);
    case 'describeTarget':
      return await target.describeFields(job.objectId, signal);
    case 'listTargetProperties':
      return await target.creationProperties(signal);
  }
}
