export {
  type AuditQuery,
  type AuditRecord,
  completeAuditEntry,
  insertAuditEntry,
  listAuditEntries,
} from './audit/audit-entries.ts';
export { splitLines } from './backup/lines.ts';
export { type Restored, restoreBackup } from './backup/restore.ts';
export { backupLines } from './backup/write.ts';
export {
  type Checkup,
  type InstallationFacts,
  type MetadataFacts,
  type OpenExecution,
  openCheckup,
  type StoredConnection,
  type WorkerFacts,
} from './checkup.ts';
export type { ActorType } from './columns.ts';
export { type Health, storeCheck, takeDueCheck } from './connection-checks.ts';
export {
  type ConnectionRecord,
  type ConnectionUser,
  deleteConnection,
  findConnection,
  insertConnection,
  listConnections,
  listConnectionUsers,
  setConnectionStatus,
  updateConnection,
} from './connections.ts';
export { openStore, type ScopedStore, type Store, type StoreDatabase, type StoreTransaction } from './database.ts';
export { type DueKind, findDueKinds } from './due-rows.ts';
export {
  type EntityRecord,
  type EntityType,
  findEntity,
  listEntitySchemas,
} from './entities/entities.ts';
export {
  type EventPosition,
  type EventQuery,
  type EventRecord,
  listEvents,
  removeOldEvents,
} from './events/events.ts';
export type { PlanSummary } from './execution-tables.ts';
export {
  enterConnections,
  type LimitedConnection,
  leaveConnections,
} from './executions/connection-lanes.ts';
export {
  appendConsoleLogs,
  type ConsoleEntry,
  type ConsoleRecord,
  listConsoleLogs,
} from './executions/console-logs.ts';
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
} from './executions/executions.ts';
export { readFleetFacts } from './executions/fleet.ts';
export { announceWork, Heartbeat } from './executions/heartbeat.ts';
export {
  type CompletedPackSchema,
  claimPack,
  completePack,
  type PackedSchema,
  releasePack,
} from './executions/packs.ts';
export {
  countRejectsOfOthers,
  listRejects,
  type RejectPosition,
  type RejectRecord,
  type RejectRow,
  saveRejects,
} from './executions/rejects.ts';
export { type Retention, removeExpiredExecutions, removeOldWorkers } from './executions/retention.ts';
export {
  completeSchema,
  completeVerification,
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
} from './executions/run-schemas.ts';
export { addSchemas, draftSelection, listKnownSchemas, saveAutoFields } from './executions/run-selection.ts';
export {
  closeSnapshots,
  draftRun,
  findCancellations,
  findSnapshot,
  insertSnapshot,
  lastSnapshotEpoch,
  listConnectionTypes,
  listOpenExecutions,
  loadRun,
  type Run,
  type RunConnection,
  recordExecutionEvent,
} from './executions/runs.ts';
export { findSameRefusal } from './executions/same-refusal.ts';
export { addSnapshotHolder, findSnapshotHolder, removeSnapshotHolder } from './executions/snapshot-holders.ts';
export { findPlanSummary, listPlannedSchemas, savePlanSummary } from './executions/stored-plans.ts';
export { markPlanned, sumExecutionTiming, sumSchemaTimings } from './executions/timing.ts';
export {
  claimItem,
  findKeptOutcome,
  finishItem,
  hasItemsOfDead,
  hasOpenItems,
  isMovedByOthers,
  keepOutcome,
  listLostSchemas,
  listReads,
  reclaimItem,
  releaseItem,
  saveProgress,
  type WorkItem,
} from './executions/work-items.ts';
export { giveBackWorkerLock, takeWorkerLock } from './executions/worker-locks.ts';
export {
  buryOthers,
  buryWorkers,
  isSpoken,
  listDeadWorkers,
  listTakers,
  registerWorker,
  requireLiving,
  retireWorker,
} from './executions/workers.ts';
export { claimFilesMark, findFilesMark } from './files-mark.ts';
export {
  claimIdempotencyKey,
  findIdempotencyKey,
  type IdempotencyRecord,
  type IdempotentAttempt,
  keepIdempotentAnswer,
  removeExpiredIdempotencyKeys,
  renewIdempotentAttempts,
} from './idempotency/idempotency-keys.ts';
export {
  findKeyHolder,
  findOrganization,
  insertFirstObjects,
  isReachable,
  type KeyHolder,
  listOrganizations,
  listUserNames,
  lockOrganizations,
  type Organization,
} from './identity.ts';
export {
  countOpenJobs,
  findJob,
  finishJob,
  holdJob,
  insertJob,
  type JobRecord,
  releaseJob,
  removeExpiredJobs,
  shortenLeases,
  takeJob,
} from './jobs/jobs.ts';
export { findQueryPage, insertQueryPage } from './jobs/query-pages.ts';
export {
  finishMail,
  insertMails,
  listErrorSubscribers,
  type NewMail,
  removeOldMails,
  replaceErrorSubscribers,
  takeMail,
} from './mails/mails.ts';
export type { MailFacts, MailTemplate } from './mails/tables.ts';
export { listMissingMigrations } from './migrate.ts';
export {
  deleteModelSync,
  findModelSync,
  insertModelSync,
  listKnownSyncIds,
  listModelSyncs,
  listRunAfter,
  lockModelSync,
  lockRunAfter,
  type ModelSyncPosition,
  type ModelSyncQuery,
  type ModelSyncRecord,
  updateModelSync,
} from './model-syncs/model-syncs.ts';
export {
  deleteModel,
  findModel,
  insertModel,
  listModels,
  listModelsById,
  type ModelPosition,
  type ModelRecord,
  updateModel,
} from './models/models.ts';
export {
  countUserKeys,
  insertKey,
  type KeyRecord,
  listKeys,
  revokeKey,
  revokeUserKeys,
} from './organizations/keys.ts';
export {
  countOwned,
  deleteOrganization,
  findReachable,
  insertOrganization,
  listReachable,
  type OrganizationReach,
  type OrganizationRecord,
  updateOrganization,
} from './organizations/organizations.ts';
export type { KeyKind } from './organizations/tables.ts';
export {
  deleteUser,
  findUser,
  insertUser,
  listUsers,
  lockUsers,
  setUserRoles,
  type UserRecord,
} from './organizations/users.ts';
export { insertBuiltInPermissions } from './permissions/built-in.ts';
export {
  deletePolicy,
  findPolicy,
  insertPolicy,
  listPolicies,
  type PolicyRecord,
  updatePolicy,
} from './permissions/policies.ts';
export {
  deleteRole,
  findRole,
  insertRole,
  listRoles,
  type RoleRecord,
  renameRole,
} from './permissions/roles.ts';
export type { PolicyGrant, PolicyKind, SystemRole } from './permissions/tables.ts';
export { countProxyCall, readProxyCalls, removeOldProxyCalls } from './proxy-calls/proxy-calls.ts';
export { type Rotation, rotateMasterKey } from './rotate-master-key.ts';
export {
  findCachedSchema,
  findDetectedSchema,
  forgetDatabaseIdentity,
  listCachedSchemaIds,
  listCachedSchemas,
  listDatabaseIdentities,
  listPendingRefreshes,
  type PendingRefresh,
  type RefreshOutcome,
  readSchemaCacheState,
  requestSchemaRefresh,
  runPendingRefresh,
  type SchemaCacheState,
} from './schema-caches.ts';
export { listSchemaOverrides, saveSchemaOverrides } from './schema-overrides.ts';
export { tryExclusively } from './session-lock.ts';
export { createSessionPool } from './session-pool.ts';
export { findParents, insertChild, isSharing, listChildren } from './shared-connections.ts';
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
} from './syncs/bulk-sync-schedules.ts';
export {
  type BulkSyncSchemaRecord,
  findBulkSyncSchema,
  findSyncNaming,
  forgetCursors,
  insertBulkSyncSchemas,
  listBulkSyncSchemas,
  listNamingOfSyncs,
  listSelectionsOf,
  type NewBulkSyncSchema,
  type SchemaNaming,
  type SyncNaming,
  saveBulkSyncSchemas,
} from './syncs/bulk-sync-schemas.ts';
export {
  type BulkSyncPosition,
  type BulkSyncRecord,
  deleteBulkSync,
  findBulkSync,
  insertBulkSync,
  listBulkSyncs,
  listBulkSyncsInto,
  lockBulkSync,
  lockConnections,
  updateBulkSync,
} from './syncs/bulk-syncs.ts';
export {
  type DriftRecord,
  listDriftEvents,
  listSeenSchemas,
  rememberSchemas,
  replaceDrift,
} from './syncs/drift.ts';
export {
  type LastSchemaExecution,
  listLastSchemaExecutions,
  listSyncStatuses,
} from './syncs/sync-statuses.ts';
export type { ScheduleSettings, SelectedField, SelectedFilter } from './tables.ts';
export { findDeletedParent, isDeadlock } from './violations.ts';
export {
  type AttemptEnd,
  type DeliveryPosition,
  finishAttempt,
  listDeliveries,
  shortenDeliveryLeases,
  type TakenDelivery,
  takeDelivery,
} from './webhooks/deliveries.ts';
export {
  deleteWebhook,
  findWebhook,
  insertWebhook,
  listWebhooks,
  updateWebhook,
  type WebhookRecord,
} from './webhooks/webhooks.ts';
