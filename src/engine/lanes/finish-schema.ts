import { type SnapshotRef, tableText } from '../../connector-kit/index.ts';
import { type RecordDifferences, type SchemaReceipt, type SourcePosition, SyncError } from '../../core/index.ts';
import {
  completeSchema,
  findKeptOutcome,
  findSnapshot,
  keepOutcome,
  listReads,
  saveSchemaReceipt,
  setSchemaStatus,
  type WorkItem,
} from '../../store/index.ts';
import { proveWhole, type WholeProof } from '../comparison/prove-whole.ts';
import { type EngineParts, retryStore } from '../engine-parts.ts';
import { measurePublication, measureTimes } from '../measuring.ts';
import type { FinishOutcome, RangeDifference } from '../pipeline/jobs.ts';
import { type SchemaPlan, toLoadPlan } from '../planner/schema-plan.ts';
import { toDifferenceText } from '../receipts/record-differences.ts';
import { issueReceipt, type ReadsOf, refuseReceipt, sumReads } from '../receipts/schema-receipt.ts';
import { collectStatistics } from './collect-statistics.ts';
import { findNextCursor } from './find-next-cursor.ts';
import type { LaneClock } from './lane-clock.ts';
import { findRoom, listLostInPublication, MAX_REJECTS_PER_SCHEMA, withinRoom } from './reject-limits.ts';
import type { SchemaToFinish } from './schema-to-finish.ts';

/** What the segments of a schema have read, and how many records its publication may lose. */
interface Loaded {
  readonly reads: ReadsOf;
  readonly room: number;
}

const UNCHANGED = 'Nothing of this schema was published.';

type SchemaToDiscard = Pick<SchemaToFinish, 'run' | 'specs' | 'plan'> & {
  readonly item: Pick<WorkItem, 'executionId' | 'schemaId' | 'generation'>;
};

/** Proves and publishes a schema whose segments are all committed, and writes its receipt. Repeatable. */
export async function finishSchema(
  parts: EngineParts,
  todo: SchemaToFinish,
  clock: LaneClock,
  stop: AbortSignal,
): Promise<void> {
  const { run, item, plan } = todo;
  const { db } = parts.store;
  await retryStore(() => setSchemaStatus(db, item.executionId, item.schemaId, 'processing'), stop);
  const reads = sumReads(await retryStore(() => listReads(db, item.executionId, item.schemaId, item.generation), stop));
  if (reads.rejected > MAX_REJECTS_PER_SCHEMA) {
    throw new SyncError(
      'TOO_MANY_REJECTS',
      `The destination refused ${reads.rejected} records of ${item.schemaId}, more than ${MAX_REJECTS_PER_SCHEMA}. Nothing was published. Mend the data or the destination's columns, then start again.`,
    );
  }
  const position = await retryStore(() => positionOf(parts, item.executionId, todo.snapshotEpoch), stop);
  const search = new AbortController();
  const found = findNextCursor(parts, todo, reads, AbortSignal.any([stop, search.signal]));
  try {
    const room = await findRoom(parts, item, stop);
    const outcome = await publishOrRecall(parts, todo, { reads, room }, clock, stop);
    const whole = await proveWholeIfAsked(parts, todo, { reads, room, outcome }, clock, stop);
    const receipt = issueReceipt(plan, position, reads, outcome, whole);
    const rejects = [...outcome.counts.rejects, ...(whole?.rejects ?? [])];
    await listLostInPublication(parts, run, item, rejects, stop);
    // A rejected record is read again next time, also when it does not change until then.
    const nextCursor = receipt.counts.rejected > 0 ? plan.from : await found;
    const timing = clock.take();
    const isOurs = await retryStore(
      () =>
        completeSchema(parts.store, {
          item,
          workerId: parts.workerId,
          outcome: outcome.counts,
          timing,
          syncId: run.sync.id,
          receipt,
          recordCount: receipt.counts.written + (receipt.repaired?.missing ?? 0) + (receipt.repaired?.different ?? 0),
          errorCount: receipt.counts.rejected + (whole?.rejects.length ?? 0),
          warningCount: countWarnings(plan),
          nextCursor,
          shape: plan.shape,
          revision: plan.revision,
          repairedBy: whole?.generation ?? undefined,
          seen:
            plan.seen === null ? undefined : { organizationId: run.execution.organizationId, description: plan.seen },
        }),
      stop,
    );
    parts.failpoint('schema-completed');
    if (isOurs) {
      measureTimes(parts, timing);
      measurePublication(parts, run, receipt);
      describePublication(parts, todo, receipt, whole?.rejects.length);
      collectStatistics(parts, todo);
      await clock.spend('publication', () => discardQuietly(parts, todo, stop));
    }
  } catch (error) {
    if (mayLoadAgain(todo, error)) throw loadAgain(parts, todo, error);
    await keepDifferences(parts, todo, error, { position, reads }, stop);
    throw error;
  } finally {
    search.abort();
  }
}

