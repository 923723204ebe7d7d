export type { JobRecord } from '../../store/index.ts';
export { getJob } from './get.ts';
export { type JobHandlers, runJob, takeNextJob, tidyJobs } from './run.ts';
export { recordDoneJob, startJob } from './start.ts';
