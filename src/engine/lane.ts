import { setTimeout as sleep } from 'node:timers/promises';
import type { SegmentRange } from '../connector-kit/index.ts';
import { firstError, isAbort, SyncError, serializeError } from '../core/index.ts';
import {
  claimItem,
  findRunSchema,
  finishItem,
  hasOpenItems,
  isMovedByOthers,
  loadRun,
  type Run,
  reclaimItem,
  releaseItem,
  saveProgress,
  saveRejects,
  setSchemaStatus,
  type WorkItem,
} from '../store/index.ts';
import type { Watch } from './cancellation.ts';
import { withinLimits } from './connection-limits.ts';
import { type EngineParts, findRun, holdFiles, type RunSpecs, retryStore, specsOf } from './engine-parts.ts';
import { discardQuietly, finishSchema } from './finish-schema.ts';
import { LaneClock } from './lane-clock.ts';
import { measureRead, measureTimes } from './measuring.ts';
import { isOutOfReach } from './outages.ts';
import type { Progress } from './pipeline/jobs.ts';
import { type SchemaPlan, toLoadPlan } from './planner/schema-plan.ts';
import { obfuscationOf, requireSnapshot, toReadRequest } from './reading.ts';
import { restartInNewSnapshot } from './restart-schema.ts';
import { isOutage, SEGMENT_RETRY, waitBeforeRetry } from './retry.ts';
import { inSpan } from './tracing.ts';
import { sumSegment, verifySchema } from './verify-schema.ts';
import { workOnPack } from './work-pack.ts';

const POLL_MS = 100;
const PROGRESS_MS = 500;
/** Other lanes end most schemas that this one has worked on, without its hearing of it. */
const MAX_REMEMBERED = 100;
/** A segment that was begun this often kills its workers, or is fenced off again and again. */
const MAX_CLAIMS = 30;
/** Rejects of one segment; more of them mean that the column does not fit, not the record. */
const MAX_REJECTS_PER_SEGMENT = 1_000;

/**
 * Works off an execution's items, one after another, until none is left. Ends early, leaving everything repeatable,
 * when the execution is cancelled; never returns once the process is draining, so that the durable engine gives the
 * lane to the next process instead of taking it for finished.
 */
export async function runLane(
  parts: EngineParts,
  executionId: string,
  laneId: string,
  signal: AbortSignal,
): Promise<void> {
  using watch = parts.cancels.watch(executionId);
  const stop = AbortSignal.any([watch.signal, signal, parts.draining]);
  const run = await retryStore(() => loadRun(parts.store, executionId), stop);
  const lane: Lane = {
    parts,
    run,
    specs: specsOf(parts, run),
    laneId,
    stop,
    watch,
    clock: new LaneClock(),
    unfinished: new Map(),
  };
  parts.visited.add(executionId);
  await holdFiles(parts, run, lane.specs, stop).catch((error: unknown) => {
    if (!stop.aborted) throw error;
  });
  while (!stop.aborted && (await step(lane)));
  if (watch.signal.aborted) await discardIfDeleted(lane);
  if (parts.draining.aborted) await new Promise<never>(() => {});
}

interface Lane {
  readonly parts: EngineParts;
  readonly run: Run;
  readonly specs: RunSpecs;
  readonly laneId: string;
  readonly stop: AbortSignal;
  readonly watch: Watch;
  readonly clock: LaneClock;
  /** Schemas that this lane has worked on and not seen the end of. */
  readonly unfinished: Map<string, Unfinished>;
}

interface Unfinished {
  readonly item: Pick<WorkItem, 'executionId' | 'schemaId' | 'generation'>;
  readonly plan: SchemaPlan;
  readonly snapshotEpoch: number;
}

// The plans of a deleted sync are gone from the metadata: only who has worked by them still knows what to drop.
async function discardIfDeleted({ parts, run, specs, unfinished }: Lane): Promise<void> {
  if ((await findRun(parts, run.execution.id)) !== null) return;
  for (const { item, plan } of unfinished.values()) {
    await discardQuietly(parts, { run, specs, item, plan }, AbortSignal.timeout(30_000));
  }
}

// False when nothing is left to do.
async function step(lane: Lane): Promise<boolean> {
  const { parts, run, stop, clock } = lane;
  if (await workOnNext(lane)) return true;
  if (!(await retryStore(() => hasOpenItems(parts.store.db, run.execution.id), stop))) return false;
  await clock.spend('idle', () => sleep(POLL_MS, undefined, { signal: stop }).catch(() => {}));
  return true;
}

// False when nothing may be begun now. Behind each step it is others' turn: the place is given back.
async function workOnNext(lane: Lane): Promise<boolean> {
  const { parts, run, stop, clock } = lane;
  const { id: executionId, organizationId } = run.execution;
  if (!(await mayTakeSteps(lane))) return false;
  using place = await clock.spend('waiting', () => parts.places.take({ organizationId, executionId }, stop));
  if (place === null) return false;
  return withinLimits(lane, () => workOnClaimed(lane));
}

// What we cannot reach is left to the others: a step in our hands would wait until we gave it back.
async function mayTakeSteps({ parts, run, specs }: Lane): Promise<boolean> {
  const { id } = run.execution;
  const { outages } = parts;
  if (outages.isPaused(id)) return false;
  if (!outages.has(id) || outages.isHopeless(id) || parts.others() === 0) return true;
  if (await parts.reach.isThere([specs.source, specs.destination])) return true;
  outages.add(id, null);
  return false;
}

