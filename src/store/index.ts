export {
  type BulkSyncScheduleRecord,
  type DueSync,
  deleteBulkSyncSchedule,
  insertBulkSyncSchedule,
  listBulkSyncSchedules,
  listDueSyncs,
  listNextStarts,
  listSyncsToArm,
  type NewBulkSyncSchedule,
  replaceBulkSyncSchedules,
  setDueTimes,
  tryLockActiveSync,
  updateBulkSyncSchedule,
} from './bulk-sync-schedules.ts';
export {
  type BulkSyncSchemaRecord,
  findBulkSyncSchema,
  forgetCursors,
  insertBulkSyncSchemas,
  listBulkSyncSchemas,
  listNamingOfSyncs,
  listSelectionsOf,
  type NewBulkSyncSchema,
  saveBulkSyncSchemas,
} from './bulk-sync-schemas.ts';
export {
  type BulkSyncPosition,
  type BulkSyncRecord,
  deleteBulkSync,
  findBulkSync,
  insertBulkSync,
  listBulkSyncs,
  listBulkSyncsInto,
  lockConnections,
  updateBulkSync,
} from './bulk-syncs.ts';
export type { ActorType } from './columns.ts';
export {
  type ConnectionRecord,
  deleteConnection,
  findConnection,
  insertConnection,
  listConnections,
  listConnectionUsers,
  setConnectionStatus,
  updateConnection,
} from './connections.ts';
export { appendConsoleLogs, type ConsoleEntry, type ConsoleRecord, listConsoleLogs } from './console-logs.ts';
export { openStore, type ScopedStore, type Store, type StoreDatabase, type StoreTransaction } from './database.ts';
export {
  type DriftRecord,
  listDriftEvents,
  listSeenSchemas,
  rememberSchemas,
  replaceDrift,
} from './drift.ts';

export {
  type ExecutionPosition,
  type ExecutionRecord,
  type ExecutionSchemaRecord,
  findCurrentAndLast,
  findExecution,
  insertExecution,
  insertFailedExecution,
  listExecutionSchemas,
  listExecutions,
  type NewExecution,
  requestCancellation,
  requestSchemaCancellation,
} from './executions.ts';
export {
  findKeyHolder,
  findOrganization,
  findSystemPolicyId,
  insertFirstObjects,
  isReachable,
  listKnownPolicyIds,
  listOrganizations,
  listUserNames,
  lockOrganizations,
  type Organization,
} from './identity.ts';
export { listRejects, type RejectPosition, type RejectRecord } from './rejects.ts';
export {
  completeSchema,
  type EndedSchema,
  type ExecutionSchemas,
  findRunSchema,
  listRunSchemas,
  nextGenerations,
  type PlannedSchema,
  replacePlan,
  restartSchema,
  saveSchemaReceipt,
  setSchemaStatus,
} from './run-schemas.ts';
export { addSchemas, listKnownSchemas, saveAutoFields } from './run-selection.ts';
export {
  closeSnapshots,
  findCancellations,
  findSnapshot,
  hasSync,
  insertSnapshot,
  lastSnapshotEpoch,
  listOpenExecutions,
  loadRun,
  type Run,
  type RunConnection,
  recordExecutionEvent,
} from './runs.ts';
export {
  findCachedSchema,
  findDetectedSchema,
  listCachedSchemaIds,
  listCachedSchemas,
  listPendingRefreshes,
  type PendingRefresh,
  type RefreshOutcome,
  readSchemaCacheState,
  requestSchemaRefresh,
  runPendingRefresh,
  type SchemaCacheState,
} from './schema-caches.ts';
export { listSchemaOverrides, saveSchemaOverrides } from './schema-overrides.ts';
export {
  type LastSchemaExecution,
  listLastSchemaExecutions,
  listSyncStatuses,
} from './sync-statuses.ts';
export type { ScheduleSettings, SelectedField, SelectedFilter } from './tables.ts';
export {
  claimItem,
  finishItem,
  hasItemsOfOthers,
  hasOpenItems,
  listLostSchemas,
  listReads,
  reclaimItem,
  saveProgress,
  saveRejects,
  type WorkItem,
} from './work-items.ts';
export { beat, buryWorkers, listDeadWorkers, registerWorker, retireWorker } from './workers.ts';
