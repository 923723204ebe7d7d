import { z } from 'zod';
import {
  asyncQuerySchema,
  createModelRequestSchema,
  idParamsSchema,
  listModelsQuerySchema,
  modelOrJobSchema,
  modelPreviewSchema,
  modelSampleSchema,
  modelSchema,
  pageEnvelope,
  updateModelRequestSchema,
} from '../../../contract/index.ts';
import { listModelFields } from '../../../core/index.ts';
import {
  createModel,
  deleteModel,
  getModel,
  listModels,
  previewModel,
  recordDoneJob,
  sampleModel,
  startCreateModel,
  startGetModel,
  startPreviewModel,
  startSampleModel,
  startUpdateModel,
  updateModel,
} from '../../../operations/index.ts';
import { showJob } from '../../job-results.ts';
import { fromPageToken, microsecondsSchema, rowIdSchema, toPagination } from '../../pagination.ts';
import { defineRoute } from '../../route.ts';
import { since } from '../../versions/range.ts';
import { toModelBody, toModelInput, toPreviewBody } from '../../views/models.ts';

const positionSchema = z.object({ updatedAt: microsecondsSchema, id: rowIdSchema });
const LIST = { list: 'models' };
const VERSIONS = since('2024-02-08');
const REQUEST = { for: 'request' } as const;

/** Models: what model syncs take records from. */
export const modelRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/models',
    versions: since('2025-09-18'),
    operationId: 'models.list',
    summary: 'List models, latest change first',
    query: listModelsQuerySchema,
    response: pageEnvelope(modelSchema),
    handle: async (context, { query }) => {
      const after = fromPageToken(LIST, query.page_token, positionSchema);
      const { models, next } = await listModels(context, { limit: query.limit ?? null, after });
      return { data: models.map(toModelBody), pagination: toPagination(LIST, next) };
    },
  }),
  defineRoute({
    method: 'POST',
    url: '/api/models',
    versions: VERSIONS,
    operationId: 'models.create',
    summary: 'Make a model, whose fields the source tells',
    query: asyncQuerySchema,
    body: createModelRequestSchema,
    response: modelOrJobSchema,
    handle: async (context, { query, body }) => {
      const input = toModelInput(body);
      if (query.async) return { job: await showJob(context, await startCreateModel(context, input)) };
      return { data: toModelBody(await createModel(context, input, REQUEST)) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/models/:id',
    versions: VERSIONS,
    operationId: 'models.get',
    summary: 'Get one model',
    params: idParamsSchema,
    query: asyncQuerySchema,
    response: modelOrJobSchema,
    handle: async (context, { params, query }) => {
      if (query.async) return { job: await showJob(context, await startGetModel(context, params.id)) };
      return { data: toModelBody(await getModel(context, params.id)) };
    },
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/models/:id',
    versions: VERSIONS,
    operationId: 'models.update',
    summary: 'Replace a model',
    params: idParamsSchema,
    query: asyncQuerySchema,
    body: updateModelRequestSchema,
    response: modelOrJobSchema,
    handle: async (context, { params, query, body }) => {
      const input = { ...toModelInput(body), refresh: body.refresh ?? false };
      if (query.async) return { job: await showJob(context, await startUpdateModel(context, params.id, input)) };
      return { data: toModelBody(await updateModel(context, params.id, input, REQUEST)) };
    },
  }),
  defineRoute({
    method: 'DELETE',
    url: '/api/models/:id',
    versions: VERSIONS,
    operationId: 'models.delete',
    summary: 'Delete a model',
    params: idParamsSchema,
    // Deleting takes no time, so there is nothing to wait for later.
    query: asyncQuerySchema,
    handle: async (context, { params }) => {
      await deleteModel(context, params.id);
      return undefined;
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/models/:id/sample',
    versions: VERSIONS,
    operationId: 'models.sample',
    summary: 'Read a few records of a model',
    params: idParamsSchema,
    query: asyncQuerySchema,
    response: modelSampleSchema,
    handle: async (context, { params, query }) => {
      if (query.async) return { job: await showJob(context, await startSampleModel(context, params.id)) };
      const { records, warnings } = await sampleModel(context, params.id, REQUEST);
      return { data: { records: [...records], warnings: [...warnings] } };
    },
  }),
  defineRoute({
    method: 'POST',
    url: '/api/model-preview',
    versions: VERSIONS,
    operationId: 'models.preview',
    summary: 'Tell what fields a model would have, without making it',
    query: asyncQuerySchema,
    body: createModelRequestSchema,
    response: modelPreviewSchema,
    handle: async (context, { query, body }) => {
      const input = toModelInput(body);
      if (query.async) return { job: await showJob(context, await startPreviewModel(context, input)) };
      const fields = await previewModel(context, input, REQUEST);
      const job = await recordDoneJob(context, 'previewmodel', listModelFields(fields));
      return { data: toPreviewBody(input, fields), job: await showJob(context, job) };
    },
  }),
];
