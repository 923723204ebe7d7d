export type { Actor } from './actors.ts';
export {
  activateBulkSync,
  armSchedules,
  type BulkSchemaView,
  type BulkSyncInput,
  type BulkSyncView,
  cancelExecution,
  countRecords,
  createBulkSync,
  createSchedule,
  DEFAULT_SETTINGS,
  deleteBulkSync,
  deleteSchedule,
  type ExecutionProgress,
  type ExecutionView,
  type FieldSelection,
  type FilterInput,
  getBulkSchema,
  getBulkSync,
  getExecution,
  getProgress,
  getReceipt,
  getSchedule,
  getSyncSettings,
  getSyncStatus,
  listBulkSchemas,
  listBulkSyncs,
  listExecutions,
  listRejects,
  listSchedules,
  listWholeBulkSchemas,
  patchBulkSchemas,
  type RejectView,
  replaceBulkSchema,
  replaceSyncSettings,
  type ScheduleInput,
  type ScheduleView,
  type SchemaChange,
  type SchemaListFilter,
  type SchemaSelection,
  type SingleScheduleView,
  type StartInput,
  type SyncSettings,
  startBulkSync,
  startDueSync,
  updateBulkSync,
  updateSchedule,
  type WholeSchemaView,
} from './bulk-syncs/index.ts';

export {
  type Connection,
  type ConnectionInput,
  createConnection,
  deleteConnection,
  getConnection,
  listConnections,
  testConnection,
  updateConnection,
} from './connections/connections.ts';
export { type ConnectionType, getConnectionType, listConnectionTypes } from './connections/types.ts';
export { type Caller, type Context, createContext, type ExecutionQueue, type Services } from './context.ts';
export { authenticate, bootstrap, type Credentials, type FirstKeys, isMetadataReachable } from './identity.ts';
export { describeMisfits, type Misfit, toMisfits } from './misfits.ts';
export { type BulkDestination, getBulkDestination } from './schemas/destination.ts';
export {
  type CreationProperty,
  getCreationProperty,
  listTargetObjects,
  type TargetObject,
} from './schemas/model-targets.ts';
export { refreshNow, refreshSchemas, requestRefresh } from './schemas/refresh.ts';
export { type BulkSource, getBulkSource, getSchema, getSchemaStatus, sampleRecords } from './schemas/source.ts';