/**
 * Proves and publishes what was loaded. With depth `repair` more follows that may take long, so what was published is kept
 * for whoever begins this item again: the repair drops what the load has left in the destination.
 */
async function publishOrRecall(
  parts: EngineParts,
  { run, specs, item, plan }: SchemaToFinish,
  { reads, room }: Loaded,
  clock: LaneClock,
  stop: AbortSignal,
): Promise<FinishOutcome> {
  const { db } = parts.store;
  const isRepaired = plan.depth === 'repair' && plan.kind !== 'replace';
  const kept = isRepaired && item.token > 1 ? await retryStore(() => findKeptOutcome(db, item), stop) : null;
  // Kept by an earlier attempt, below.
  if (kept !== null) return kept as FinishOutcome;
  const job = {
    kind: 'finish',
    destination: specs.destination,
    load: toLoadPlan(plan, { syncId: run.sync.id, executionId: item.executionId, generation: item.generation }),
    countsOnly: plan.depth === 'counts',
    expected: reads.expected,
    isRepaired,
  } as const;
  const { maxLossPercent } = plan;
  const { timing, ...outcome } = await withinRoom({ item, room, unchanged: UNCHANGED }, (maxRejects) =>
    parts.threads.run({ ...job, guard: { maxLossPercent, maxRejects } }, specs.ownerKey, stop),
  );
  clock.add(timing);
  if (isRepaired) await retryStore(() => keepOutcome(db, item, parts.workerId, outcome), stop);
  return outcome;
}

/** A replacement is proved whole before it is seen, and a merge that has found no difference is proved whole, too. */
async function proveWholeIfAsked(
  parts: EngineParts,
  todo: SchemaToFinish,
  { reads, room, outcome }: Loaded & { readonly outcome: FinishOutcome },
  clock: LaneClock,
  stop: AbortSignal,
): Promise<WholeProof | null> {
  const { plan } = todo;
  if (plan.depth !== 'repair' || plan.kind === 'replace') return null;
  if (plan.kind === 'merge' && outcome.differences.length === 0) return null;
  const rejected = [...reads.rejectedKeys.map((key) => ({ key })), ...outcome.counts.rejects];
  const expected = plan.kind === 'merge' && rejected.length === 0 ? reads.expected : null;
  const left = room - outcome.counts.rejects.length;
  return clock.spend('proof', () => proveWhole(parts, todo, { expected, rejected, room: left }, stop));
}

/** Of a new table nothing is known to be good: where it differs before anybody has seen it, all of it is loaded again, once. */
function mayLoadAgain({ plan }: SchemaToFinish, error: unknown): boolean {
  if (plan.depth !== 'repair' || plan.kind !== 'replace' || plan.isLoadedAgain === true) return false;
  return error instanceof SyncError && error.code === 'VERIFICATION_FAILED';
}

function loadAgain(parts: EngineParts, { item, plan }: SchemaToFinish, cause: unknown): SyncError {
  const message = `The new table for ${tableText(plan.table)} differs from the source before it is published; it is loaded again.`;
  parts.console.warn(item.executionId, message, { schemaId: item.schemaId });
  return new SyncError('SNAPSHOT_LOST', message, { cause, detail: { isDifferent: true } });
}

