import {
  type BulkSource,
  type HighestSeen,
  type Load,
  type Reject,
  type SegmentOutcome,
  tableText,
} from '../../connector-kit/index.ts';
import { type RangeSum, SyncError } from '../../core/index.ts';
import {
  addSums,
  type Chunk,
  createRecordHasher,
  createRecordPrints,
  emptySum,
  pickRecords,
  readKey,
  subtractSums,
  toHashText,
} from '../../formats/index.ts';
import { openChanges, openKeyChanges } from './change-records.ts';
import type { Progress, SegmentJob } from './jobs.ts';

/** Who is told about a segment while it runs. */
export interface SegmentWatch {
  readonly onProgress: (progress: Progress) => void;
  readonly failpoint: (name: string) => void;
}

/**
 * Reads one segment and commits it as one destination transaction. Nothing of it remains when it throws, except when
 * the commit's answer was lost: `lookupFirst` of the next attempt finds that out.
 * @throws `TOO_MANY_REJECTS` when an isolated segment loses more records than the job allows
 */
export async function runSegment(
  job: SegmentJob,
  source: Pick<BulkSource, 'read'>,
  load: Pick<Load, 'lookup' | 'beginSegment'>,
  watch: SegmentWatch,
  signal: AbortSignal,
): Promise<SegmentOutcome> {
  if (job.lookupFirst) {
    const found = await load.lookup(job.segment, signal);
    if (found.state === 'committed') return found.outcome;
  }
  await using writer = await load.beginSegment(job.segment, { isolate: job.isolate }, signal);
  const tally = new SegmentTally(job);
  const change = openChanges(job);
  const pick = openPicker(job);
  for await (const { chunk: read, rejects = [], highest } of source.read(
    { ...job.read, segment: job.segment },
    signal,
  )) {
    signal.throwIfAborted();
    tally.reach(highest);
    // A job about some records is not about those that nobody could read.
    if (job.only === undefined) for (const reject of rejects) tally.rejectUnread(reject);
    const chunk = pick(change(read));
    if (chunk.ends.length === 0) continue;
    tally.count(chunk);
    // Awaiting is the backpressure. A chunk may be given away by `write`, so it is counted before.
    const refused = await writer.write(chunk, signal);
    for (const { index, reason } of refused) tally.reject(chunk, index, reason);
    watch.onProgress(tally.progress());
  }
  const outcome = tally.outcome();
  watch.failpoint('before-commit');
  await writer.commit(outcome, signal);
  watch.failpoint('after-commit');
  return outcome;
}

/** Leaves out all records but those that the job is about. */
function openPicker({ only, load }: SegmentJob): (chunk: Chunk) => Chunk {
  if (only === undefined) return (chunk) => chunk;
  const wanted = new Set(only);
  const types = load.columns.map(({ logicalType }) => logicalType);
  const keys = load.columns.flatMap(({ isKey }, position) => (isKey ? [position] : []));
  const prints = createRecordPrints(load.hashing, types, keys);
  return (chunk) => {
    const picked: number[] = [];
    prints.each(chunk, (index, key) => {
      if (wanted.has(toHashText(key))) picked.push(index);
    });
    return pickRecords(chunk, picked);
  };
}

class SegmentTally {
  readonly #job: SegmentJob;
  readonly #hasher: ReturnType<typeof createRecordHasher> | null;
  readonly #keyFields: {
    readonly position: number;
    readonly id: string;
    readonly logicalType: SegmentJob['load']['columns'][number]['logicalType'];
  }[];
  readonly #changeKey: (key: Reject['key']) => Reject['key'];
  readonly #rejects: Reject[] = [];
  #rejected: RangeSum;
  #records = 0;
  #unread = 0;
  #bytes = 0;
  #highest: HighestSeen | undefined;

  constructor(job: SegmentJob) {
    this.#job = job;
    this.#hasher = job.countsOnly
      ? null
      : createRecordHasher(
          job.load.hashing,
          job.load.columns.map((column) => column.logicalType),
        );
    this.#rejected = emptySum(job.countsOnly);
    this.#changeKey = openKeyChanges(job);
    this.#keyFields = job.load.columns.flatMap((column, position) =>
      column.isKey ? [{ position, id: column.field, logicalType: column.logicalType }] : [],
    );
  }

  reach(highest: HighestSeen | undefined): void {
    this.#highest = highest ?? this.#highest;
  }

  count(chunk: Chunk): void {
    this.#hasher?.add(chunk);
    this.#records += chunk.ends.length;
    this.#bytes += chunk.payload.byteLength;
  }

  reject(chunk: Chunk, index: number, reason: string): void {
    const one = this.#hasher?.sumOf(chunk, index) ?? { records: 1, sum: null };
    this.#rejected = addSums(this.#rejected, one);
    this.#rejects.push({ key: this.#keyFields.length === 0 ? null : readKey(chunk, index, this.#keyFields), reason });
    if (this.#rejects.length > this.#job.maxRejects) throw this.#tooMany();
  }

  /** A record that the source itself could not give: it has no hash, and was never in a chunk. */
  rejectUnread({ key, reason }: Reject): void {
    this.#unread += 1;
    this.#rejects.push({ key: this.#changeKey(key), reason });
    if (this.#rejects.length > this.#job.maxRejects) throw this.#tooMany();
  }

  progress(): Progress {
    return { records: this.#records, bytes: this.#bytes };
  }

  outcome(): SegmentOutcome {
    const all: RangeSum = this.#hasher?.result() ?? { records: this.#records, sum: null };
    return {
      recordsRead: this.#records + this.#unread,
      bytesRead: this.#bytes,
      source: subtractSums(all, this.#rejected),
      rejects: this.#rejects,
      ...(this.#highest === undefined ? {} : { highest: this.#highest }),
    };
  }

  #tooMany(): SyncError {
    const { load, maxRejects } = this.#job;
    return new SyncError(
      'TOO_MANY_REJECTS',
      `Loading ${load.schemaId} into ${tableText(load.table)} stopped: more than ${maxRejects} records of one segment were refused. ` +
        `The last reason: ${this.#rejects.at(-1)?.reason ?? 'unknown'}. Mend the data or the destination's column, then start again.`,
      { detail: { schemaId: load.schemaId } },
    );
  }
}
