import { z } from 'zod';
import {
  envelope,
  idParamsSchema,
  modelExecutionSchema,
  modelSyncParamsSchema,
  oldestTargetFieldSchema,
  oldestTargetPropertiesSchema,
  targetAnswers,
} from '../../../contract/index.ts';
import {
  changeModelSync,
  createModelSync,
  getModelSync,
  getTargetFields,
  listAllModelSyncs,
  requireExecutionsOf,
} from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { warnOfIgnored } from '../../routes/model-syncs/syncs.ts';
import { listIgnored, toModelSyncInput } from '../../views/model-syncs.ts';
import { toFieldBody, toPropertiesBody, toTargetBody } from '../../views/model-targets.ts';
import { targetMetaQuerySchema, targetMetaSchema, toTargetMeta } from '../2024-02-08/target-meta.ts';
import {
  createRequestSchema,
  oldestModelSyncSchema,
  toOldestBody,
  toPatchedInput,
  updateRequestSchema,
} from './model-sync-shapes.ts';

const VERSIONS = ['2023-04-25'] as const;

const targetSchema = z.object({
  ...targetAnswers,
  fields: z.array(oldestTargetFieldSchema),
  properties: oldestTargetPropertiesSchema,
});

/** Model syncs whose update changes what it names, whose fields all have a source and whose target is an object. */
export const modelSyncRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/syncs',
    versions: VERSIONS,
    operationId: 'modelSync.list',
    summary: 'List all model syncs, latest change first',
    response: envelope(z.array(oldestModelSyncSchema)),
    handle: async (context) => {
      const syncs = await listAllModelSyncs(context, { active: null, mode: null, targetConnectionId: null });
      return { data: syncs.map(toOldestBody) };
    },
  }),
  defineRoute({
    method: 'POST',
    url: '/api/syncs',
    versions: VERSIONS,
    operationId: 'modelSync.create',
    summary: 'Create a model sync, checked against its models and its target',
    body: createRequestSchema,
    response: envelope(oldestModelSyncSchema),
    handle: async (context, { body }, answer) => {
      warnOfIgnored(answer, listIgnored(body));
      const input = toModelSyncInput({ ...body, fields: body.fields ?? [] });
      return { data: toOldestBody(await createModelSync(context, input)) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/syncs/:id',
    versions: VERSIONS,
    operationId: 'modelSync.get',
    summary: 'Get one model sync',
    params: idParamsSchema,
    response: envelope(oldestModelSyncSchema),
    handle: async (context, { params }) => ({ data: toOldestBody(await getModelSync(context, params.id)) }),
  }),
  defineRoute({
    method: 'PATCH',
    url: '/api/syncs/:id',
    versions: VERSIONS,
    operationId: 'modelSync.update',
    summary: 'Change what is named of a model sync; the rest stays',
    params: idParamsSchema,
    body: updateRequestSchema,
    response: envelope(oldestModelSyncSchema),
    handle: async (context, { params, body }, answer) => {
      const { target } = body;
      if (target !== undefined) warnOfIgnored(answer, listIgnored({ target }));
      const sync = await changeModelSync(context, params.id, (current) => toPatchedInput(current, body));
      return { data: toOldestBody(sync) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/syncs/:sync_id/executions',
    versions: VERSIONS,
    operationId: 'modelSync.executions.list',
    summary: 'List the executions of a model sync',
    params: modelSyncParamsSchema,
    response: envelope(z.array(modelExecutionSchema)),
    handle: async (context, { params }) => {
      await requireExecutionsOf(context, params.sync_id);
      return { data: [] };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/target',
    versions: VERSIONS,
    operationId: 'connections.getTarget',
    summary: 'Tell what the target of a model sync may be',
    params: idParamsSchema,
    query: targetMetaQuerySchema,
    response: envelope(targetMetaSchema),
    handle: async (context, { params, query }) => ({ data: await toTargetMeta(context, params.id, query) }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/connections/:id/target/fields',
    versions: VERSIONS,
    operationId: 'connections.getTargetFields',
    summary: 'List the fields of an object that a model sync could write, as they are now',
    params: idParamsSchema,
    body: z.strictObject({ target: z.string(), refresh: z.boolean().nullish() }),
    response: envelope(targetSchema),
    handle: async (context, { params, body }) => {
      const target = await getTargetFields(context, params.id, body.target);
      const fields = target.fields.map(toFieldBody);
      return { data: { ...toTargetBody(target), fields, properties: toPropertiesBody(target) } };
    },
  }),
];
