export type { JobRecord } from '../../store/index.ts';
export { getJob } from './get.ts';
export { type JobHandlers, removeOldJobs, runJob, takeNextJob } from './run.ts';
export { recordDoneJob, startJob } from './start.ts';
