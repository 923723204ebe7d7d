import { type Load, type PublishCounts, tableText } from '../../connector-kit/index.ts';
import { type RangeSum, SyncError } from '../../core/index.ts';
import { addSums, emptySum, isSameSum, subtractSums } from '../../formats/index.ts';
import type { ExpectedRange, FinishJob, FinishOutcome, RangeDifference } from './jobs.ts';

/**
 * Proves and publishes one finished generation (DESIGN §4.8). A `replace` is proved before the swap, so a difference
 * leaves the live table as it was; a merge is proved after its commit. Repeatable after a crash at any point.
 * @throws `VERIFICATION_FAILED` naming the ranges that differ; `LOSS_GUARD`, `FENCE_LOST` from the load
 */
export async function finishLoad(
  job: FinishJob,
  load: Load,
  failpoint: (name: string) => void,
  signal: AbortSignal,
): Promise<FinishOutcome> {
  const source = job.expected.reduce<RangeSum>((sum, part) => addSums(sum, part.source), emptySum(job.countsOnly));
  const before = await load.published(signal);
  if (before !== null) return proveAfter(job, load, source, before, signal);
  await load.seal(signal);
  failpoint('before-digest');
  if (job.load.kind !== 'replace') {
    failpoint('before-publish');
    const counts = await load.publish({ ...job.guard, loaded: source.records }, signal);
    failpoint('after-publish');
    return proveAfter(job, load, source, counts, signal);
  }
  let proof: Proof;
  try {
    proof = await prove(job, load, source, signal);
  } catch (error) {
    // The swap of an earlier owner, on its way when it lost the work to us, takes the shadow from under the proof.
    const swapped = await load.published(signal).catch(() => null);
    if (swapped === null) throw error;
    return proveAfter(job, load, source, swapped, signal);
  }
  if (proof.differences.length > 0) throw verificationFailed(job, proof.differences);
  failpoint('before-publish');
  const counts = await load.publish({ ...job.guard, loaded: proof.total.records }, signal);
  failpoint('after-publish');
  const landed = {
    source: subtractSums(source, counts.rejected),
    destination: subtractSums(proof.total, counts.rejected),
  };
  return { counts, ...landed, differences: [], published: true };
}

// After a crash between publication and its record, a `replace` has no shadow left: it was published only because it was equal.
async function proveAfter(
  job: FinishJob,
  load: Load,
  source: RangeSum,
  counts: PublishCounts,
  signal: AbortSignal,
): Promise<FinishOutcome> {
  const expected = subtractSums(source, counts.rejected);
  if (job.load.kind === 'replace')
    return { counts, source: expected, destination: expected, differences: [], published: true };
  const destination = await load.digest(null, job.countsOnly, signal);
  if (isSameSum(destination, expected))
    return { counts, source: expected, destination, differences: [], published: true };
  const proof = await proveRanges(job, load, signal);
  const differences =
    proof.differences.length > 0 ? proof.differences : [{ range: 'whole table', source: expected, destination }];
  if (job.isRepaired === true) return { counts, source: expected, destination, differences, published: true };
  throw verificationFailed(job, differences);
}

interface Proof {
  readonly total: RangeSum;
  readonly differences: readonly RangeDifference[];
}

/** Where only counts are compared, one count of all is cheaper than one for each range; those find what is missing. */
async function prove(job: FinishJob, load: Load, source: RangeSum, signal: AbortSignal): Promise<Proof> {
  if (job.countsOnly) {
    const total = await load.digest(null, true, signal);
    if (isSameSum(total, source)) return { total, differences: [] };
  }
  return proveRanges(job, load, signal);
}

/** Ranges that are read at once: reading keeps one core of the destination busy and hashing one of ours. */
const PARALLEL_DIGESTS = 2;

async function proveRanges(job: FinishJob, load: Load, signal: AbortSignal): Promise<Proof> {
  const parts =
    job.expected.length > 1 && job.expected.every((part) => part.range.key !== undefined)
      ? job.expected
      : [wholeOf(job)];
  const found: RangeSum[] = [];
  let next = 0;
  const digestOthers = async () => {
    for (let at = next++; at < parts.length; at = next++) {
      const range = parts[at]?.range ?? null;
      try {
        found[at] = await load.digest(range?.key === undefined ? null : range, job.countsOnly, signal);
      } catch (error) {
        next = parts.length;
        throw error;
      }
    }
  };
  // None is left reading behind a failure: what it reads is dropped then.
  const ends = await Promise.allSettled(Array.from({ length: PARALLEL_DIGESTS }, digestOthers));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  const differences = parts.flatMap(({ range, source }, at) => {
    const destination = found[at] ?? emptySum(job.countsOnly);
    return isSameSum(destination, source) ? [] : [{ range: range.text, source, destination }];
  });
  return { total: found.reduce(addSums, emptySum(job.countsOnly)), differences };
}

function wholeOf(job: FinishJob): ExpectedRange {
  const [only] = job.expected;
  if (job.expected.length === 1 && only !== undefined)
    return { range: { text: only.range.text, value: {} }, source: only.source };
  const source = job.expected.reduce<RangeSum>((sum, part) => addSums(sum, part.source), emptySum(job.countsOnly));
  return { range: { text: 'whole table', value: {} }, source };
}

function verificationFailed(job: FinishJob, differences: readonly RangeDifference[]): SyncError {
  const { load } = job;
  const first = differences[0];
  const kept =
    load.kind === 'replace'
      ? 'The previous table was left as it was.'
      : 'The merged records are in the table. Look for triggers on it or others who write it, then start again.';
  const named = differences
    .map((difference) => difference.range)
    .slice(0, 5)
    .join('; ');
  return new SyncError(
    'VERIFICATION_FAILED',
    `Verification of ${tableText(load.table)} failed: source and destination differ in ${named}` +
      `${differences.length > 5 ? ` and ${differences.length - 5} more ranges` : ''} ` +
      `(source ${first?.source.records ?? 0} records, destination ${first?.destination.records ?? 0}). ${kept}`,
    { detail: { schemaId: load.schemaId, differences: differences.slice(0, 100) } },
  );
}
