import type {
  LoadPlan,
  LossGuard,
  PublishCounts,
  ReadRequest,
  SegmentId,
  SegmentOutcome,
  SegmentRange,
  TableName,
  TableState,
} from '../../connector-kit/index.ts';
import type { RangeSum, SerializedError } from '../../core/index.ts';

/** A connection as a thread needs it to connect again: plain data, secrets opened, never logged. */
export interface ConnectionSpec {
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly organizationId: string;
  /** Connections are kept open in a thread until the holder (an execution) is released. */
  readonly holder: string;
  readonly applicationName: string;
}

export interface PrepareJob {
  readonly kind: 'prepare';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
}

export interface SegmentJob {
  readonly kind: 'segment';
  readonly source: ConnectionSpec;
  /** Null when the destination has an owner thread: then the load is reached through the job's port. */
  readonly destination: ConnectionSpec | null;
  readonly load: LoadPlan;
  readonly read: ReadRequest;
  readonly segment: SegmentId;
  readonly isolate: boolean;
  readonly countsOnly: boolean;
  /** Rejects of one segment beyond which it fails. */
  readonly maxRejects: number;
  /** Ask first whether an earlier owner committed it without an answer. */
  readonly lookupFirst: boolean;
}

export interface FinishJob {
  readonly kind: 'finish';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
  readonly guard: LossGuard;
  readonly countsOnly: boolean;
  /** What the source said of every segment, rejected records taken off. */
  readonly expected: readonly ExpectedRange[];
}

export interface DiscardJob {
  readonly kind: 'discard';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
}

/** Facts that the planner and the API need from a destination which one thread owns. */
export interface InspectJob {
  readonly kind: 'inspect';
  readonly destination: ConnectionSpec;
  readonly table: TableName;
}

export interface CheckJob {
  readonly kind: 'check';
  readonly destination: ConnectionSpec;
}

export interface ServeJob {
  /** An owner thread serves one segment's load to a reading thread over the port sent along. */
  readonly kind: 'serve';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
}

export type Job = PrepareJob | SegmentJob | FinishJob | DiscardJob | InspectJob | CheckJob | ServeJob;

export interface ExpectedRange {
  readonly range: SegmentRange;
  readonly source: RangeSum;
}

export interface RangeDifference {
  readonly range: string;
  readonly source: RangeSum;
  readonly destination: RangeSum;
}

/** What `finish` found and did. Differences are non-empty only together with a failure to be reported. */
export interface FinishOutcome {
  readonly counts: PublishCounts;
  readonly source: RangeSum;
  readonly destination: RangeSum;
  readonly differences: readonly RangeDifference[];
  readonly published: boolean;
}

export interface JobResults {
  readonly prepare: null;
  readonly segment: SegmentOutcome;
  readonly finish: FinishOutcome;
  readonly discard: null;
  readonly inspect: TableState;
  readonly check: null;
  readonly serve: null;
}

export interface Progress {
  readonly records: number;
  readonly bytes: number;
}

export type ToThread =
  | {
      readonly kind: 'run';
      readonly id: number;
      readonly job: Job;
      readonly port?: import('node:worker_threads').MessagePort;
    }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'release'; readonly id: number; readonly holder: string };

export type FromThread =
  | { readonly kind: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly kind: 'done'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: SerializedError };
