import type { SnapshotRef } from '../connector-kit/index.ts';
import { type SchemaReceipt, type SourcePosition, SyncError } from '../core/index.ts';
import {
  completeSchema,
  findSnapshot,
  listReads,
  type Run,
  saveRejects,
  saveSchemaReceipt,
  setSchemaStatus,
  type WorkItem,
} from '../store/index.ts';
import { type EngineParts, type RunSpecs, retryStore } from './engine-parts.ts';
import type { LaneClock } from './lane-clock.ts';
import { measurePublication, measureTimes } from './measuring.ts';
import type { RangeDifference } from './pipeline/jobs.ts';
import { type SchemaPlan, toLoadPlan } from './planner/schema-plan.ts';
import { issueReceipt, type ReadsOf, refuseReceipt, sumReads } from './receipts/schema-receipt.ts';

/** Rejects of one schema in one execution. */
const MAX_REJECTS = 10_000;

export interface SchemaToFinish {
  readonly run: Run;
  readonly specs: RunSpecs;
  readonly item: WorkItem;
  readonly plan: SchemaPlan;
  readonly snapshotEpoch: number;
}

/** Proves and publishes a schema whose segments are all committed, and writes its receipt. Repeatable. */
export async function finishSchema(
  parts: EngineParts,
  todo: SchemaToFinish,
  clock: LaneClock,
  stop: AbortSignal,
): Promise<void> {
  const { run, specs, item, plan } = todo;
  const { db } = parts.store;
  await retryStore(() => setSchemaStatus(db, item.executionId, item.schemaId, 'processing'), stop);
  const reads = sumReads(await retryStore(() => listReads(db, item.executionId, item.schemaId, item.generation), stop));
  if (reads.rejected > MAX_REJECTS) {
    throw new SyncError(
      'TOO_MANY_REJECTS',
      `The destination refused ${reads.rejected} records of ${item.schemaId}, more than ${MAX_REJECTS}. Nothing was published. Mend the data or the destination's columns, then start again.`,
    );
  }
  const position = await retryStore(() => positionOf(parts, item.executionId, todo.snapshotEpoch), stop);
  const load = toLoadPlan(plan, { syncId: run.sync.id, executionId: item.executionId, generation: item.generation });
  try {
    const { timing: spent, ...outcome } = await parts.threads.run(
      {
        kind: 'finish',
        destination: specs.destination,
        load,
        guard: { maxLossPercent: plan.maxLossPercent },
        countsOnly: plan.depth === 'counts',
        expected: reads.expected,
      },
      specs.ownerKey,
      stop,
    );
    clock.add(spent);
    const receipt = issueReceipt(plan, position, reads, outcome);
    await retryStore(() => saveRejects(db, run.execution.organizationId, item, outcome.counts.rejects), stop);
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
          recordCount: receipt.counts.written,
          errorCount: receipt.counts.rejected,
          warningCount: countWarnings(plan),
          // A rejected record is read again next time, also when it does not change until then.
          nextCursor: receipt.counts.rejected > 0 ? plan.from : plan.nextCursor,
          shape: plan.shape,
          seen:
            plan.seen === null ? undefined : { organizationId: run.execution.organizationId, description: plan.seen },
        }),
      stop,
    );
    parts.failpoint('schema-completed');
    if (isOurs) {
      measureTimes(parts, timing);
      measurePublication(parts, run, receipt);
      describePublication(parts, todo, receipt);
      await clock.spend('publication', () => discardQuietly(parts, todo, stop));
    }
  } catch (error) {
    await keepDifferences(parts, todo, error, { position, reads }, stop);
    throw error;
  }
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
  const receipt = refuseReceipt(plan, position, reads, error.message, differences);
  parts.meter.count('verifications', { verdict: receipt.verdict });
  await retryStore(() => saveSchemaReceipt(parts.store.db, item.executionId, item.schemaId, receipt), stop);
}

function countWarnings({ tracking, drift }: SchemaPlan): number {
  return (tracking?.guarantee === 'best_effort' ? 1 : 0) + drift.filter(({ needsAttention }) => needsAttention).length;
}

function describePublication(parts: EngineParts, { item, plan }: SchemaToFinish, receipt: SchemaReceipt): void {
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
  if (rejected > 0) {
    const message = `The destination refused ${rejected} records; the list of rejects names each with its reason.`;
    parts.console.warn(executionId, message, { schemaId, payload: { rejected } });
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
  { run, specs, item, plan }: Omit<SchemaToFinish, 'snapshotEpoch'>,
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
      { executionId: item.executionId, schemaId: item.schemaId },
      `Leftovers of a load stay until the next execution: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
