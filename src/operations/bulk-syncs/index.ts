export { patchBulkSchemas, replaceBulkSchema, type SchemaChange } from './change-schemas.ts';
export { type ConsoleLogPage, getConsoleLog } from './console-logs.ts';
export { type DriftView, listDrift } from './drift.ts';
export {
  cancelExecution,
  cancelSchema,
  countRecords,
  type ExecutionView,
  getExecution,
  getSyncStatus,
  listExecutions,
} from './executions.ts';
export type { BulkSyncInput } from './input.ts';
export { type ExecutionProgress, getProgress } from './progress.ts';
export { getReceipt, listRejects, type RejectView } from './receipts.ts';
export type { ScheduleInput } from './schedule-rules.ts';
export { armSchedules, startDueSync } from './scheduled-starts.ts';
export type { ScheduleView } from './schedules.ts';
export {
  type BulkSchemaView,
  getBulkSchema,
  listBulkSchemas,
  listWholeBulkSchemas,
  type SchemaListFilter,
  type WholeSchemaView,
} from './schemas.ts';
export type { FieldSelection, FilterInput, SchemaSelection } from './selection.ts';
export { DEFAULT_SETTINGS, getSyncSettings, replaceSyncSettings, type SyncSettings } from './settings.ts';
export {
  createSchedule,
  deleteSchedule,
  getSchedule,
  listSchedules,
  type SingleScheduleView,
  updateSchedule,
} from './single-schedules.ts';
export { type StartInput, startBulkSync } from './start.ts';
export { listStatuses, type SchemaStatusView, type StatusQuery, type SyncStatus } from './statuses.ts';
export {
  activateBulkSync,
  type BulkSyncView,
  createBulkSync,
  deleteBulkSync,
  getBulkSync,
  listBulkSyncs,
  updateBulkSync,
} from './syncs.ts';
