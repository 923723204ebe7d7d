export type { Actor } from './actors.ts';
export { type AuditEntry, listAudit } from './audit/list.ts';
export {
  activateBulkSync,
  armSchedules,
  type BulkSchemaView,
  type BulkSyncInput,
  type BulkSyncView,
  type ConsoleLogPage,
  cancelExecution,
  cancelSchema,
  changeBulkSync,
  countRecords,
  createBulkSync,
  createSchedule,
  DEFAULT_SETTINGS,
  type DriftView,
  deleteBulkSync,
  deleteSchedule,
  type ExecutionProgress,
  type ExecutionView,
  type FieldSelection,
  type FilterInput,
  getBulkSchema,
  getBulkSync,
  getConsoleLog,
  getExecution,
  getExecutionPlan,
  getProgress,
  getReceipt,
  getSchedule,
  getSyncSettings,
  getSyncStatus,
  getTiming,
  listAllBulkSyncs,
  listBulkSchemas,
  listBulkSyncs,
  listDrift,
  listExecutions,
  listRejects,
  listSchedules,
  listStatuses,
  listWholeBulkSchemas,
  patchBulkSchema,
  patchBulkSchemas,
  planBulkSync,
  type RejectView,
  replaceBulkSchema,
  replaceSyncSettings,
  type ScheduleInput,
  type ScheduleView,
  type SchemaChange,
  type SchemaListFilter,
  type SchemaSelection,
  type SchemaStatusView,
  type SingleScheduleView,
  type StartInput,
  type StatusQuery,
  type SyncSettings,
  type SyncStatus,
  startBulkSync,
  startDueSync,
  startVerification,
  type TimingView,
  updateBulkSync,
  updateSchedule,
  type WholeSchemaView,
} from './bulk-syncs/index.ts';
export { examineConnection } from './checkup/connections.ts';
export { type Finding, notice, ok, wrong } from './checkup/findings.ts';
export { judgeMetadata } from './checkup/metadata.ts';
export { explainCollision } from './collisions.ts';
export { startConnect } from './connections/connect.ts';
export {
  type ConnectionInput,
  createConnection,
  deleteConnection,
  getConnection,
  listConnections,
  updateConnection,
} from './connections/connections.ts';
export { checkConnection, takeConnectionToCheck } from './connections/health.ts';
export { listParameterValues, listTypeParameterValues, type ParameterValues } from './connections/parameter-values.ts';
export { patchConnection } from './connections/patch.ts';
export { proxyRequest } from './connections/proxy/execute.ts';
export { getProxyInfo } from './connections/proxy/info.ts';
export { getConnectionSettings, replaceConnectionSettings } from './connections/settings.ts';
export { listSharedConnections, type SharedPath, shareConnection } from './connections/sharing.ts';
export type { Connection } from './connections/shown.ts';
export { testConnection } from './connections/trial.ts';
export { type ConnectionType, getConnectionType, listConnectionTypes } from './connections/types.ts';
export {
  type Caller,
  type Context,
  createContext,
  type ExecutionQueue,
  type Services,
} from './context.ts';
export { type Entity, getEntity, getEntityForPartner } from './entities/entities.ts';
export { EVENT_TYPES, type Event, listEvents } from './events/events.ts';
export { exportLogs } from './execution-logs/export.ts';
export {
  LOG_FILES,
  type LogFile,
  listLogFiles,
  openLogFile,
  readConsole,
  readRejects,
} from './execution-logs/files.ts';
export {
  beginIdempotent,
  endIdempotent,
  type KeptAnswer,
  renewIdempotent,
} from './idempotency/index.ts';
export {
  authenticate,
  bootstrap,
  type Credentials,
  type FirstKeys,
  findOwnOrganization,
  isMetadataReachable,
} from './identity.ts';
export {
  getJob,
  type JobHandlers,
  type JobRecord,
  recordDoneJob,
  runJob,
  startJob,
  takeNextJob,
  tidyJobs,
} from './jobs/index.ts';
export { describeMisfits, type Misfit, toMisfits } from './misfits.ts';
export {
  activateModelSync,
  changeModelSync,
  createModelSync,
  deleteModelSync,
  type GivenField,
  type GivenSchedule,
  getModelSync,
  listAllModelSyncs,
  listModelSyncs,
  type ModelSyncInput,
  type ModelSyncView,
  requireExecutionsOf,
  requireModelExecution,
  SCHEDULE_OPTIONS,
  startModelSync,
  updateModelSync,
} from './model-syncs/index.ts';
export {
  createModel,
  deleteModel,
  describeModelSource,
  getModel,
  listAllModels,
  listModels,
  listSourceFields,
  type ModelChange,
  type ModelFields,
  type ModelInput,
  type ModelOutcome,
  type ModelSourceDescription,
  type ModelView,
  patchModel,
  previewModel,
  refuseEnrichment,
  type SourceField,
  sampleModel,
  startCreateModel,
  startGetModel,
  startPreviewModel,
  startSampleModel,
  startUpdateModel,
  updateModel,
} from './models/index.ts';
export { type SendMail, sendNextMail } from './notifications/mail.ts';
export {
  getErrorSubscribers,
  setErrorSubscribers,
} from './notifications/subscribers.ts';
export {
  createInstallationKey,
  type KeyRequest,
  type KeyServices,
  listInstallationKeys,
  revokeInstallationKey,
} from './organizations/installation-keys.ts';
export {
  changeOrganization,
  createOrganization,
  deleteOrganization,
  getOrganization,
  getOwnOrganization,
  listOrganizations,
  type OrganizationChange,
  type OrganizationInput,
  type OrganizationView,
  updateOrganization,
} from './organizations/organizations.ts';
export { enterOrganization } from './organizations/reach.ts';
export { createUserKey } from './organizations/user-keys.ts';
export type { RolesInput } from './organizations/user-roles.ts';
export { createUser, deleteUser, getUser, listUsers, type UserView, updateUser } from './organizations/users.ts';
export {
  createPolicy,
  deletePolicy,
  getPolicy,
  listPolicies,
  type PolicyInput,
  type PolicyView,
  updatePolicy,
} from './permissions/policies.ts';
export {
  createRole,
  deleteRole,
  getRole,
  listRoles,
  type RoleView,
  updateRole,
} from './permissions/roles.ts';
export { getQuery, type QueryView, startQuery } from './queries/queries.ts';
export { type BulkDestination, getBulkDestination } from './schemas/destination.ts';
export {
  type CreationProperty,
  getCreationProperty,
  getTargetFields,
  listTargetObjects,
  type TargetFields,
  type TargetObject,
} from './schemas/model-targets.ts';
export { resetPrimaryKey, setPrimaryKey } from './schemas/primary-keys.ts';
export { refreshNow, refreshSchemas, requestRefresh } from './schemas/refresh.ts';
export { type BulkSource, getBulkSource, getSchema, getSchemaStatus, sampleRecords } from './schemas/source.ts';
export {
  deleteUserField,
  patchField,
  upsertUserFields,
} from './schemas/user-fields.ts';
export { deliverNext, tidyDeliveries } from './webhooks/deliver.ts';
export {
  createWebhook,
  type Delivery,
  deleteWebhook,
  getWebhook,
  listDeliveries,
  listWebhooks,
  setWebhookDisabled,
  updateWebhook,
  type Webhook,
  type WebhookInput,
} from './webhooks/webhooks.ts';
