export { type ConsoleLogPage, getConsoleLog } from './executions/console-logs.ts';
export { type DriftView, listDrift } from './executions/drift.ts';
export {
  cancelExecution,
  cancelSchema,
  countRecords,
  type ExecutionView,
  getExecution,
  getSyncStatus,
  listExecutions,
} from './executions/executions.ts';
export { getExecutionPlan, planBulkSync } from './executions/plans.ts';
export { type ExecutionProgress, getProgress } from './executions/progress.ts';
export { getReceipt, listRejects, type RejectView } from './executions/receipts.ts';
export { type StartInput, startBulkSync, startVerification } from './executions/start.ts';
export { listStatuses, type SchemaStatusView, type StatusQuery, type SyncStatus } from './executions/statuses.ts';
export { getTiming, type TimingView } from './executions/timing.ts';
export type { BulkSyncInput } from './input.ts';
export type { ScheduleInput } from './schedules/schedule-rules.ts';
export { armSchedules, startDueSync } from './schedules/scheduled-starts.ts';
export type { ScheduleView } from './schedules/schedules.ts';
export {
  createSchedule,
  deleteSchedule,
  getSchedule,
  listSchedules,
  type SingleScheduleView,
  updateSchedule,
} from './schedules/single-schedules.ts';
export { patchBulkSchema, patchBulkSchemas, replaceBulkSchema, type SchemaChange } from './selection/change-schemas.ts';
export {
  type BulkSchemaView,
  getBulkSchema,
  listBulkSchemas,
  listWholeBulkSchemas,
  type SchemaListFilter,
  type WholeSchemaView,
} from './selection/schemas.ts';
export type { FieldSelection, FilterInput, SchemaSelection } from './selection/selection.ts';
export { DEFAULT_SETTINGS, getSyncSettings, replaceSyncSettings, type SyncSettings } from './settings.ts';
export {
  activateBulkSync,
  type BulkSyncView,
  changeBulkSync,
  createBulkSync,
  deleteBulkSync,
  getBulkSync,
  listAllBulkSyncs,
  listBulkSyncs,
  updateBulkSync,
} from './syncs.ts';
