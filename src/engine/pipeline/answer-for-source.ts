import type { BulkSource, SnapshotRef, SourceSnapshot } from '../../connector-kit/index.ts';
import type { SourceJob } from './jobs.ts';

/** Images that this thread holds for others, by token. A connector that is released ends its own. */
const held = new Map<string, SourceSnapshot>();

/** Does in the owner's thread what another thread asked of the source. */
export async function answerForSource(job: SourceJob, source: BulkSource, signal: AbortSignal): Promise<unknown> {
  switch (job.kind) {
    case 'discover':
      return await source.discover(signal);
    case 'sample':
      return await source.sample(job.schemaId, job.limit, signal);
    case 'openSnapshot':
      return hold(await source.openSnapshot(signal));
    case 'closeSnapshot':
      return await letGo(job.token);
    case 'planSegments':
      return await source.planSegments(job.request, signal);
    case 'planTracking':
      return await source.planTracking(job.request, signal);
  }
}

function hold(snapshot: SourceSnapshot): SnapshotRef {
  const { token, position, lowerBound } = snapshot;
  held.set(token, snapshot);
  return { token, position, lowerBound };
}

async function letGo(token: string): Promise<void> {
  const snapshot = held.get(token);
  held.delete(token);
  await snapshot?.[Symbol.asyncDispose]();
}
