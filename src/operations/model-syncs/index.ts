export { requireExecutionsOf, requireModelExecution, startModelSync } from './executions.ts';
export type { GivenField, GivenSchedule, ModelSyncInput } from './input.ts';
export {
  activateModelSync,
  changeModelSync,
  createModelSync,
  deleteModelSync,
  getModelSync,
  listAllModelSyncs,
  listModelSyncs,
  type ModelSyncView,
  updateModelSync,
} from './model-syncs.ts';
export { SCHEDULE_OPTIONS } from './schedule-options.ts';
