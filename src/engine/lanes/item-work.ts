import type { SegmentRange } from '../../connector-kit/index.ts';
import { findRunSchema, finishItem, saveProgress, setSchemaStatus, type WorkItem } from '../../store/index.ts';
import { retryStore } from '../engine-parts.ts';
import { measureRead, measureTimes } from '../measuring.ts';
import type { Progress } from '../pipeline/jobs.ts';
import { type SchemaPlan, toLoadPlan } from '../planner/schema-plan.ts';
import { finishSchema } from './finish-schema.ts';
import { type Lane, remember, type Unfinished } from './lane-scene.ts';
import { obfuscationOf, requireSnapshot, toReadRequest } from './reading.ts';
import { listLost, MAX_REJECTS_PER_STEP } from './reject-limits.ts';
import { sumSegment, verifySchema } from './verify-schema.ts';

const PROGRESS_MS = 500;

/** One attempt at an item: its preparation, its segment, or what ends its schema. @throws what the connectors do */
export async function runOnce(lane: Lane, item: WorkItem, isolate: boolean): Promise<void> {
  const { parts, run, stop } = lane;
  const known = await findPlan(lane, item);
  if (known === null) return;
  const { plan, snapshotEpoch } = known;
  remember(lane, item, { plan, snapshotEpoch });
  if (item.kind === 'prepare') return prepareSchema(lane, item, plan, snapshotEpoch);
  if (item.kind === 'read') return readSegment(lane, item, plan, snapshotEpoch, isolate);
  const todo = { run, specs: lane.specs, item, plan, snapshotEpoch };
  if (plan.isVerification) await verifySchema(parts, todo, lane.clock, stop);
  else await finishSchema(parts, todo, lane.clock, stop);
  lane.unfinished.delete(item.schemaId);
}

/** A generation keeps its plan and its image; null when the schema was begun again meanwhile. */
async function findPlan(
  { parts, stop, unfinished }: Lane,
  item: WorkItem,
): Promise<Pick<Unfinished, 'plan' | 'snapshotEpoch'> | null> {
  const known = unfinished.get(item.schemaId);
  if (known?.item.generation === item.generation) return known;
  const row = await retryStore(() => findRunSchema(parts.store.db, item.executionId, item.schemaId), stop);
  if (row === null || row.generation !== item.generation) return null;
  // Written by planExecution of this build's protocol.
  return { plan: row.plan as SchemaPlan, snapshotEpoch: row.snapshotEpoch ?? 0 };
}

async function prepareSchema(lane: Lane, item: WorkItem, plan: SchemaPlan, snapshotEpoch: number): Promise<void> {
  const { parts, run, specs, stop } = lane;
  // Before anything is made for reads that could not begin.
  await requireSnapshot(parts, item, snapshotEpoch, stop);
  await retryStore(() => setSchemaStatus(parts.store.db, item.executionId, item.schemaId, 'running'), stop);
  // A comparison finds the table as it is.
  if (plan.isVerification) {
    const timing = lane.clock.take();
    await retryStore(() => finishItem(parts.store.db, item, parts.workerId, null, { timing }), stop);
    return;
  }
  const load = toLoadPlan(plan, { syncId: run.sync.id, executionId: item.executionId, generation: item.generation });
  const job = { kind: 'prepare', destination: specs.destination, load } as const;
  lane.clock.add((await parts.threads.run(job, specs.ownerKey, stop)).timing);
  parts.failpoint('prepared');
  const timing = lane.clock.take();
  if (await retryStore(() => finishItem(parts.store.db, item, parts.workerId, null, { timing }), stop))
    measureTimes(parts, timing);
}

async function readSegment(
  lane: Lane,
  item: WorkItem,
  plan: SchemaPlan,
  snapshotEpoch: number,
  isolate: boolean,
): Promise<void> {
  const { parts, run, specs, stop } = lane;
  const snapshot = await requireSnapshot(parts, item, snapshotEpoch, stop);
  // Written by planSegments of the source's connector and stored untouched.
  const range = item.range as SegmentRange;
  using watch = watchProgress(lane, item);
  if (plan.isVerification) {
    const watched = { clock: lane.clock, onProgress: watch.onProgress };
    // Awaited here: the watch ends with this function.
    return await sumSegment(parts, { run, specs, item, plan, snapshotEpoch }, watched, stop);
  }
  const { timing: spent, ...outcome } = await parts.threads.run(
    {
      kind: 'segment',
      source: specs.source,
      destination: specs.destination,
      load: toLoadPlan(plan, { syncId: run.sync.id, executionId: item.executionId, generation: item.generation }),
      read: toReadRequest(plan, range, snapshot, specs),
      segment: { no: item.no, token: item.token },
      isolate,
      countsOnly: plan.depth === 'counts',
      obfuscation: obfuscationOf(parts, run, plan),
      maxRejects: MAX_REJECTS_PER_STEP,
      lookupFirst: item.token > 1,
    },
    specs.ownerKey,
    stop,
    watch.onProgress,
  );
  await listLost(parts, run, item, outcome.rejects, stop);
  lane.clock.add(spent);
  const figures = {
    progress: { records: outcome.recordsRead, bytes: outcome.bytesRead },
    timing: lane.clock.take(),
  };
  if (!(await retryStore(() => finishItem(parts.store.db, item, parts.workerId, outcome, figures), stop))) return;
  measureRead(parts, run, outcome);
  measureTimes(parts, figures.timing);
}

/**
 * Progress is for people: what is short is over before anybody looks, at most one write is under way, a failed one is
 * forgotten.
 */
function watchProgress({ parts }: Lane, item: WorkItem): Disposable & { onProgress(progress: Progress): void } {
  let latest: Progress | null = null;
  let writing = false;
  const timer = setInterval(() => {
    if (writing || latest === null) return;
    writing = true;
    saveProgress(parts.store.db, item, parts.workerId, latest)
      .catch(() => {})
      .finally(() => {
        writing = false;
      });
    latest = null;
  }, PROGRESS_MS);
  return {
    onProgress: (progress) => {
      latest = progress;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
