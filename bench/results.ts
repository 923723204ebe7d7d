import type { FileFloor, LimitRun } from './limits.ts';
import type { ProductRun } from './product.ts';

/** One round of limit and product, run one after the other. */
export interface Pair<Limit> {
  readonly limit: Limit;
  readonly product: ProductRun;
  /** Limit's seconds divided by the product's: 1 = as fast as the limit. */
  readonly ratio: number;
}

/** Memory of the first two executions of a freshly started server, in bytes. */
export interface MemoryFigure {
  readonly rows: number;
  readonly destination: 'postgresql' | 'duckdb';
  /** Before anything ran. */
  readonly idleBytes: number;
  /** Highest in the first execution, which starts threads and loads code. */
  readonly firstPeakBytes: number;
  /** Between the two. */
  readonly warmIdleBytes: number;
  readonly secondPeakBytes: number;
}

/** One sync of many small tables: its first execution, and one that finds nothing changed. */
export interface ManyTables {
  readonly tables: number;
  readonly first: ProductRun;
  readonly second: ProductRun;
}

/** One tool's copies of the same table. */
export interface PeerFigure {
  readonly name: string;
  readonly rows: number;
  readonly runs: readonly { readonly wallSeconds: number; readonly cpuSeconds: number; readonly peakBytes: number }[];
  /** At the median of its CPU seconds, PostgreSQL's own left out. */
  readonly recordsPerCpuSecond: number;
}

/** One execution of the same sync by several processes. */
export interface ScalingRun {
  readonly wallSeconds: number;
  /** Of all workers and of the process with the API, PostgreSQL left out. */
  readonly cpuSeconds: number;
  /** Of each worker, the lanes that did a step. */
  readonly lanes: readonly number[];
  /** Of each worker, the segments that it read. */
  readonly reads: readonly number[];
}

/** A sync by so many workers. */
export interface ScalingFigure {
  readonly workers: number;
  readonly rows: number;
  readonly runs: readonly ScalingRun[];
}

/** What one step of our own process costs, whatever the systems on both sides do. */
export interface FormatFigure {
  readonly name: string;
  readonly nanosecondsPerRecord: number;
}

/** From the start of a server to its first answer, in seconds. */
export interface StartFigure {
  readonly starts: number;
  readonly medianSeconds: number;
  readonly slowestSeconds: number;
}

/** Everything that one benchmark measured; absent parts were not asked for. */
export interface Results {
  readonly takenAt: string;
  readonly machine: {
    readonly cores: number;
    readonly cpu: string;
    readonly memoryBytes: number;
    readonly node: string;
  };
  readonly rows: number;
  readonly pairs: number;
  postgresql?: {
    /** True when the product builds the primary key in the measured time; then the limit does too. */
    readonly buildsKey: boolean;
    readonly counts: readonly Pair<LimitRun>[];
    readonly checksums: readonly Pair<LimitRun>[];
  };
  /** Options of a sync, each against the same SELECT. */
  options: { readonly title: string; readonly goal: number; readonly pairs: readonly Pair<LimitRun>[] }[];
  tables?: ManyTables;
  formats?: readonly FormatFigure[];
  duckdb?: readonly Pair<FileFloor>[];
  parquet?: readonly Pair<FileFloor>[];
  memory?: readonly MemoryFigure[];
  peers?: readonly PeerFigure[];
  scaling?: readonly ScalingFigure[];
  start?: StartFigure;
  list?: { readonly syncs: number; readonly medianMs: number };
}

/** The middle value; of an even number the mean of the two in the middle. @throws `RangeError` for none */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('There is no median of nothing.');
  return (upper + lower) / 2;
}

/** Decimal megabytes without fractions. */
export function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(0);
}
