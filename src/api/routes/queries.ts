import { z } from 'zod';
import {
  connectionParamsSchema,
  envelope,
  idParamsSchema,
  type QueryBody,
  queryPageEnvelope,
  queryPageQuerySchema,
  querySchema,
  runQueryQuerySchema,
  runQueryRequestSchema,
} from '../../contract/index.ts';
import { SyncError } from '../../core/index.ts';
import { getQuery, type JobRecord, type QueryView, startQuery } from '../../operations/index.ts';
import { counterSchema, fromPageToken, toPagination } from '../pagination.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';

const VERSIONS = since('2024-02-08');
const positionSchema = z.object({ page: counterSchema });
const TRUNCATED = '299 - "Only the first records are kept: at most 10000, and 8 MiB"';

/** Queries of users in a connection's own language. */
export const queryRoutes = [
  defineRoute({
    method: 'POST',
    url: '/api/connections/:connection_id/query',
    versions: VERSIONS,
    operationId: 'queryRunner.runQuery',
    summary: 'Run a query in a connection; its results are asked for later',
    params: connectionParamsSchema,
    query: runQueryQuerySchema,
    body: runQueryRequestSchema,
    response: envelope(querySchema),
    handle: async (context, { params, query, body }) => {
      const text = chooseText(query.query, body?.query);
      return { data: toQueryBody(await startQuery(context, params.connection_id, text)) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/queries/:id',
    versions: VERSIONS,
    operationId: 'queryRunner.getQuery',
    summary: 'Get a query that you ran, with a page of its results once it is done',
    params: idParamsSchema,
    query: queryPageQuerySchema,
    response: queryPageEnvelope,
    handle: async (context, { params, query }, answer) => {
      const list = { list: 'query', id: params.id };
      const page = fromPageToken(list, query.page, positionSchema)?.page ?? 0;
      const view = await getQuery(context, params.id, page);
      if (view.found === null) return { data: toQueryBody(view.job) };
      if (!view.found.isComplete) answer.setHeader('warning', TRUNCATED);
      return { data: { ...toQueryBody(view.job), ...toResults(view) }, links: toLinks(list, view) };
    },
  }),
];

function chooseText(inQuery: string | undefined, inBody: string | undefined): string {
  const text = inQuery ?? inBody;
  const isTwofold = inQuery !== undefined && inBody !== undefined && inQuery !== inBody;
  if (text !== undefined && !isTwofold) return text;
  const problem = isTwofold ? 'is one in the query string and another in the body' : 'is required';
  throw new SyncError('REQUEST_MALFORMED', `The request does not fit: \`query\` ${problem}.`, {
    detail: { fields: [{ field: 'query', problem }] },
  });
}

function toQueryBody(job: JobRecord): QueryBody {
  return {
    id: job.id,
    status: job.status,
    ...(job.status === 'failed' ? { error: job.error ?? 'It failed.' } : {}),
    ...(job.expiresAt === null ? {} : { expires: job.expiresAt.toISOString() }),
  };
}

function toResults({ found, records }: QueryView): Partial<QueryBody> {
  return { fields: [...(found?.fields ?? [])], count: found?.count ?? 0, results: [...records] };
}

function toLinks(list: { readonly list: string; readonly id: string }, { found, page }: QueryView) {
  const linkTo = (to: number) =>
    `/api/queries/${list.id}?page=${toPagination(list, { page: to }).next_page_token ?? ''}`;
  return {
    ...(page + 1 < (found?.pages ?? 0) ? { next: linkTo(page + 1) } : {}),
    ...(page > 0 ? { previous: linkTo(page - 1) } : {}),
  };
}
