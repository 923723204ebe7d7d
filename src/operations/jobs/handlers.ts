import type { JobType } from '../../core/index.ts';
import { EXPORT_LOGS_HANDLER } from '../execution-logs/export-job.ts';
import { MODEL_JOB_HANDLERS } from '../models/jobs.ts';
import { QUERY_JOB_HANDLER } from '../queries/queries.ts';
import type { JobHandler } from './handler.ts';

/** Who does which type. A type without a handler is refused when somebody asks for it. */
export const JOB_HANDLERS: Readonly<Partial<Record<JobType, JobHandler>>> = {
  ...MODEL_JOB_HANDLERS,
  exportlogs: EXPORT_LOGS_HANDLER,
  runquery: QUERY_JOB_HANDLER,
};
