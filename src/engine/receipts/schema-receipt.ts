import {
  type HighestSeen,
  type Reject,
  type SegmentOutcome,
  type SegmentRange,
  tableText,
} from '../../connector-kit/index.ts';
import {
  type RangeSum,
  type RecordDifferences,
  type SchemaReceipt,
  type SourcePosition,
  SyncError,
} from '../../core/index.ts';
import { addSums, emptySum } from '../../formats/index.ts';
import type { WholeProof } from '../comparison/prove-whole.ts';
import type { ExpectedRange, FinishOutcome, RangeDifference } from '../pipeline/jobs.ts';
import type { SchemaPlan } from '../planner/schema-plan.ts';

/** The reads of one schema: what the source side of its proof consists of. */
export interface ReadsOf {
  readonly expected: readonly ExpectedRange[];
  readonly recordsRead: number;
  readonly rejected: number;
  readonly rejectedKeys: readonly NonNullable<Reject['key']>[];
  /** The highest value of a delta's tracking field; undefined where it was not watched. */
  readonly highest: HighestSeen | undefined;
}

/** Adds up what the segments of a schema read. */
export function sumReads(rows: readonly { readonly range: unknown; readonly outcome: unknown }[]): ReadsOf {
  // Both were written by the engine: the range at planning, the outcome at the segment's end.
  const reads = rows.map((row) => ({ range: row.range as SegmentRange, outcome: row.outcome as SegmentOutcome }));
  return {
    expected: reads.map(({ range, outcome }) => ({ range, source: outcome.source })),
    recordsRead: reads.reduce((sum, { outcome }) => sum + outcome.recordsRead, 0),
    rejected: reads.reduce((sum, { outcome }) => sum + outcome.rejects.length, 0),
    rejectedKeys: reads.flatMap(({ outcome }) => outcome.rejects.flatMap(({ key }) => (key === null ? [] : [key]))),
    // Only its source can tell which of two is higher.
    highest: reads.length === 1 ? reads[0]?.outcome.highest : undefined,
  };
}

/**
 * The proof of a schema that was finished.
 * @throws `VERIFICATION_FAILED` when read records are not accounted for as written, unchanged or rejected
 */
export function issueReceipt(
  plan: SchemaPlan,
  position: SourcePosition,
  reads: ReadsOf,
  outcome: FinishOutcome,
  whole: WholeProof | null = null,
): SchemaReceipt {
  const written = outcome.counts.inserted + outcome.counts.updated;
  const rejected = reads.rejected + outcome.counts.rejects.length;
  const accounted = written + outcome.counts.unchanged + rejected;
  if (accounted !== reads.recordsRead) {
    throw new SyncError(
      'VERIFICATION_FAILED',
      `The counts of ${plan.schema.id} do not add up: ${reads.recordsRead} records were read, but ${written} written, ${outcome.counts.unchanged} unchanged and ${rejected} rejected. Report this with the receipt.`,
    );
  }
  return {
    ...frame(plan, position),
    ...(whole === null ? {} : { scope: 'snapshot' as const }),
    verdict: 'equal',
    notes: [...notesOf(plan, whole !== null), ...(whole?.notes ?? []), ...notesOfRepair(whole)],
    source: whole?.source ?? outcome.source,
    destination: whole?.destination ?? outcome.destination,
    counts: {
      read: reads.recordsRead,
      written,
      unchanged: outcome.counts.unchanged,
      deleted: outcome.counts.deleted,
      rejected,
    },
    differences: [],
    ...(whole === null || whole.repaired === null ? {} : { repaired: whole.repaired }),
  };
}

/** What a proof that failed has found. */
interface FoundDifferences {
  readonly differences: readonly RangeDifference[];
  /** Undefined where nobody looked at single records. */
  readonly differing: RecordDifferences | undefined;
}

/** The proof of a schema whose verification found differences. */
export function refuseReceipt(
  plan: SchemaPlan,
  position: SourcePosition,
  reads: ReadsOf,
  message: string,
  { differences, differing }: FoundDifferences,
): SchemaReceipt {
  const source = reads.expected.reduce<RangeSum>(
    (sum, part) => addSums(sum, part.source),
    emptySum(plan.depth === 'counts'),
  );
  return {
    ...frame(plan, position),
    verdict: 'different',
    notes: [message],
    source,
    destination: null,
    counts: { read: reads.recordsRead, written: 0, unchanged: 0, deleted: 0, rejected: reads.rejected },
    differences,
    ...(differing === undefined ? {} : { differing }),
  };
}

/** What every receipt of a schema says. */
export function frame(plan: SchemaPlan, position: SourcePosition) {
  return {
    schemaId: plan.schema.id,
    outputName: tableText(plan.table),
    scope: plan.kind === 'delta' ? ('delta' as const) : ('snapshot' as const),
    depth: plan.depth,
    load: plan.kind,
    positions: [position],
    hashing: plan.depth === 'counts' ? null : plan.hashing,
    format: [`${plan.format}: ${plan.formatReason}`, ...(plan.transports ?? [])].join('; '),
    conversions: plan.conversions,
  };
}

function notesOfRepair(whole: WholeProof | null): readonly string[] {
  const refused = whole?.rejects.length ?? 0;
  if (refused === 0) return [];
  return [
    `Refused in the repair: ${refused} records that differ are not in the proof; the list of rejects names each with its reason.`,
  ];
}

function notesOf(plan: SchemaPlan, isWhole: boolean): readonly string[] {
  const notes: string[] = [...plan.imageNotes];
  if (plan.depth === 'counts') notes.push('Depth counts: numbers of records were compared, not their values.');
  if (isWhole)
    notes.push('Depth repair: all records were compared behind the load, those that it did not read included.');
  if (plan.kind === 'delta' && !isWhole)
    notes.push(
      'Scope delta: the records that this execution read are proved equal; records it did not read, and deletes, are not covered.',
    );
  if (plan.kind === 'delta' && !isWhole && plan.filters.length > 0)
    notes.push('Records that no longer pass the filters since an earlier execution stay until the next complete read.');
  if (plan.tracking !== null)
    notes.push(`Tracking field ${plan.tracking.field} (${plan.tracking.guarantee}): ${plan.tracking.reason}`);
  return notes;
}