/** A proof that failed is kept, so that it can be looked at. */
async function keepDifferences(
  parts: EngineParts,
  { item, plan }: SchemaToFinish,
  error: unknown,
  { position, reads }: { readonly position: SourcePosition; readonly reads: ReadsOf },
  stop: AbortSignal,
): Promise<void> {
  if (!(error instanceof SyncError) || error.code !== 'VERIFICATION_FAILED') return;
  // `finishLoad` puts them into the error's detail.
  const differences = (error.detail.differences ?? []) as readonly RangeDifference[];
  // `proveWhole` has looked at single records, too.
  const [differing] = (error.detail.differing ?? []) as readonly RecordDifferences[];
  const receipt = refuseReceipt(plan, position, reads, error.message, { differences, differing });
  parts.meter.count('verifications', { verdict: receipt.verdict });
  await retryStore(() => saveSchemaReceipt(parts.store.db, item.executionId, item.schemaId, receipt), stop);
}

/** What somebody should look at, of a schema that completes. */
export function countWarnings({ tracking, drift }: SchemaPlan): number {
  return (tracking?.guarantee === 'best_effort' ? 1 : 0) + drift.filter(({ needsAttention }) => needsAttention).length;
}

/** Tells the console log what a publication has written. */
export function describePublication(
  parts: EngineParts,
  { item, plan }: { readonly item: Pick<WorkItem, 'executionId' | 'schemaId'>; readonly plan: SchemaPlan },
  receipt: SchemaReceipt,
  refusedByRepair = 0,
): void {
  const { executionId, schemaId } = item;
  const { read, written, unchanged, deleted, rejected } = receipt.counts;
  parts.console.info(
    executionId,
    `Published: ${written} records written, ${unchanged} unchanged, ${deleted} removed; receipt: ${receipt.verdict} (${receipt.scope}, ${receipt.depth}).`,
    {
      schemaId,
      payload: { read, written, unchanged, deleted, rejected, verdict: receipt.verdict, scope: receipt.scope },
    },
  );
  if (receipt.repaired !== undefined) {
    const message = `Repaired before the proof: ${toDifferenceText(receipt.repaired)}.`;
    parts.console.warn(executionId, message, { schemaId });
  }
  const refused = rejected + refusedByRepair;
  if (refused > 0) {
    const message = `The destination refused ${refused} records; the list of rejects names each with its reason.`;
    parts.console.warn(executionId, message, { schemaId, payload: { rejected: refused } });
  }
  if (plan.tracking?.guarantee === 'best_effort') {
    parts.console.warn(executionId, `Late commits may be missed: ${plan.tracking.reason}`, { schemaId });
  }
}

/** Where the image of a schema stood in its source. */
export async function positionOf(parts: EngineParts, executionId: string, epoch: number): Promise<SourcePosition> {
  const held = await parts.snapshots.find(executionId, epoch);
  if (held !== null) return held.position;
  const row = await findSnapshot(parts.store.db, executionId, epoch);
  if (row === null) throw new SyncError('INTERNAL', `The snapshot ${epoch} of execution ${executionId} has no row.`);
  // Written by SnapshotHolder.
  return (row.snapshot as SnapshotRef).position;
}

/** Drops a generation's leftovers. What cannot be dropped now is dropped by the next generation's `prepare`. */
export async function discardQuietly(
  parts: EngineParts,
  { run, specs, item, plan }: SchemaToDiscard,
  stop: AbortSignal,
): Promise<void> {
  // It made nothing, and what it found there belongs to others.
  if (plan.isVerification) return;
  const load = toLoadPlan(plan, { syncId: run.sync.id, executionId: item.executionId, generation: item.generation });
  try {
    await parts.threads.run({ kind: 'discard', destination: specs.destination, load }, specs.ownerKey, stop);
  } catch (error) {
    if (stop.aborted) return;
    parts.log.warn(
      { executionId: item.executionId, syncId: run.sync.id, schemaId: item.schemaId },
      `Leftovers of a load stay until the next execution: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
