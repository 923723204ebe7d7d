import { z } from 'zod';
import {
  createModelRequestSchema,
  envelope,
  idParamsSchema,
  modelFieldListEnvelope,
  modelFieldsRequestSchema,
  modelSourceSchema,
  olderModelSchema,
  patchModelRequestSchema,
} from '../../../contract/index.ts';
import {
  createModel,
  deleteModel,
  describeModelSource,
  getModel,
  listAllModels,
  listSourceFields,
  type ModelView,
  patchModel,
} from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { toModelBody, toModelChange, toModelInput, toModelSourceBody, toSourceFieldBody } from '../../views/models.ts';

const VERSIONS = ['2023-04-25'] as const;
const REQUEST = { for: 'request' } as const;

/** Models without jobs and enrichment, whose update changes what it names; and where their sources were asked. */
export const modelRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/models',
    versions: VERSIONS,
    operationId: 'models.list',
    summary: 'List all models, latest change first',
    response: envelope(z.array(olderModelSchema)),
    handle: async (context) => ({ data: (await listAllModels(context)).map(toOldestBody) }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/models',
    versions: VERSIONS,
    operationId: 'models.create',
    summary: 'Make a model, whose fields the source tells',
    body: createModelRequestSchema.partial({ configuration: true }),
    response: envelope(olderModelSchema),
    handle: async (context, { body }) => ({
      data: toOldestBody(
        await createModel(context, toModelInput({ ...body, configuration: body.configuration ?? {} }), REQUEST),
      ),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/models/:id',
    versions: VERSIONS,
    operationId: 'models.get',
    summary: 'Get one model',
    params: idParamsSchema,
    response: envelope(olderModelSchema),
    handle: async (context, { params }) => ({ data: toOldestBody(await getModel(context, params.id)) }),
  }),
  defineRoute({
    method: 'PATCH',
    url: '/api/models/:id',
    versions: VERSIONS,
    operationId: 'models.update',
    summary: 'Change what is named of a model; the rest stays',
    params: idParamsSchema,
    body: patchModelRequestSchema,
    response: envelope(olderModelSchema),
    handle: async (context, { params, body }) => ({
      data: toOldestBody(await patchModel(context, params.id, toModelChange(body), REQUEST)),
    }),
  }),
  defineRoute({
    method: 'DELETE',
    url: '/api/models/:id',
    versions: VERSIONS,
    operationId: 'models.delete',
    summary: 'Delete a model',
    params: idParamsSchema,
    handle: async (context, { params }) => {
      await deleteModel(context, params.id);
      return undefined;
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/source',
    versions: VERSIONS,
    operationId: 'connections.getSource',
    summary: 'Tell what a model of this connection can be made of',
    params: idParamsSchema,
    response: envelope(modelSourceSchema),
    handle: async (context, { params }) => ({
      data: toModelSourceBody(await describeModelSource(context, params.id, {})),
    }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/connections/:id/source/fields',
    versions: VERSIONS,
    operationId: 'connections.getSourceFields',
    summary: 'List the fields that a model of a configuration would have',
    params: idParamsSchema,
    body: modelFieldsRequestSchema,
    response: modelFieldListEnvelope,
    handle: async (context, { params, body }) => ({
      data: (await listSourceFields(context, params.id, body.query ?? {})).map(toSourceFieldBody),
    }),
  }),
];

/** This version does not say who made a model and when, and fields have no id. */
function toOldestBody(view: ModelView) {
  const { created_at: _, created_by: __, updated_at: ___, updated_by: ____, ...body } = toModelBody(view);
  return { ...body, fields: body.fields.map(({ id: _id, ...field }) => field) };
}
