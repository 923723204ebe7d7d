import { z } from 'zod';
import { JOB_STATUSES } from '../core/index.ts';
import { envelope, idSchema } from './common.ts';

/** A request that is answered later. `result` is there when it is done, `error` when it failed. */
export const jobSchema = z
  .object({
    job_id: idSchema,
    type: z.string(),
    status: z.enum(JOB_STATUSES),
    result: z.unknown().optional(),
    error: z.string().optional(),
  })
  .meta({ id: 'JobResponse' });
export type JobBody = z.infer<typeof jobSchema>;

/** One job. */
export const jobEnvelope = envelope(jobSchema);

/** Path of one job; a type that there is not is a malformed request, not an unknown thing. */
export const jobParamsSchema = z.object({ type: z.string(), id: idSchema });
