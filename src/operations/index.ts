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
  DEFAULT_SETTINGS,
  type DueOutcome,
  deleteBulkSync,
  type ExecutionProgress,
  type ExecutionView,
  type FieldSelection,
  type FilterInput,
  getBulkSchema,
  getBulkSync,
  getExecution,
  getProgress,
  getReceipt,
  getSyncSettings,
  getSyncStatus,
  listBulkSchemas,
  listBulkSyncs,
  listExecutions,
  listRejects,
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
  type StartInput,
  type SyncSettings,
  startBulkSync,
  startDueSync,
  updateBulkSync,
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
