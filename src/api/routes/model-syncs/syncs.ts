import { z } from 'zod';
import {
  activateSyncRequestSchema,
  activateSyncSchema,
  createModelSyncRequestSchema,
  envelope,
  idParamsSchema,
  listModelSyncsQuerySchema,
  modelSyncListItemSchema,
  modelSyncSchema,
  pageEnvelope,
  scheduleOptionsSchema,
  updateModelSyncRequestSchema,
} from '../../../contract/index.ts';
import {
  activateModelSync,
  createModelSync,
  deleteModelSync,
  getModelSync,
  listModelSyncs,
  SCHEDULE_OPTIONS,
  updateModelSync,
} from '../../../operations/index.ts';
import { fromPageToken, microsecondsSchema, rowIdSchema, toPagination } from '../../pagination.ts';
import { defineRoute, type RouteAnswer } from '../../route.ts';
import { since } from '../../versions/range.ts';
import { listIgnored, toModelSyncBody, toModelSyncInput, toModelSyncListItem } from '../../views/model-syncs.ts';

const positionSchema = z.object({ updatedAt: microsecondsSchema, id: rowIdSchema });

/** Model syncs themselves. */
export const modelSyncRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/syncs',
    versions: since('2025-09-18'),
    operationId: 'modelSync.list',
    summary: 'List model syncs, latest change first',
    query: listModelSyncsQuerySchema,
    response: pageEnvelope(modelSyncListItemSchema),
    handle: async (context, { query }) => {
      const { active = null, mode = null, target_connection_id: targetConnectionId = null, limit = null } = query;
      const filter = { active, mode, targetConnectionId };
      const list = { list: 'model syncs', ...filter };
      const after = fromPageToken(list, query.page_token, positionSchema);
      const { syncs, next } = await listModelSyncs(context, { ...filter, limit, after });
      return { data: syncs.map(toModelSyncListItem), pagination: toPagination(list, next) };
    },
  }),
  defineRoute({
    method: 'POST',
    url: '/api/syncs',
    versions: since('2024-02-08'),
    operationId: 'modelSync.create',
    summary: 'Create a model sync, checked against its models and its target',
    body: createModelSyncRequestSchema,
    response: envelope(modelSyncSchema),
    handle: async (context, { body }, answer) => {
      warnOfIgnored(answer, listIgnored(body));
      return { data: toModelSyncBody(await createModelSync(context, toModelSyncInput(body))) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/syncs/schedules',
    versions: since('2024-02-08'),
    operationId: 'modelSync.getScheduleOptions',
    summary: 'List the frequencies that a model sync takes, and what each needs',
    response: envelope(scheduleOptionsSchema),
    handle: async () => ({
      data: {
        schedule_options: SCHEDULE_OPTIONS.map((option) => ({ ...option, configuration: { ...option.configuration } })),
      },
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/syncs/:id',
    versions: since('2024-02-08'),
    operationId: 'modelSync.get',
    summary: 'Get one model sync',
    params: idParamsSchema,
    response: envelope(modelSyncSchema),
    handle: async (context, { params }) => ({ data: toModelSyncBody(await getModelSync(context, params.id)) }),
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/syncs/:id',
    versions: since('2024-02-08'),
    operationId: 'modelSync.update',
    summary: 'Replace a model sync',
    params: idParamsSchema,
    body: updateModelSyncRequestSchema,
    response: envelope(modelSyncSchema),
    handle: async (context, { params, body }, answer) => {
      warnOfIgnored(answer, listIgnored(body));
      return { data: toModelSyncBody(await updateModelSync(context, params.id, toModelSyncInput(body))) };
    },
  }),
  defineRoute({
    method: 'DELETE',
    url: '/api/syncs/:id',
    versions: since('2023-04-25'),
    operationId: 'modelSync.delete',
    summary: 'Delete a model sync; its target stays as it is',
    params: idParamsSchema,
    handle: async (context, { params }) => {
      await deleteModelSync(context, params.id);
      return undefined;
    },
  }),
  defineRoute({
    method: 'POST',
    url: '/api/syncs/:id/activate',
    versions: since('2023-04-25'),
    operationId: 'modelSync.activate',
    summary: 'Switch a model sync on or off',
    params: idParamsSchema,
    body: activateSyncRequestSchema,
    response: envelope(activateSyncSchema),
    handle: async (context, { params, body }) => {
      await activateModelSync(context, params.id, body.active);
      return { data: { id: params.id, active: body.active } };
    },
  }),
];

/** Tells of what was sent and is not a client's to set. */
export function warnOfIgnored(answer: RouteAnswer, fields: readonly string[]): void {
  if (fields.length > 0) answer.setHeader('warning', `299 - "${fields.join(', ')} was ignored: the server sets it"`);
}
