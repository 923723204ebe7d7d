import type {
  LoadPlan,
  LossGuard,
  ModelTargetCatalogue,
  PublishCounts,
  ReadRequest,
  SegmentId,
  SegmentOutcome,
  SegmentRange,
  SegmentRequest,
  SnapshotRef,
  TableName,
  TableState,
  TrackingPlan,
  TrackingRequest,
} from '../../connector-kit/index.ts';
import type { LoadPreview, RangeSum, SchemaDescription, SerializedError, TimeParts } from '../../core/index.ts';
import type { Look, Question } from '../comparison/question.ts';

/** A connection as a thread needs it to connect again: plain data, secrets opened, never logged. */
export interface ConnectionSpec {
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly organizationId: string;
  /** Connections are kept open in a thread until the holder (an execution) is released. */
  readonly holder: string;
  readonly applicationName: string;
  /** Names the one thread that must do all reading from it; absent when any may. */
  readonly readOwner?: string;
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
  /** Null where every field is written as it was read. */
  readonly obfuscation: Obfuscation | null;
  /** Rejects of one segment beyond which it fails. */
  readonly maxRejects: number;
  /** Ask first whether an earlier owner committed it without an answer. */
  readonly lookupFirst: boolean;
  /** Hashes of the keys that it is about, 32 hex digits each: other records are left out. Absent = all. */
  readonly only?: readonly string[];
}

/** Which fields are replaced by hashes, before they are hashed for the receipt and written. */
export interface Obfuscation {
  /** From 0, in wire order. */
  readonly positions: readonly number[];
  /** The organization's own; never logged. */
  readonly key: Uint8Array;
}

export interface FinishJob {
  readonly kind: 'finish';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
  readonly guard: LossGuard;
  readonly countsOnly: boolean;
  /** What the source said of every segment, rejected records taken off. */
  readonly expected: readonly ExpectedRange[];
  /** A difference behind a merge's commit is answered instead of thrown: whoever asks repairs it. */
  readonly isRepaired?: boolean;
}

/** Collects statistics of a table that was just published. */
export interface AnalyzeJob {
  readonly kind: 'analyze';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
}

export interface DiscardJob {
  readonly kind: 'discard';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
}

/** One small table of a pack: its whole way from the source to its publication. */
export type PackedTable = Pick<SegmentJob, 'load' | 'read' | 'segment' | 'countsOnly' | 'obfuscation'>;

/** Many small tables of one execution at once. */
export interface PackJob {
  readonly kind: 'pack';
  readonly source: ConnectionSpec;
  readonly destination: ConnectionSpec;
  readonly tables: readonly PackedTable[];
}

/** What the segments and publications of a pack leave behind goes, once they are recorded in the metadata. */
export interface DiscardPackJob {
  readonly kind: 'discardPack';
  readonly destination: ConnectionSpec;
  readonly tables: readonly Pick<PackedTable, 'load' | 'segment'>[];
}

/** In the pack's order; null for a table that has to be loaded by itself. */
export interface PackResult {
  readonly tables: readonly ({ readonly read: SegmentOutcome; readonly finish: FinishOutcome } | null)[];
}

/** Facts that the planner and the API need from a destination which one thread owns. */
export interface InspectJob {
  readonly kind: 'inspect';
  readonly destination: ConnectionSpec;
  readonly table: TableName;
}

export interface PreviewJob {
  readonly kind: 'preview';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
  readonly state: TableState;
}

export interface CheckJob {
  readonly kind: 'check';
  readonly destination: ConnectionSpec;
}

export interface DiscoverJob {
  readonly kind: 'discover';
  readonly source: ConnectionSpec;
}

export interface SampleJob {
  readonly kind: 'sample';
  readonly source: ConnectionSpec;
  readonly schemaId: string;
  readonly limit: number;
}

/** Opens an image that lives in the owner thread until it is closed, or the holder is released. */
export interface OpenSnapshotJob {
  readonly kind: 'openSnapshot';
  readonly source: ConnectionSpec;
}

export interface CloseSnapshotJob {
  readonly kind: 'closeSnapshot';
  readonly source: ConnectionSpec;
  readonly token: string;
}

export interface PlanSegmentsJob {
  readonly kind: 'planSegments';
  readonly source: ConnectionSpec;
  readonly request: SegmentRequest;
}

