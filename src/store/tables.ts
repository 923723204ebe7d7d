import type {
  AutoAddRule,
  BulkMode,
  DatabaseIdentity,
  DriftKind,
  FilterFunction,
  NameRule,
  ReceiptDepth,
  ScheduleFrequency,
  ScheduleResyncMode,
  SchemaDescription,
  SchemaOverrides,
  SeenSchema,
  SelectiveMode,
} from '../core/index.ts';
import type { AuditEntriesTable } from './audit/tables.ts';
import type {
  ActorType,
  Defaulted,
  DefaultedBigInteger,
  DefaultedJson,
  DefaultedTimestamp,
  Json,
  Nullable,
  NullableJson,
  NullableTimestamp,
} from './columns.ts';
import type { EventsTable } from './events/tables.ts';
import type {
  ConnectionLanesTable,
  ConsoleLogsTable,
  ExecutionSchemasTable,
  ExecutionSnapshotsTable,
  ExecutionsTable,
  RejectsTable,
  SegmentsTable,
  SnapshotHoldersTable,
  WorkerLocksTable,
  WorkersTable,
} from './execution-tables.ts';
import type { IdempotencyKeysTable } from './idempotency/tables.ts';
import type { JobsTable, QueryPagesTable } from './jobs/tables.ts';
import type { ErrorSubscribersTable, MailsTable } from './mails/tables.ts';
import type { ModelSyncsTable } from './model-syncs/tables.ts';
import type { ModelsTable } from './models/tables.ts';
import type { ApiKeysTable, OrganizationsTable, UsersTable } from './organizations/tables.ts';
import type { PoliciesTable, RolesTable } from './permissions/tables.ts';
import type { ProxyCallsTable } from './proxy-calls/tables.ts';
import type { WebhookAttemptsTable, WebhookDeliveriesTable, WebhooksTable } from './webhooks/tables.ts';

/**
 * Every table of the metadata database, as the migrations leave it. Names are camelCase here and snake_case in SQL;
 * the Kysely instance of `openStore` converts, raw SQL text does not. Inside jsonb, keys stay as written.
 */
export interface Database {
  installation: InstallationTable;
  organizations: OrganizationsTable;
  users: UsersTable;
  apiKeys: ApiKeysTable;
  roles: RolesTable;
  policies: PoliciesTable;
  proxyCalls: ProxyCallsTable;
  connections: ConnectionsTable;
  schemaCaches: SchemaCachesTable;
  cachedSchemas: CachedSchemasTable;
  schemaOverrides: SchemaOverridesTable;
  bulkSyncs: BulkSyncsTable;
  bulkSyncSchedules: BulkSyncSchedulesTable;
  bulkSyncSchemas: BulkSyncSchemasTable;
  executions: ExecutionsTable;
  executionSchemas: ExecutionSchemasTable;
  executionSnapshots: ExecutionSnapshotsTable;
  snapshotHolders: SnapshotHoldersTable;
  segments: SegmentsTable;
  rejects: RejectsTable;
  consoleLogs: ConsoleLogsTable;
  workers: WorkersTable;
  workerLocks: WorkerLocksTable;
  connectionLanes: ConnectionLanesTable;
  seenSchemas: SeenSchemasTable;
  driftEvents: DriftEventsTable;
  idempotencyKeys: IdempotencyKeysTable;
  modelSyncs: ModelSyncsTable;
  auditEntries: AuditEntriesTable;
  events: EventsTable;
  webhooks: WebhooksTable;
  webhookDeliveries: WebhookDeliveriesTable;
  webhookAttempts: WebhookAttemptsTable;
  errorSubscribers: ErrorSubscribersTable;
  mails: MailsTable;
  jobs: JobsTable;
  queryPages: QueryPagesTable;
  models: ModelsTable;
}

/** Columns of every object that remembers who made it; the ids are users' or organizations', null for `system`. */
interface AuditColumns {
  createdBy: Nullable<string>;
  createdByType: ActorType;
  updatedBy: Nullable<string>;
  updatedByType: ActorType;
  createdAt: DefaultedTimestamp;
  updatedAt: DefaultedTimestamp;
}

interface InstallationTable {
  onlyRow: Defaulted<boolean>;
  id: string;
  keyCheck: Buffer;
  obfuscationSalt: Buffer;
  /** Of the master key that everything is sealed under now. */
  keyVersion: Defaulted<number>;
  obfuscationRoot: Nullable<Buffer>;
  /** Stands in a file of the folder for files, too. */
  filesMark: Nullable<string>;
  createdAt: DefaultedTimestamp;
}

/** `unchecked`: stored with `validate: false` and not used since. */
export type ConnectionStatus = 'healthy' | 'unhealthy' | 'unchecked';

