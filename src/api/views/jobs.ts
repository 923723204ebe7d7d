import type { JobBody } from '../../contract/index.ts';
import type { JobRecord } from '../../operations/index.ts';

/** A job on the wire. @param result the job's result as its type shows it; only looked at when the job is done */
export function toJobBody(job: JobRecord, result: unknown): JobBody {
  return {
    job_id: job.id,
    type: job.type,
    status: job.status,
    ...(job.status === 'done' ? { result } : {}),
    ...(job.status === 'failed' ? { error: job.error ?? 'It failed.' } : {}),
  };
}