export interface PlanTrackingJob {
  readonly kind: 'planTracking';
  readonly source: ConnectionSpec;
  readonly request: TrackingRequest;
}

/** What is asked of a source that one thread owns, beside reading its segments. */
export type SourceJob =
  | DiscoverJob
  | SampleJob
  | OpenSnapshotJob
  | CloseSnapshotJob
  | PlanSegmentsJob
  | PlanTrackingJob;

export interface ListTargetsJob {
  readonly kind: 'listTargets';
  readonly target: ConnectionSpec;
}

export interface DescribeTargetJob {
  readonly kind: 'describeTarget';
  readonly target: ConnectionSpec;
  readonly objectId: string;
}

export interface ListTargetPropertiesJob {
  readonly kind: 'listTargetProperties';
  readonly target: ConnectionSpec;
}

/** What is asked of the objects that a model sync could write, where one thread owns the system. */
export type TargetJob = ListTargetsJob | DescribeTargetJob | ListTargetPropertiesJob;

export interface ServeJob {
  /** An owner thread serves one segment's load to a reading thread over the port sent along. */
  readonly kind: 'serve';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
}

/** Reads one segment of the source without writing it anywhere. */
export interface LookAtSourceJob {
  readonly kind: 'lookAtSource';
  readonly source: ConnectionSpec;
  readonly load: LoadPlan;
  readonly read: ReadRequest;
  readonly obfuscation: Obfuscation | null;
  readonly question: Question;
}

/** Opens one image of the destination's table, which the thread holds until it is closed or the holder is released. */
export interface OpenImageJob {
  readonly kind: 'openImage';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
  /** Made by whoever asks; names the image from then on. */
  readonly image: string;
}

export interface LookAtImageJob {
  readonly kind: 'lookAtImage';
  readonly destination: ConnectionSpec;
  readonly load: LoadPlan;
  readonly image: string;
  /** Of the key; null = all of it. */
  readonly range: SegmentRange | null;
  readonly question: Question;
}

export interface CloseImageJob {
  readonly kind: 'closeImage';
  readonly destination: ConnectionSpec;
  readonly image: string;
}

/** What is asked of the thread that holds an image. */
export type ImageJob = OpenImageJob | LookAtImageJob | CloseImageJob;

export type Job =
  | PrepareJob
  | SegmentJob
  | FinishJob
  | AnalyzeJob
  | DiscardJob
  | PackJob
  | DiscardPackJob
  | InspectJob
  | PreviewJob
  | CheckJob
  | ServeJob
  | LookAtSourceJob
  | ImageJob
  | SourceJob
  | TargetJob;

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

/** Where the time of a job went, of all that the thread saw of it. */
export interface Timed {
  readonly timing: TimeParts;
}

export interface JobResults {
  readonly lookAtSource: Look & Timed;
  /** What could not be compared as it is. */
  readonly openImage: readonly string[];
  readonly lookAtImage: Look;
  readonly closeImage: null;
  readonly prepare: Timed;
  readonly segment: SegmentOutcome & Timed;
  readonly finish: FinishOutcome & Timed;
  readonly analyze: Timed;
  readonly discard: Timed;
  readonly pack: PackResult & Timed;
  readonly discardPack: Timed;
  readonly inspect: TableState;
  readonly preview: LoadPreview;
  readonly check: null;
  readonly serve: null;
  readonly discover: readonly SchemaDescription[];
  readonly sample: readonly Readonly<Record<string, unknown>>[];
  readonly openSnapshot: SnapshotRef;
  readonly closeSnapshot: null;
  readonly planSegments: readonly SegmentRange[];
  readonly planTracking: TrackingPlan;
  readonly listTargets: Awaited<ReturnType<ModelTargetCatalogue['listObjects']>>;
  readonly describeTarget: Awaited<ReturnType<ModelTargetCatalogue['describeFields']>>;
  readonly listTargetProperties: Awaited<ReturnType<ModelTargetCatalogue['creationProperties']>>;
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

/** The connections that a job uses. */
export function specsOf(job: Job): readonly ConnectionSpec[] {
  const source = 'source' in job ? [job.source] : [];
  const destination = 'destination' in job && job.destination !== null ? [job.destination] : [];
  const target = 'target' in job ? [job.target] : [];
  return [...source, ...destination, ...target];
}
