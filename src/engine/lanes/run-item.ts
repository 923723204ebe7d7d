import type { SegmentRange } from '../../connector-kit/index.ts';
import { firstError, isAbort, SyncError, serializeError } from '../../core/index.ts';
import {
  findRunSchema,
  isMovedByOthers,
  type Run,
  reclaimItem,
  releaseItem,
  setSchemaStatus,
  type WorkItem,
} from '../../store/index.ts';
import { type EngineParts, retryStore } from '../engine-parts.ts';
import { Patience, SEGMENT_RETRY, waitBeforeRetry } from '../retry.ts';
import { inSpan } from '../tracing.ts';
import { isOutOfReach } from '../workers/outages.ts';
import { runOnce } from './item-work.ts';
import { type Lane, narrowIfFull } from './lane-scene.ts';
import { restartInNewSnapshot } from './restart-schema.ts';

/** A segment that was begun this often for each worker kills them, or is fenced off again and again; an outage makes each begin it a few times. */
const MAX_CLAIMS = 30;

/** Works on a claimed item until it is done, its schema has failed, or others have it; tries again what may pass. */
export async function runItem(ofExecution: Lane, claimed: WorkItem): Promise<void> {
  const { parts } = ofExecution;
  // A schema that is cancelled by itself has its status already; its work just ends.
  const stop = AbortSignal.any([ofExecution.stop, ofExecution.watch.signalOf(claimed.schemaId)]);
  const lane = { ...ofExecution, stop };
  let item = claimed;
  let isolate = false;
  const patience = new Patience(SEGMENT_RETRY);
  while (true) {
    const attempt = lane.clock.attempt();
    const triedAt = performance.now();
    try {
      if (item.token > MAX_CLAIMS * (1 + parts.others()))
        throw new SyncError(
          'INTERNAL',
          `Segment ${item.no} of ${item.schemaId} was begun ${item.token - 1} times without an end. Start the sync again.`,
        );
      await inSpan(SPANS[item.kind], lane.run.execution, attributesOf(item), () => runOnce(lane, item, isolate));
      return parts.outages.forget(item.executionId);
    } catch (thrown) {
      // A difference is what the attempt was to find, and nothing of it is repeated.
      using _lost = isDifference(thrown) ? null : attempt;
      if (stop.aborted) return;
      const error = await restartIfSnapshotLost(lane, item, firstError(thrown), triedAt);
      if (error === null || stop.aborted) return;
      if (await isDestinationAhead(lane, item, error)) return failSchema(lane, item, destinationAhead(item, error));
      narrowIfFull(lane, error);
      // Fenced off: whoever holds it now goes on; if that is this lane again, its next claim asks what became of it.
      if (isAbort(error)) return;
      if (isOutOfReach(error) && parts.others() > 0) return handBack(lane, item, error);
      if (error instanceof SyncError && error.kind === 'data' && item.kind === 'read' && !isolate) isolate = true;
      else if (patience.endures(error)) {
        const { tries } = patience;
        parts.meter.count('steps_repeated', { step: item.kind });
        parts.log.warn(
          { ...factsOf(lane.run, item), attempt: tries },
          `A step is tried again: ${serializeError(error).message}`,
        );
        parts.console.warn(item.executionId, `A step is tried again: ${toShown(error)}`, {
          schemaId: item.schemaId,
          payload: { step: item.kind, segment: item.no, attempt: tries },
        });
        await waitBeforeRetry(SEGMENT_RETRY, tries, error, parts.random, stop).catch(() => {});
      } else return failSchema(lane, item, error);
      const again = await retryStore(() => reclaimItem(parts.store.db, item, parts.workerId), stop);
      if (again === null) return;
      item = again;
    }
  }
}

// Another worker may reach what we do not. It is not given up before all have failed for as long as one alone would try.
async function handBack(lane: Lane, item: WorkItem, error: unknown): Promise<void> {
  const { parts, run, stop } = lane;
  const failures = parts.outages.add(item.executionId, error);
  const isMoved = () => isMovedByOthers(parts.store.db, item.executionId, parts.workerId);
  if (parts.outages.isHopeless(item.executionId) && !(await retryStore(isMoved, stop)))
    return failSchema(lane, item, error);
  parts.meter.count('steps_repeated', { step: item.kind });
  parts.log.warn(
    { ...factsOf(run, item), attempt: failures },
    `A step is given back to all workers: ${serializeError(error).message}`,
  );
  parts.console.warn(item.executionId, `A step is given back to all workers: ${toShown(error)}`, {
    schemaId: item.schemaId,
    payload: { step: item.kind, segment: item.no, attempt: failures },
  });
  await retryStore(() => releaseItem(parts.store.db, item, parts.workerId), stop);
}

