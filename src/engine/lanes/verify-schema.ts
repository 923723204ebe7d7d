import { type SegmentRange, tableText } from '../../connector-kit/index.ts';
import { type SchemaReceipt, type SourcePosition, SyncError } from '../../core/index.ts';
import { completeVerification, finishItem, listReads, saveSchemaReceipt, setSchemaStatus } from '../../store/index.ts';
import { type Comparison, compareSchema } from '../comparison/compare-schema.ts';
import { openSidesOf } from '../comparison/open-sides.ts';
import { type EngineParts, retryStore } from '../engine-parts.ts';
import { measureLook, measureTimes } from '../measuring.ts';
import type { Progress } from '../pipeline/jobs.ts';
import { toLoadPlan } from '../planner/schema-plan.ts';
import { toDifferenceText, toRecordDifferences } from '../receipts/record-differences.ts';
import { frame, sumReads } from '../receipts/schema-receipt.ts';
import { positionOf } from './finish-schema.ts';
import type { LaneClock } from './lane-clock.ts';
import { obfuscationOf, requireSnapshot, toReadRequest } from './reading.ts';
import type { SchemaToFinish } from './schema-to-finish.ts';

/** Reads one segment of the source for a verification: where a load would write, this only adds up. */
export async function sumSegment(
  parts: EngineParts,
  { run, specs, item, plan, snapshotEpoch }: SchemaToFinish,
  { clock, onProgress }: { readonly clock: LaneClock; readonly onProgress: (progress: Progress) => void },
  stop: AbortSignal,
): Promise<void> {
  const snapshot = await requireSnapshot(parts, item, snapshotEpoch, stop);
  const ids = { syncId: run.sync.id, executionId: item.executionId, generation: item.generation };
  const job = {
    kind: 'lookAtSource',
    source: specs.source,
    load: toLoadPlan(plan, ids),
    // Written by planSegments of the source's connector and stored untouched.
    read: { ...toReadRequest(plan, item.range as SegmentRange, snapshot), segment: { no: item.no, token: item.token } },
    obfuscation: obfuscationOf(parts, run, plan),
    question: { what: 'sum', countsOnly: false },
  } as const;
  const readOwner = specs.source.readOwner ?? null;
  const { timing: spent, ...look } = await parts.threads.run(job, readOwner, stop, onProgress);
  clock.add(spent);
  const outcome = { recordsRead: look.sum.records, bytesRead: look.bytes, source: look.sum, rejects: [] };
  const progress = { records: look.sum.records, bytes: look.bytes };
  const figures = { progress, timing: clock.take() };
  if (!(await retryStore(() => finishItem(parts.store.db, item, parts.workerId, outcome, figures), stop))) return;
  measureTimes(parts, figures.timing);
  measureLook(parts, run, outcome);
}

/**
 * Compares a schema whose source was summed up with the destination's table, and writes its receipt. Repeatable: nothing
 * else is written anywhere.
 * @throws `VERIFICATION_FAILED` when they differ; the receipt names the records
 */
export async function verifySchema(
  parts: EngineParts,
  todo: SchemaToFinish,
  clock: LaneClock,
  stop: AbortSignal,
): Promise<void> {
  const { item, plan } = todo;
  const { db } = parts.store;
  await retryStore(() => setSchemaStatus(db, item.executionId, item.schemaId, 'processing'), stop);
  const reads = sumReads(await retryStore(() => listReads(db, item.executionId, item.schemaId, item.generation), stop));
  const position = await retryStore(() => positionOf(parts, item.executionId, todo.snapshotEpoch), stop);
  parts.failpoint('before-comparison');
  await using sides = await openSidesOf(parts, todo, stop);
  const comparison = await clock.spend('proof', () => compareSchema(reads.expected, sides));
  const receipt = toReceipt(todo, position, comparison, sides.notes);
  parts.meter.count('verifications', { verdict: receipt.verdict });
  if (receipt.verdict === 'equal') {
    const message = `Compared: ${receipt.source.records} records are equal on both sides.`;
    parts.console.info(item.executionId, message, { schemaId: item.schemaId });
    const done = { item, workerId: parts.workerId, receipt, timing: clock.take() };
    await retryStore(() => completeVerification(parts.store, done), stop);
    measureTimes(parts, done.timing);
    return;
  }
  await retryStore(() => saveSchemaReceipt(db, item.executionId, item.schemaId, receipt), stop);
  throw new SyncError(
    'VERIFICATION_FAILED',
    `${tableText(plan.table)} differs from ${item.schemaId}: ${sayHow(receipt)}`,
  );
}

function toReceipt(
  { plan }: SchemaToFinish,
  position: SourcePosition,
  { source, destination, ranges, isComplete }: Comparison,
  notes: readonly string[],
): SchemaReceipt {
  const isEqual = ranges.length === 0;
  return {
    ...frame(plan, position),
    load: 'none',
    verdict: isEqual ? 'equal' : 'different',
    notes: [...plan.imageNotes, 'Verification: both sides were read, and nothing was written.', ...notes],
    source,
    destination,
    counts: { read: source.records, written: 0, unchanged: 0, deleted: 0, rejected: 0 },
    differences: ranges.map((range) => ({ range: range.range, source: range.source, destination: range.destination })),
    ...(isEqual ? {} : { differing: toRecordDifferences(ranges, isComplete) }),
  };
}

function sayHow({ differing }: SchemaReceipt): string {
  const how = differing === undefined ? '' : `${toDifferenceText(differing)}. `;
  const where = differing?.records.length ? 'The receipt lists their keys. ' : '';
  return `${how}${where}Run the sync with receipt depth repair, or with --resync-mode refetch, to make them equal.`;
}
