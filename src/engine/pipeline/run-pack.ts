import type {
  BulkSource,
  CreditShare,
  MemoryCredit,
  Pack,
  PackWay,
  PublishCounts,
  SegmentOutcome,
} from '../../connector-kit/index.ts';
import type { RangeSum } from '../../core/index.ts';
import { type Chunk, createRecordHasher, isSameSum } from '../../formats/index.ts';
import { openChanges } from './change-records.ts';
import type { PackedTable, PackJob, PackResult } from './jobs.ts';

/** A table that turns out larger than this goes its own way, in segments that are not kept in memory. */
const MAX_BYTES = 8 * 1024 * 1024;
/** What it was expected to have; for more the process's leave is asked, and not waited for. */
const USUAL_BYTES = 1024 * 1024;

/** Whom a pack asks and tells. */
export interface PackWatch {
  readonly failpoint: (name: string) => void;
  readonly credit: MemoryCredit;
}

/** A table's records in memory, with what makes their part of the receipt. */
interface ReadTable extends Disposable {
  readonly chunks: readonly Chunk[];
  readonly outcome: SegmentOutcome;
  /** Hashed also where the receipt only counts: it decides whether anything has changed. */
  readonly sum: RangeSum;
}

/**
 * Loads many small tables in a few transactions of the destination. A table that is new is proved from committed data
 * before it is published, as any replacement; one that is there is read beside the source, and left as it is when both are
 * equal. Null for each table that needs more than that: nothing of it was published.
 * @throws the first failure; then every table goes its own way
 */
export async function runPack(
  { tables }: PackJob,
  source: Pick<BulkSource, 'read'>,
  pack: Pack,
  { failpoint, credit }: PackWatch,
  signal: AbortSignal,
): Promise<PackResult['tables']> {
  const ways = await pack.enter(signal);
  failpoint('pack-entered');
  const loaded = new Map<number, SegmentOutcome>();
  const proved = new Map<number, Proved>();
  for (const [index, table] of tables.entries()) {
    const way = ways[index] ?? 'alone';
    using read = way === 'alone' ? null : await readTable(table, source, credit, signal);
    if (read === null) continue;
    if (way === 'load') {
      await pack.write(index, read.chunks, signal);
      loaded.set(index, read.outcome);
    } else await compare(pack, index, { table, read, proved }, signal);
  }
  failpoint('pack-written');
  await pack.commit(loaded, signal);
  failpoint('pack-committed');
  for (const [index, outcome] of loaded) {
    const destination = await pack.digest(index, tables[index]?.countsOnly === true, signal);
    if (isSameSum(outcome.source, destination)) proved.set(index, { outcome, destination });
  }
  failpoint('pack-proved');
  const read = new Map([...proved].map(([index, { outcome }]) => [index, outcome]));
  const counts = ways.some(isEntered) ? await pack.publish(read, signal) : new Map<number, PublishCounts>();
  failpoint('pack-published');
  return tables.map((_, index) => toResult(proved.get(index), counts.get(index)));
}

interface Proved {
  readonly outcome: SegmentOutcome;
  readonly destination: RangeSum;
}

function isEntered(way: PackWay): boolean {
  return way !== 'alone';
}

/** Null when there is more of it than a small table has, or a record that the source refuses. */
async function readTable(
  table: PackedTable,
  source: Pick<BulkSource, 'read'>,
  credit: MemoryCredit,
  signal: AbortSignal,
): Promise<ReadTable | null> {
  const types = table.load.columns.map(({ logicalType }) => logicalType);
  const hasher = createRecordHasher(table.load.hashing, types);
  const change = openChanges(table);
  const chunks: Chunk[] = [];
  let bytesRead = 0;
  let share: CreditShare | null = null;
  using held = new DisposableStack();
  held.defer(() => share?.release());
  for await (const { chunk: read, rejects } of source.read({ ...table.read, segment: table.segment }, signal)) {
    signal.throwIfAborted();
    // Refused records are counted and listed where a table goes its own way.
    if (rejects !== undefined) return null;
    const chunk = change(read);
    bytesRead += chunk.payload.byteLength;
    if (bytesRead > USUAL_BYTES) share ??= credit.tryTake(MAX_BYTES);
    if (bytesRead > MAX_BYTES || (bytesRead > USUAL_BYTES && share === null)) return null;
    hasher.add(chunk);
    // The source overwrites a chunk when the next one is asked for.
    chunks.push({ ...chunk, payload: chunk.payload.slice(), ends: chunk.ends.slice() });
  }
  const sum = hasher.result();
  const counted: RangeSum = table.countsOnly ? { records: sum.records, sum: null } : sum;
  const outcome: SegmentOutcome = { recordsRead: sum.records, bytesRead, source: counted, rejects: [] };
  const kept = held.move();
  return { chunks, sum, outcome, [Symbol.dispose]: () => kept.dispose() };
}

async function compare(
  pack: Pack,
  index: number,
  {
    table,
    read,
    proved,
  }: { readonly table: PackedTable; readonly read: ReadTable; readonly proved: Map<number, Proved> },
  signal: AbortSignal,
): Promise<void> {
  const found = await pack.digest(index, false, signal);
  if (!isSameSum(found, read.sum)) return;
  const destination: RangeSum = table.countsOnly ? { records: found.records, sum: null } : found;
  proved.set(index, { outcome: read.outcome, destination });
}

function toResult(proved: Proved | undefined, counts: PublishCounts | undefined): PackResult['tables'][number] {
  if (proved === undefined || counts === undefined) return null;
  const { outcome, destination } = proved;
  return { read: outcome, finish: { counts, source: outcome.source, destination, differences: [], published: true } };
}
