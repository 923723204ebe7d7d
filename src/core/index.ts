export { API_VERSIONS, type ApiVersion } from './api-versions.ts';
export { type DatabaseIdentity, isSameDatabase } from './database-identity.ts';
export { DRIFT_KINDS, type DriftEvent, type DriftKind, type SeenField, type SeenSchema } from './drift.ts';
export {
  deserializeError,
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetail,
  type FailureKind,
  firstError,
  isAbort,
  type SerializedError,
  SyncError,
  serializeError,
} from './errors.ts';
export {
  FIELD_TYPES,
  type FieldAssociation,
  type FieldDescription,
  type FieldType,
  type LogicalType,
  type PickValue,
  type SchemaDescription,
} from './fields.ts';
export { checkFilter } from './filters/check.ts';
export { type FilterCondition, type FilterElement, readFilter, TRIMMED } from './filters/condition.ts';
export type { Filter, RowFilter } from './filters/filter.ts';
export { toElementField, toFilterKind } from './filters/kind.ts';
export { matchesFilter } from './filters/match.ts';
export type { FilterBound } from './filters/operands.ts';
export { resolveFilters } from './filters/resolve.ts';
export { JOB_STATUSES, type JobStatus, type JobType, PUBLIC_JOB_TYPES } from './jobs.ts';
export { formatJsonPath, parseJsonPath } from './json-path.ts';
export {
  COUNTERS,
  DISTRIBUTIONS,
  type FleetFacts,
  type Meter,
  type SyncLag,
} from './measures.ts';
export {
  listFilterLabels,
  parseFilterLogic,
  toFilterLabel,
} from './model-syncs/filter-logic.ts';
export {
  FILTER_SIDES,
  type FilterSide,
  IDENTITY_FUNCTIONS,
  type IdentityFunction,
  type MappedField,
  MODEL_EXECUTION_STATUSES,
  type ModelFieldReference,
  type ModelSyncFilter,
  type ModelSyncIdentity,
  type ModelSyncOverride,
  type ModelSyncSchedule,
  type ModelSyncTarget,
  RECORD_LOG_TYPES,
} from './model-syncs/model-syncs.ts';
export {
  listModelFields,
  MODEL_ORIGINS,
  type ModelField,
  type ModelOrigin,
  type ModelOriginKind,
  type ModelRelation,
} from './models.ts';
export {
  findNameFault,
  NAME_RULES,
  type NameRule,
  nameKey,
} from './names.ts';
export {
  assignColumns,
  assignTables,
  type OutputTable,
  ownColumns,
  readDestinationOptions,
  type SchemaToName,
  splitSchemaId,
} from './output-tables.ts';
export {
  DESTRUCTIVE_STEPS,
  type DestructiveStep,
  type Estimate,
  LOSS_BASES,
  type LoadDescription,
  type LoadPreview,
  type LossBasis,
  PLACED_WRITERS,
  PLAN_OUTCOMES,
  type PlacedWriter,
  type PlanDescription,
  type PlanRefusal,
  REPLACEMENT_WAYS,
  type ReplacementWay,
  type SchemaPlanDescription,
  TABLE_CHANGES,
  type TableChange,
  TRANSFER_PATHS,
  type TransferDescription,
} from './plans.ts';
export {
  DIFFERENCE_KINDS,
  type DifferenceCounts,
  type DifferenceKind,
  type RangeSum,
  type Receipt,
  type RecordDifferences,
  type SchemaReceipt,
  type SourcePosition,
} from './receipts.ts';
export {
  applyOverrides,
  isUserFieldType,
  NO_OVERRIDES,
  type SchemaOverrides,
  USER_FIELD_TYPE_NAMES,
  type UserField,
} from './schema-overrides.ts';
export { chooseFields, takesNewSchema } from './selection.ts';
export {
  EXECUTION_STATUSES,
  EXECUTION_TRANSITIONS,
  type ExecutionEvent,
  type ExecutionStatus,
  isTerminal,
  SCHEMA_STATUSES,
  type SchemaStatus,
  TERMINAL_STATUSES,
} from './statuses.ts';
export {
  AUTO_ADD_RULES,
  type AutoAddRule,
  BULK_MODES,
  type BulkMode,
  FETCH_MODES,
  type FetchMode,
  FILTER_FUNCTIONS,
  type FilterFunction,
  LOAD_KINDS,
  type LoadKind,
  MODEL_MODES,
  type ModelMode,
  RECEIPT_DEPTHS,
  RESYNC_MODES,
  type ReceiptDepth,
  type ResyncMode,
  SCHEDULE_FREQUENCIES,
  SCHEDULE_RESYNC_MODES,
  type ScheduleFrequency,
  type ScheduleResyncMode,
  SELECTIVE_MODES,
  type SelectiveMode,
  VERIFICATION,
} from './syncs.ts';
export {
  addTimes,
  BOTTLENECKS,
  type ExecutionTiming,
  findBottleneck,
  sumTimes,
  TIME_PARTS,
  type TimePart,
  type TimeParts,
} from './timing.ts';
