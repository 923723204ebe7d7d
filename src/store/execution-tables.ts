import type {
  ExecutionStatus,
  ExecutionTiming,
  FetchMode,
  PlacedWriter,
  PlanRefusal,
  Receipt,
  ResyncMode,
  SchemaReceipt,
  SchemaStatus,
  SelectiveMode,
  TimeParts,
} from '../core/index.ts';
import type {
  ActorType,
  BigInteger,
  Defaulted,
  DefaultedBigInteger,
  DefaultedJson,
  DefaultedTimestamp,
  Json,
  Nullable,
  NullableBigInteger,
  NullableJson,
  NullableTimestamp,
} from './columns.ts';

/** What one start sets aside for itself. */
export interface ExecutionOverrides {
  readonly maxLossPercent?: number;
  /** Ids of the schemas that it is about; absent = all enabled ones. */
  readonly schemas?: readonly string[];
  /** Of the schedule that started it; absent = none. */
  readonly selectiveMode?: SelectiveMode;
}

/** What was planned for an execution as a whole. */
export interface PlanSummary {
  /** ISO 8601, UTC. */
  readonly plannedAt: string;
  readonly lanes: number;
  readonly writtenBy: PlacedWriter;
  readonly addedSchemas: readonly string[];
  /** Why schemas could not be planned, by id. */
  readonly refused: Readonly<Record<string, PlanRefusal>>;
}

export interface ExecutionsTable {
  id: string;
  organizationId: string;
  syncId: string;
  status: ExecutionStatus;
  type: Defaulted<string>;
  statusMessage: Nullable<string>;
  resyncMode: Nullable<ResyncMode>;
  fetchMode: Defaulted<FetchMode>;
  isTest: Defaulted<boolean>;
  isPartial: Defaulted<boolean>;
  overrides: DefaultedJson<ExecutionOverrides>;
  cancelRequestedAt: NullableTimestamp;
  /** Ids of schemas that were cancelled one by one. */
  canceledSchemas: Defaulted<string[]>;
  createdBy: Nullable<string>;
  createdByType: ActorType;
  createdAt: DefaultedTimestamp;
  startedAt: NullableTimestamp;
  completedAt: NullableTimestamp;
  updatedAt: DefaultedTimestamp;
  receipt: NullableJson<Receipt>;
  plan: NullableJson<PlanSummary>;
  plannedAt: NullableTimestamp;
  planningMs: Nullable<number>;
  timing: NullableJson<ExecutionTiming>;
  traceParent: Nullable<string>;
}

export interface ExecutionSchemasTable {
  executionId: string;
  schemaId: string;
  organizationId: string;
  position: number;
  status: SchemaStatus;
  statusMessage: Nullable<string>;
  outputName: Nullable<string>;
  /** The engine's own; it converts. */
  plan: NullableJson<unknown>;
  generation: NullableBigInteger;
  snapshotEpoch: Nullable<number>;
  estimatedRecords: NullableBigInteger;
  estimatedBytes: NullableBigInteger;
  /** Waits to be worked on together with others, as long as it is `scheduled`. */
  isSmall: Defaulted<boolean>;
  recordCount: DefaultedBigInteger;
  errorCount: DefaultedBigInteger;
  warningCount: DefaultedBigInteger;
  receipt: NullableJson<SchemaReceipt>;
  startedAt: NullableTimestamp;
  completedAt: NullableTimestamp;
}

export interface ExecutionSnapshotsTable {
  executionId: string;
  epoch: number;
  workerId: string;
  /** The engine's own; it converts. */
  snapshot: Json<unknown>;
  openedAt: DefaultedTimestamp;
  closedAt: NullableTimestamp;
}

export interface SegmentsTable {
  executionId: string;
  schemaId: string;
  generation: BigInteger;
  no: number;
  kind: 'prepare' | 'read' | 'finish';
  /** The engine's own; it converts. */
  range: NullableJson<unknown>;
  state: Defaulted<'waiting' | 'owned' | 'done' | 'failed'>;
  workerId: Nullable<string>;
  laneId: Nullable<string>;
  token: Defaulted<number>;
  progressRecords: DefaultedBigInteger;
  progressBytes: DefaultedBigInteger;
  /** The engine's own; it converts. */
  outcome: NullableJson<unknown>;
  timing: NullableJson<TimeParts>;
  startedAt: NullableTimestamp;
  finishedAt: NullableTimestamp;
}

export interface RejectsTable {
  executionId: string;
  schemaId: string;
  generation: BigInteger;
  segmentNo: number;
  position: number;
  organizationId: string;
  key: NullableJson<Readonly<Record<string, string | null>>>;
  reason: string;
  createdAt: DefaultedTimestamp;
}

/** How much a line of the console log matters. */
export type ConsoleLevel = 'info' | 'warn' | 'error';

export interface ConsoleLogsTable {
  executionId: string;
  no: number;
  organizationId: string;
  schemaId: Nullable<string>;
  level: ConsoleLevel;
  message: string;
  payload: NullableJson<Readonly<Record<string, unknown>>>;
  createdAt: Date;
}

export interface WorkersTable {
  id: string;
  host: string;
  pid: number;
  build: string;
  roles: Defaulted<string[]>;
  lanes: Defaulted<number>;
  usualLanes: Defaulted<number>;
  protocol: Defaulted<string>;
  startedAt: DefaultedTimestamp;
  heartbeatAt: DefaultedTimestamp;
  deadAt: NullableTimestamp;
}

export interface WorkerLocksTable {
  name: string;
  workerId: string;
  expiresAt: NullableTimestamp;
}

export interface ConnectionLanesTable {
  connectionId: string;
  laneId: string;
  workerId: string;
}

export interface SnapshotHoldersTable {
  executionId: string;
  epoch: number;
  workerId: string;
  /** The engine's own; it converts. */
  snapshot: Json<unknown>;
}