// A generation is begun once, so nobody else raises its fence: the destination has seen one that this metadata has not.
async function isDestinationAhead({ parts, stop }: Lane, item: WorkItem, error: unknown): Promise<boolean> {
  if (item.kind !== 'prepare' || !(error instanceof SyncError) || error.code !== 'FENCE_LOST') return false;
  return (await retryStore(() => reclaimItem(parts.store.db, item, parts.workerId), stop)) !== null;
}

function destinationAhead(item: WorkItem, cause: unknown): SyncError {
  return new SyncError(
    'DESTINATION_AHEAD',
    `The destination has seen a newer load of ${item.schemaId} than this metadata database knows of, as after an older backup was restored. Start the sync again: the next load is newer.`,
    { cause },
  );
}

// Null when the schema was begun again, else the error that is left to be dealt with.
async function restartIfSnapshotLost(
  { parts, run, stop }: Lane,
  item: WorkItem,
  error: unknown,
  triedAt: number,
): Promise<unknown> {
  if (!(error instanceof SyncError) || error.code !== 'SNAPSHOT_LOST') return error;
  // `finishSchema` puts it there: the image is as it was, and what was loaded of it has to be loaded again.
  const isDifferent = error.detail.isDifferent === true;
  if (!isDifferent && (await isStillHeld(parts, item, triedAt, stop))) return error;
  try {
    await restartInNewSnapshot(parts, run, { ...item, isDifferent }, stop);
    return null;
  } catch (failure) {
    return firstError(failure);
  }
}

// Our session that held the image may be gone while another worker's still lives: then that one's is read in.
async function isStillHeld(parts: EngineParts, item: WorkItem, triedAt: number, stop: AbortSignal): Promise<boolean> {
  const schema = await retryStore(() => findRunSchema(parts.store.db, item.executionId, item.schemaId), stop);
  if (schema === null || schema.generation !== item.generation || schema.snapshotEpoch === null) return false;
  const { snapshotEpoch } = schema;
  return retryStore(() => parts.snapshots.renounce(item.executionId, snapshotEpoch, triedAt), stop);
}

async function failSchema({ parts, run, stop }: Lane, item: WorkItem, error: unknown): Promise<void> {
  const { code, message } = serializeError(error);
  const shown = `${toShown(error)}${placeOf(item)}`;
  parts.console.error(item.executionId, `Failed: ${shown}`, { schemaId: item.schemaId, payload: { code } });
  const told = `Schema failed: ${message}${placeOf(item)}`;
  parts.log[code === 'INTERNAL' ? 'error' : 'warn']({ ...factsOf(run, item), code }, told);
  await retryStore(() => setSchemaStatus(parts.store.db, item.executionId, item.schemaId, 'failed', shown), stop);
}

/** Which part of a table it was, where that is read in several. */
function placeOf({ kind, range }: WorkItem): string {
  if (kind !== 'read') return '';
  // Written by planSegments of the source's connector and stored untouched.
  const { text } = range as SegmentRange;
  return text === 'whole table' ? '' : ` This was in the part "${text}".`;
}

/** An error for people: of an unexpected one its first line, without the stack. */
function toShown(error: unknown): string {
  const { code, message } = serializeError(error);
  return code === 'INTERNAL' ? `An unexpected failure inside Millrace: ${message.split('\n')[0] ?? ''}` : message;
}

function factsOf(run: Run, item: WorkItem) {
  return {
    executionId: item.executionId,
    syncId: run.sync.id,
    schemaId: item.schemaId,
    generation: item.generation,
    segment: item.no,
    step: item.kind,
  };
}

/** How the work on an item is called in traces. */
const SPANS: Readonly<Record<WorkItem['kind'], string>> = {
  prepare: 'schema.prepare',
  read: 'segment.read',
  finish: 'schema.publish',
};

function attributesOf({ schemaId, generation, no, token }: WorkItem) {
  return {
    'millrace.schema.id': schemaId,
    'millrace.generation': generation,
    'millrace.segment.no': no,
    'millrace.segment.token': token,
  };
}

function isDifference(error: unknown): boolean {
  return error instanceof SyncError && error.code === 'VERIFICATION_FAILED';
}
