import { z } from 'zod';
import {
  envelope,
  idParamsSchema,
  listModelSyncsQuerySchema,
  modelExecutionParamsSchema,
  modelExecutionSchema,
  modelSyncSchema,
  setModelExecutionRequestSchema,
} from '../../../contract/index.ts';
import { listAllModelSyncs, requireModelExecution } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { toModelSyncBody } from '../../views/model-syncs.ts';
import { targetMetaQuerySchema, targetMetaSchema, toTargetMeta } from './target-meta.ts';

const VERSIONS = ['2024-02-08'] as const;

/** Model syncs of which the list has no pages and says everything, and whose executions can be given a status. */
export const modelSyncRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/syncs',
    versions: VERSIONS,
    operationId: 'modelSync.list',
    summary: 'List all model syncs, latest change first',
    query: listModelSyncsQuerySchema.pick({ active: true, mode: true, target_connection_id: true }),
    response: envelope(z.array(modelSyncSchema)),
    handle: async (context, { query }) => {
      const { active = null, mode = null, target_connection_id: targetConnectionId = null } = query;
      const syncs = await listAllModelSyncs(context, { active, mode, targetConnectionId });
      return { data: syncs.map(toModelSyncBody) };
    },
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/syncs/:sync_id/executions/:id',
    versions: VERSIONS,
    operationId: 'modelSync.executions.update',
    summary: 'Set the status of an execution of a model sync',
    params: modelExecutionParamsSchema,
    body: setModelExecutionRequestSchema,
    response: envelope(modelExecutionSchema),
    handle: (context, { params }) => requireModelExecution(context, params.sync_id, params.id, 'trigger'),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/connections/:id/modelsync/target',
    versions: VERSIONS,
    operationId: 'modelSync.targets.getTarget',
    summary: 'Tell what the target of a model sync may be',
    params: idParamsSchema,
    query: targetMetaQuerySchema,
    response: envelope(targetMetaSchema),
    handle: async (context, { params, query }) => ({ data: await toTargetMeta(context, params.id, query) }),
  }),
];
