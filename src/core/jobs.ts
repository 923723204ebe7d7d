/**
 * Requests that are answered later. Those that users ask for by name at `/api/jobs/{type}/{id}`, in the API's own words;
 * `runquery` is the work behind a query, which has a resource of its own.
 */
export const PUBLIC_JOB_TYPES = ['createmodel', 'updatemodel', 'previewmodel', 'samplemodel', 'exportlogs'] as const;
export type JobType = (typeof PUBLIC_JOB_TYPES)[number] | 'runquery';

/** `created`: nobody has begun. A job whose worker died stays `running`; it is taken up again or given up. */
export const JOB_STATUSES = ['created', 'running', 'done', 'failed'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];
