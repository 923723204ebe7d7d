import { z } from 'zod';
import {
  connectionParamsSchema,
  enrichmentInputRequestSchema,
  envelope,
  idParamsSchema,
  modelFieldListEnvelope,
  modelSourceFieldsQuerySchema,
  modelSourceQuerySchema,
  modelSourceSchema,
} from '../../../contract/index.ts';
import { describeModelSource, listSourceFields, refuseEnrichment } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { since } from '../../versions/range.ts';
import { toModelSourceBody, toSourceFieldBody } from '../../views/models.ts';

const VERSIONS = since('2024-02-08');

/** What models can be made of. */
export const modelSourceRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/modelsync/source',
    versions: VERSIONS,
    operationId: 'modelSync.getSource',
    summary: 'Tell what a model of this connection can be made of',
    params: idParamsSchema,
    query: modelSourceQuerySchema,
    response: envelope(modelSourceSchema),
    handle: async (context, { params, query }) => ({
      data: toModelSourceBody(await describeModelSource(context, params.id, query.params ?? {})),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/modelsync/source/fields',
    versions: VERSIONS,
    operationId: 'modelSync.getSourceFields',
    summary: 'List the fields that a model of a configuration would have',
    params: idParamsSchema,
    query: modelSourceFieldsQuerySchema,
    response: modelFieldListEnvelope,
    handle: async (context, { params, query }) => ({
      data: (await listSourceFields(context, params.id, query.params ?? {})).map(toSourceFieldBody),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/modelsync/enrichment-source',
    versions: VERSIONS,
    operationId: 'models.getEnrichmentSource',
    summary: 'Tell what an enrichment by this connection can be made of',
    params: idParamsSchema,
    query: modelSourceQuerySchema,
    response: envelope(modelSourceSchema),
    handle: (context, { params }) => refuseEnrichment(context, params.id),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/enrichment/:connection_id/inputfields',
    versions: VERSIONS,
    operationId: 'models.post',
    summary: 'List the fields that an enrichment needs',
    params: connectionParamsSchema,
    body: enrichmentInputRequestSchema,
    response: envelope(z.array(z.array(z.string()))),
    handle: (context, { params }) => refuseEnrichment(context, params.connection_id),
  }),
];
