export {
  type BulkSyncScheduleRecord,
  listBulkSyncSchedules,
  type NewBulkSyncSchedule,
  replaceBulkSyncSchedules,
} from './bulk-sync-schedules.ts';
export {
  type BulkSyncSchemaRecord,
  forgetCursors,
  insertBulkSyncSchemas,
  listBulkSyncSchemas,
  listSchemaIdsOfSyncs,
  type NewBulkSyncSchema,
} from './bulk-sync-schemas.ts';
export {
  type BulkSyncChange,
  type BulkSyncPage,
  type BulkSyncPosition,
  type BulkSyncRecord,
  deleteBulkSync,
  findBulkSync,
  insertBulkSync,
  listBulkSyncs,
  listBulkSyncsInto,
  lockConnections,
  type NewBulkSync,
  updateBulkSync,
} from './bulk-syncs.ts';
export type { ActorType } from './columns.ts';
export {
  type ConnectionChange,
  type ConnectionRecord,
  type ConnectionUser,
  deleteConnection,
  findConnection,
  insertConnection,
  listConnections,
  listConnectionUsers,
  type NewConnection,
  setConnectionStatus,
  updateConnection,
} from './connections.ts';
export {
  openStore,
  type ScopedStore,
  type Store,
  type StoreDatabase,
  type StoreOptions,
  type StoreTransaction,
} from './database.ts';
export type { ExecutionOverrides } from './execution-tables.ts';
export {
  type ExecutionPage,
  type ExecutionPosition,
  type ExecutionQuery,
  type ExecutionRecord,
  type ExecutionSchemaRecord,
  findCurrentAndLast,
  findExecution,
  insertExecution,
  listExecutionSchemas,
  listExecutions,
  type NewExecution,
  requestCancellation,
  type SegmentProgress,
} from './executions.ts';
export {
  type FirstObjects,
  findKeyHolder,
  findOrganization,
  findSystemPolicyId,
  insertFirstObjects,
  isReachable,
  type KeyHolder,
  listKnownPolicyIds,
  listOrganizations,
  listUserNames,
  lockOrganizations,
  type Organization,
  type User,
} from './identity.ts';
export { listRejects, type RejectPosition, type RejectRecord } from './rejects.ts';
export {
  closeSnapshots,
  type ExecutionChanges,
  findSnapshot,
  findStoppedExecutions,
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
  listCachedSchemas,
  listPendingRefreshes,
  type PendingRefresh,
  type RefreshOutcome,
  readSchemaCacheState,
  requestSchemaRefresh,
  runPendingRefresh,
  type SchemaCacheState,
} from './schema-caches.ts';
export type { MasterKeySource, SecretBox, SecretOwner } from './secrets.ts';
export type {
  ConnectionStatus,
  Database,
  PolicyAction,
  ScheduleSettings,
  SelectedField,
  SelectedFilter,
} from './tables.ts';
export {
  type CompletedSchema,
  claimItem,
  completeSchema,
  type FailedSchema,
  findRunSchema,
  finishItem,
  hasItemsOfOthers,
  hasOpenItems,
  listReads,
  listRunSchemas,
  nextGeneration,
  type PlannedSchema,
  type RejectRow,
  reclaimItem,
  replacePlan,
  restartSchema,
  saveProgress,
  saveRejects,
  saveSchemaReceipt,
  setSchemaStatus,
  type WorkItem,
} from './work-items.ts';
export { beat, buryWorkers, listDeadWorkers, registerWorker, retireWorker, type WorkerRow } from './workers.ts';
