import { jobEnvelope, jobParamsSchema } from '../../contract/index.ts';
import { getJob } from '../../operations/index.ts';
import { showJob } from '../job-results.ts';
import { defineRoute, type Route } from '../route.ts';
import { since } from '../versions/range.ts';

/** Requests that are answered later. */
export const jobRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    url: '/api/jobs/:type/:id',
    versions: since('2024-02-08'),
    operationId: 'jobs.get',
    summary: 'Get a job that you asked for, with its result once it is done',
    params: jobParamsSchema,
    response: jobEnvelope,
    handle: async (context, { params }) => {
      const job = await getJob(context, params.type, params.id);
      return { data: await showJob(context, job) };
    },
  }),
];