async function workOnClaimed(lane: Lane): Promise<boolean> {
  const { parts, run, stop, laneId } = lane;
  const executionId = run.execution.id;
  const owner = { executionId, laneId, workerId: parts.workerId };
  const item = await retryStore(() => claimItem(parts.store.db, owner), stop);
  const work = item === null ? workOnPack(lane, rememberPacked(lane)) : runItem(lane, item).then(() => true);
  parts.inFlight.add(work);
  return work.finally(() => parts.inFlight.delete(work));
}

async function runItem(ofExecution: Lane, claimed: WorkItem): Promise<void> {
  const { parts } = ofExecution;
  // A schema that is cancelled by itself has its status already; its work just ends.
  const stop = AbortSignal.any([ofExecution.stop, ofExecution.watch.signalOf(claimed.schemaId)]);
  const lane = { ...ofExecution, stop };
  let item = claimed;
  let isolate = false;
  for (let failures = 0; ; ) {
    const attempt = lane.clock.attempt();
    try {
      if (item.token > MAX_CLAIMS)
        throw new SyncError(
          'INTERNAL',
          `Segment ${item.no} of ${item.schemaId} was begun ${MAX_CLAIMS} times without an end. Start the sync again.`,
        );
      await inSpan(SPANS[item.kind], lane.run.execution, attributesOf(item), () => runOnce(lane, item, isolate));
      return parts.outages.forget(item.executionId);
    } catch (thrown) {
      // A difference is what the attempt was to find, and nothing of it is repeated.
      using _lost = isDifference(thrown) ? null : attempt;
      if (stop.aborted) return;
      const error = await restartIfSnapshotLost(lane, item, firstError(thrown));
      if (error === null || stop.aborted) return;
      if (await isDestinationAhead(lane, item, error)) return failSchema(lane, item, destinationAhead(item, error));
      // Fenced off: whoever holds it now goes on; if that is this lane again, its next claim asks what became of it.
      if (isAbort(error)) return;
      if (isOutOfReach(error) && parts.others() > 0) return handBack(lane, item, error);
      if (error instanceof SyncError && error.kind === 'data' && item.kind === 'read' && !isolate) isolate = true;
      else if (isOutage(error) && failures + 1 < SEGMENT_RETRY.maxAttempts) {
        failures += 1;
        parts.meter.count('steps_repeated', { step: item.kind });
        parts.log.warn(
          { ...factsOf(lane.run, item), attempt: failures },
          `A step is tried again: ${serializeError(error).message}`,
        );
        parts.console.warn(item.executionId, `A step is tried again: ${toShown(error)}`, {
          schemaId: item.schemaId,
          payload: { step: item.kind, segment: item.no, attempt: failures },
        });
        await waitBeforeRetry(SEGMENT_RETRY, failures, error, parts.random, stop).catch(() => {});
      } else return failSchema(lane, item, error);
      const again = await retryStore(() => reclaimItem(parts.store.db, item, parts.workerId), stop);
      if (again === null) return;
      item = again;
    }
  }
}

function isDifference(error: unknown): boolean {
  return error instanceof SyncError && error.code === 'VERIFICATION_FAILED';
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
async function restartIfSnapshotLost({ parts, run, stop }: Lane, item: WorkItem, error: unknown): Promise<unknown> {
  if (!(error instanceof SyncError) || error.code !== 'SNAPSHOT_LOST') return error;
  if (await isStillHeld(parts, item, stop)) return error;
  try {
    await restartInNewSnapshot(parts, run, item, stop);
    return null;
  } catch (failure) {
    return firstError(failure);
  }
}

// Our session that held the image may be gone while another worker's still lives: then that one's is read in.
async function isStillHeld(parts: EngineParts, item: WorkItem, stop: AbortSignal): Promise<boolean> {
  const schema = await retryStore(() => findRunSchema(parts.store.db, item.executionId, item.schemaId), stop);
  if (schema === null || schema.generation !== item.generation || schema.snapshotEpoch === null) return false;
  const { snapshotEpoch } = schema;
  return retryStore(() => parts.snapshots.renounce(item.executionId, snapshotEpoch), stop);
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

async function runOnce(lane: Lane, item: WorkItem, isolate: boolean): Promise<void> {
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

function rememberPacked(lane: Lane): Parameters<typeof workOnPack>[1] {
  return (schema, plan) => remember(lane, schema, { plan, snapshotEpoch: schema.snapshotEpoch });
}

function remember(
  { unfinished }: Lane,
  item: Unfinished['item'],
  { plan, snapshotEpoch }: Pick<Unfinished, 'plan' | 'snapshotEpoch'>,
): void {
  unfinished.delete(item.schemaId);
  unfinished.set(item.schemaId, { item, plan, snapshotEpoch });
  const [oldest] = unfinished.keys();
  if (unfinished.size > MAX_REMEMBERED && oldest !== undefined) unfinished.delete(oldest);
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
      read: toReadRequest(plan, range, snapshot),
      segment: { no: item.no, token: item.token },
      isolate,
      countsOnly: plan.depth === 'counts',
      obfuscation: obfuscationOf(parts, run, plan),
      maxRejects: MAX_REJECTS_PER_SEGMENT,
      lookupFirst: item.token > 1,
    },
    specs.ownerKey,
    stop,
    watch.onProgress,
  );
  await retryStore(() => saveRejects(parts.store.db, run.execution.organizationId, item, outcome.rejects), stop);
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