interface ConnectionsTable extends AuditColumns {
  id: string;
  organizationId: string;
  name: string;
  type: string;
  configuration: Json<Readonly<Record<string, unknown>>>;
  /** One sealed JSON object, bound to organization and connection (`SecretBox`). */
  secrets: Nullable<Buffer>;
  policies: Defaulted<string[]>;
  healthcheckInterval: Nullable<string>;
  /** Steps of executions that may work on it at once; null = no limit. */
  maxLanes: Nullable<number>;
  status: ConnectionStatus;
  statusError: Nullable<string>;
  /** The connection of another organization that has the configuration of this one; null = its own. */
  parentConnectionId: Nullable<string>;
  /** When the scheduler looks at the system next; null = never. */
  nextCheckAt: NullableTimestamp;
  checkedAt: NullableTimestamp;
}

interface SchemaCachesTable {
  connectionId: string;
  organizationId: string;
  requestedAt: DefaultedTimestamp;
  startedAt: NullableTimestamp;
  finishedAt: NullableTimestamp;
  succeededAt: NullableTimestamp;
  error: Nullable<string>;
  database: NullableJson<DatabaseIdentity>;
}

interface CachedSchemasTable {
  connectionId: string;
  schemaId: string;
  organizationId: string;
  description: Json<SchemaDescription>;
}

interface SchemaOverridesTable {
  connectionId: string;
  schemaId: string;
  organizationId: string;
  overrides: Json<SchemaOverrides>;
  updatedAt: DefaultedTimestamp;
}

interface BulkSyncsTable extends AuditColumns {
  id: string;
  organizationId: string;
  name: string;
  active: Defaulted<boolean>;
  mode: BulkMode;
  sourceConnectionId: string;
  sourceConfiguration: NullableJson<Readonly<Record<string, unknown>>>;
  destinationConnectionId: string;
  destinationConfiguration: Json<Readonly<Record<string, unknown>>>;
  automaticallyAddNewFields: AutoAddRule;
  automaticallyAddNewObjects: AutoAddRule;
  normalizeNames: NameRule;
  disableRecordTimestamps: Defaulted<boolean>;
  concurrencyLimit: Nullable<number>;
  resyncConcurrencyLimit: Nullable<number>;
  dataCutoffTimestamp: NullableTimestamp;
  policies: Defaulted<string[]>;
  receiptDepth: Defaulted<ReceiptDepth>;
  adopt: Defaulted<boolean>;
  maxLossPercent: Defaulted<number>;
}

/** A schedule as the user gave it; times are the API's strings, in UTC. */
export interface ScheduleSettings {
  readonly frequency: ScheduleFrequency;
  readonly minute?: string;
  readonly hour?: string;
  readonly dayOfWeek?: string;
  readonly dayOfMonth?: string;
  readonly month?: string;
  /** Schema ids; empty or absent = all. Additional schedules only. */
  readonly schemas?: readonly string[];
  readonly selectiveMode?: SelectiveMode;
  readonly resyncMode?: ScheduleResyncMode;
}

interface BulkSyncSchedulesTable extends AuditColumns {
  id: string;
  syncId: string;
  organizationId: string;
  isDefault: boolean;
  position: number;
  settings: Json<ScheduleSettings>;
  dueAt: NullableTimestamp;
}

/** One field of a sync's selection. */
export interface SelectedField {
  readonly id: string;
  readonly enabled: boolean;
  readonly obfuscated: boolean;
  readonly userOutputName: string | null;
}

/** A row filter as the user gave it. */
export interface SelectedFilter {
  readonly fieldId: string;
  readonly function: FilterFunction;
  readonly value?: unknown;
}

interface BulkSyncSchemasTable {
  syncId: string;
  schemaId: string;
  organizationId: string;
  enabled: boolean;
  /** When it became enabled the last time: the order in which output names are given. Kept by a trigger. */
  enabledAt: DefaultedTimestamp;
  /** Null = all fields, new ones included. */
  fields: NullableJson<readonly SelectedField[]>;
  filters: DefaultedJson<readonly SelectedFilter[]>;
  trackingField: Nullable<string>;
  partitionKey: Nullable<string>;
  dataCutoffTimestamp: NullableTimestamp;
  disableDataCutoff: Defaulted<boolean>;
  userOutputName: Nullable<string>;
  generation: DefaultedBigInteger;
  /** Ids of the fields that executions took along without being told to; null = none was planned since `fields` was set. */
  autoFields: NullableJson<readonly string[]>;
  cursor: NullableJson<Readonly<Record<string, unknown>>>;
  loadedShape: NullableJson<unknown>;
  /** Raised by whatever makes the cursor void (`forgetCursors`). */
  revision: Defaulted<number>;
}

interface SeenSchemasTable {
  syncId: string;
  schemaId: string;
  organizationId: string;
  description: NullableJson<SeenSchema>;
}

interface DriftEventsTable {
  id: Defaulted<string>;
  organizationId: string;
  syncId: string;
  executionId: string;
  schemaId: string;
  kind: DriftKind;
  field: Nullable<string>;
  before: Nullable<string>;
  after: Nullable<string>;
  outcome: string;
  needsAttention: boolean;
  createdAt: DefaultedTimestamp;
}
