import { z } from 'zod';
import { envelope, queryBooleanSchema, timestampSchema } from './common.ts';
import { jobSchema } from './jobs.ts';

/** Signed addresses; the names are capitalised in the published API. */
export const executionLogsEnvelope = envelope(
  z.object({ URLs: z.array(z.string()), Expires: timestampSchema }).meta({ id: 'BulkSyncExecutionLogs' }),
);

/** Whether the address is also sent to the user who asks. */
export const exportLogsQuerySchema = z.object({ notify: queryBooleanSchema.optional() });

/** The archive is the result of a job. */
export const exportLogsSchema = z.object({ job: jobSchema });
