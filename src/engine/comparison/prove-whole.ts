import type { Reject } from '../../connector-kit/index.ts';
import { type RangeSum, type RecordDifferences, SyncError } from '../../core/index.ts';
import { subtractSums } from '../../formats/index.ts';
import { definitionOf, type EngineParts } from '../engine-parts.ts';
import { openConnection } from '../executions/sides.ts';
import { requireSnapshot } from '../lanes/reading.ts';
import type { SchemaToFinish } from '../lanes/schema-to-finish.ts';
import type { ExpectedRange } from '../pipeline/jobs.ts';
import { hideKey, toLoadPlan } from '../planner/schema-plan.ts';
import { toDifferenceText, toRecordDifferences } from '../receipts/record-differences.ts';
import { type Comparison, compareSchema, type DifferingRange } from './compare-schema.ts';
import { type OpenSides, openSidesOf } from './open-sides.ts';
import { openRejectedKeys } from './rejected-keys.ts';
import { repairRecords } from './repair.ts';

/** A whole schema that was found, or made, equal. */
export interface WholeProof {
  readonly source: RangeSum;
  readonly destination: RangeSum;
  readonly notes: readonly string[];
  readonly repaired: RecordDifferences | null;
  /** What the destination refused to have repaired, the load's own rejects aside. */
  readonly rejects: readonly Reject[];
  /** The generation of the repair, or null. */
  readonly generation: number | null;
}

/** What the load before it left to be proved. */
export interface LoadedSchema {
  /** Of the whole schema, when the load has read all of it; null after a delta, or where records were rejected. */
  readonly expected: readonly ExpectedRange[] | null;
  /** What the destination refused is no part of the image. */
  readonly rejected: readonly Pick<Reject, 'key'>[];
  /** So many more may a repair lose. */
  readonly room: number;
}

/**
 * Compares all records of a schema that was loaded, those that the load did not read included, and writes anew what
 * differs: once, for what a trigger changes is changed again.
 * @throws `VERIFICATION_FAILED` when more differs than is repaired record by record, or a repair did not hold
 */
export async function proveWhole(
  parts: EngineParts,
  todo: SchemaToFinish,
  { expected, rejected, room }: LoadedSchema,
  stop: AbortSignal,
): Promise<WholeProof> {
  const all = expected ?? (await sumSource(parts, todo, stop));
  const { columns } = toLoadPlan(todo.plan, { ...todo.item, syncId: todo.run.sync.id });
  const isRejected = openRejectedKeys(columns, rejected);
  const first = await compareOnce(parts, todo, all, stop);
  const found = leaveOut(first, isRejected);
  const { notes } = first;
  if (found.ranges.length === 0) return { ...found, notes, repaired: null, rejects: [], generation: null };
  if (!found.isComplete) throw tooDifferent(todo, found, toRecordDifferences(found.ranges, false));
  const { generation, rejects } = await repairRecords(parts, todo, { ranges: found.ranges, room }, stop);
  const isRefused = openRejectedKeys(columns, [...rejected, ...rejects]);
  const second = leaveOut(await compareOnce(parts, todo, all, stop), isRefused);
  if (second.ranges.length > 0) throw stillDifferent(todo, second);
  const { ranges } = leaveOut(found, isRefused);
  const repaired = ranges.length === 0 ? null : toRecordDifferences(ranges, true);
  return { ...second, notes, repaired, rejects, generation };
}

/** One image of the destination for each comparison: that of the first does not show the repair. */
async function compareOnce(
  parts: EngineParts,
  todo: SchemaToFinish,
  expected: readonly ExpectedRange[],
  stop: AbortSignal,
): Promise<Comparison & Pick<OpenSides, 'notes'>> {
  await using sides = await openSidesOf(parts, todo, stop);
  return { ...(await compareSchema(expected, sides)), notes: sides.notes };
}

/** Reads the whole schema in the snapshot of its load, only to add it up. */
async function sumSource(
  parts: EngineParts,
  todo: SchemaToFinish,
  stop: AbortSignal,
): Promise<readonly ExpectedRange[]> {
  const { run, plan, item } = todo;
  const snapshot = await requireSnapshot(parts, item, todo.snapshotEpoch, stop);
  const segmentBytes = definitionOf(parts, run.destination.type).capabilities.destination?.segmentBytes ?? 0;
  await using connector = await openConnection(parts, run, run.source);
  const request = { schema: hideKey(plan), snapshot, segmentBytes, from: null, filters: plan.filters };
  const ranges = (await connector.source?.planSegments(request, stop)) ?? [];
  await using sides = await openSidesOf(parts, todo, stop);
  const expected: ExpectedRange[] = [];
  for (const range of ranges) {
    const { sum } = await sides.lookAtSource(range, { what: 'sum', countsOnly: false });
    expected.push({ range, source: sum });
  }
  return expected;
}

type Found = Pick<Comparison, 'source' | 'destination' | 'ranges' | 'isComplete'>;

/** Of a refused record the destination may hold an older version, or none. */
function leaveOut(comparison: Found, isRejected: ReturnType<typeof openRejectedKeys>): Found {
  let { source, destination } = comparison;
  const ranges: DifferingRange[] = [];
  for (const range of comparison.ranges) {
    const left = range.records.filter((record) => !isRejected(record));
    for (const record of range.records.filter(isRejected)) {
      source = subtractSums(source, sumOf(record.source));
      destination = subtractSums(destination, sumOf(record.destination));
    }
    if (left.length > 0 || range.records.length === 0) ranges.push({ ...range, records: left });
  }
  return { source, destination, ranges, isComplete: comparison.isComplete };
}

function sumOf(hash: string | null): RangeSum {
  return hash === null ? { records: 0, sum: '0'.repeat(32) } : { records: 1, sum: hash };
}

function tooDifferent(todo: SchemaToFinish, found: Found, differing: RecordDifferences): SyncError {
  const how = `${toDifferenceText(differing)}, too many to be repaired one by one. Start the sync with --resync-mode refetch.`;
  return differs(todo, found, differing, how);
}

function stillDifferent(todo: SchemaToFinish, found: Found): SyncError {
  const differing = toRecordDifferences(found.ranges, found.isComplete);
  const how = `after its repair: ${toDifferenceText(differing)}. Look for triggers on it or others who write it, then start again.`;
  return differs(todo, found, differing, how);
}

function differs({ item }: SchemaToFinish, found: Found, differing: RecordDifferences, how: string): SyncError {
  const differences = found.ranges.map(({ range, source, destination }) => ({ range, source, destination }));
  return new SyncError('VERIFICATION_FAILED', `The destination of ${item.schemaId} differs from the source, ${how}`, {
    detail: { schemaId: item.schemaId, differences, differing: [differing] },
  });
}
