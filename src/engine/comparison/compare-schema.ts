import type { SegmentRange } from '../../connector-kit/index.ts';
import type { RangeSum } from '../../core/index.ts';
import {
  addBucketSums,
  addSums,
  createBucketSums,
  emptySum,
  findDifferentBuckets,
  isSameSum,
} from '../../formats/index.ts';
import type { ExpectedRange } from '../pipeline/jobs.ts';
import { compareRecords, type DifferingRecord } from './compare-records.ts';
import type { Look, Question } from './question.ts';

/** How much a comparison looks at. */
export interface ComparisonLimits {
  /** Records of either side that are looked at one by one, in all; beyond it, so much differs that a list helps nobody. */
  readonly maxLookedAt: number;
  /** A range with no more records is listed at once; a larger one is first narrowed down to the keys that may differ. */
  readonly listedAtOnce: number;
}

const USUAL_LIMITS: ComparisonLimits = { maxLookedAt: 200_000, listedAtOnce: 20_000 };
const ALL_BUCKETS = new Uint8Array(createBucketSums().records.length).fill(1);

/** Both sides of one schema, as a comparison asks about them. */
export interface ComparedSides {
  /** One segment of the source, always in the same snapshot. */
  lookAtSource(segment: SegmentRange, question: Question): Promise<Look>;
  /** A range of the destination's image; null = all of it. */
  lookAtImage(range: SegmentRange | null, question: Question): Promise<Look>;
}

/** A part of a schema that differs. */
export interface DifferingRange {
  /** For people. */
  readonly range: string;
  /** What the source reads it by. */
  readonly segments: readonly SegmentRange[];
  readonly source: RangeSum;
  readonly destination: RangeSum;
  readonly records: readonly DifferingRecord[];
}

export interface Comparison {
  readonly source: RangeSum;
  readonly destination: RangeSum;
  /** Empty when both sides are equal. */
  readonly ranges: readonly DifferingRange[];
  /** False where more records differ than were looked at. */
  readonly isComplete: boolean;
}

/** A part of a schema that both sides can find: a range of the key, or all. */
interface Part {
  readonly text: string;
  readonly range: SegmentRange | null;
  readonly segments: readonly SegmentRange[];
  readonly source: RangeSum;
}

/**
 * Compares a schema range by range. What differs is narrowed down by the hashes of its keys, not by their order, of which
 * two systems may have two opinions: both sides are read again, once to find the few groups of keys that differ, and once
 * to list these. In the end each record stands alone that is missing, extra or different.
 */
export async function compareSchema(
  expected: readonly ExpectedRange[],
  sides: ComparedSides,
  limits: ComparisonLimits = USUAL_LIMITS,
): Promise<Comparison> {
  const { parts, sums } = await sumUp(expected, sides);
  const ranges: DifferingRange[] = [];
  let left = limits.maxLookedAt;
  let isComplete = true;
  for (const [index, part] of parts.entries()) {
    const destination = sums[index] ?? emptySum(false);
    if (isSameSum(part.source, destination)) continue;
    const found = left === 0 ? null : await findRecords(part, destination, sides, { ...limits, maxLookedAt: left });
    left = Math.max(0, left - (found?.lookedAt ?? 0));
    isComplete &&= found?.isComplete ?? false;
    const { text, segments, source } = part;
    ranges.push({ range: text, segments, source, destination, records: found?.records ?? [] });
  }
  return { source: addUp(parts.map(({ source }) => source)), destination: addUp(sums), ranges, isComplete };
}

/** By ranges of the key where there are some, and where they hold all that the destination has. */
async function sumUp(
  expected: readonly ExpectedRange[],
  sides: ComparedSides,
): Promise<{ readonly parts: readonly Part[]; readonly sums: readonly RangeSum[] }> {
  const whole = [wholeOf(expected)];
  const isKeyed = expected.length > 1 && expected.every(({ range }) => range.key !== undefined);
  if (!isKeyed) return { parts: whole, sums: await sumParts(whole, sides) };
  const parts = expected.map(({ range, source }) => ({ text: range.text, range, segments: [range], source }));
  const sums = await sumParts(parts, sides);
  // Another hand's table may hold a NULL where we have the key.
  const { sum: all } = await sides.lookAtImage(null, { what: 'sum', countsOnly: true });
  if (all.records === addUp(sums).records) return { parts, sums };
  return { parts: whole, sums: await sumParts(whole, sides) };
}

async function sumParts(parts: readonly Part[], sides: ComparedSides): Promise<readonly RangeSum[]> {
  const sums: RangeSum[] = [];
  for (const { range } of parts) sums.push((await sides.lookAtImage(range, { what: 'sum', countsOnly: false })).sum);
  return sums;
}

function wholeOf(expected: readonly ExpectedRange[]): Part {
  const [only] = expected;
  return {
    text: expected.length === 1 && only !== undefined ? only.range.text : 'whole table',
    range: null,
    segments: expected.map(({ range }) => range),
    source: addUp(expected.map(({ source }) => source)),
  };
}

function addUp(sums: readonly RangeSum[]): RangeSum {
  return sums.reduce<RangeSum>(addSums, emptySum(false));
}

/** The records that a part differs in. */
async function findRecords(
  part: Part,
  destination: RangeSum,
  sides: ComparedSides,
  { maxLookedAt, listedAtOnce }: ComparisonLimits,
): Promise<{ readonly records: readonly DifferingRecord[]; readonly isComplete: boolean; readonly lookedAt: number }> {
  const isSmall = Math.max(part.source.records, destination.records) <= Math.min(listedAtOnce, maxLookedAt);
  const { wanted, isComplete } = isSmall
    ? { wanted: ALL_BUCKETS, isComplete: true }
    : await findBuckets(part, sides, maxLookedAt);
  const question = { what: 'records', wanted } as const;
  const inSource: Look['records'][number][] = [];
  for (const segment of part.segments) inSource.push(...(await sides.lookAtSource(segment, question)).records);
  const { records: inDestination } = await sides.lookAtImage(part.range, question);
  return {
    records: compareRecords(inSource, inDestination),
    isComplete,
    lookedAt: Math.max(inSource.length, inDestination.length),
  };
}

async function findBuckets(part: Part, sides: ComparedSides, limit: number) {
  const source = createBucketSums();
  for (const segment of part.segments) {
    const { buckets } = await sides.lookAtSource(segment, { what: 'buckets' });
    if (buckets !== null) addBucketSums(source, buckets);
  }
  const { buckets } = await sides.lookAtImage(part.range, { what: 'buckets' });
  return findDifferentBuckets(source, buckets ?? createBucketSums(), limit);
}
