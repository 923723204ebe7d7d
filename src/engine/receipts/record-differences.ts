import type { DifferenceCounts, DifferenceKind, RecordDifferences } from '../../core/index.ts';
import type { DifferingRange } from '../comparison/compare-schema.ts';

/** Keys that a receipt lists; the numbers tell of the others. */
const MAX_LISTED_KEYS = 1_000;

/** What a comparison found, as a receipt tells it. */
export function toRecordDifferences(ranges: readonly DifferingRange[], isComplete: boolean): RecordDifferences {
  const all = ranges.flatMap(({ records }) => records);
  const keyed = all.flatMap(({ kind, key }) => (key === null ? [] : [{ kind, key }]));
  return {
    ...countKinds(all),
    isComplete,
    ranges: ranges.map(({ range, records }) => ({ range, ...countKinds(records) })),
    records: keyed.slice(0, MAX_LISTED_KEYS),
  };
}

function countKinds(records: readonly { readonly kind: DifferenceKind }[]): DifferenceCounts {
  const counts = { missing: 0, extra: 0, different: 0 };
  for (const { kind } of records) counts[kind] += 1;
  return counts;
}

/** `3 missing, 1 different`, for messages: numbers only, since keys are for those who may read the receipt. */
export function toDifferenceText(found: RecordDifferences): string {
  const words = [
    [found.missing, 'missing in the destination'],
    [found.extra, 'in the destination only'],
    [found.different, 'with other values'],
  ] as const;
  const parts = words.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  const text = parts.length === 0 ? 'no single record could be named' : parts.join(', ');
  return found.isComplete ? text : `at least ${text}`;
}
