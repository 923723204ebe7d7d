import type { JobType } from '../../core/index.ts';
import { MODEL_JOB_HANDLERS } from '../models/jobs.ts';
import type { JobHandler } from './handler.ts';

/** Who does which type. A type without a handler is refused when somebody asks for it. */
export const JOB_HANDLERS: Readonly<Partial<Record<JobType, JobHandler>>> = {
  ...MODEL_JOB_HANDLERS,
};
