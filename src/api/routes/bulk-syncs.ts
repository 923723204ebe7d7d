import { z } from 'zod';
import {
  API_VERSIONS,
  activateSyncRequestSchema,
  activateSyncSchema,
  bulkSyncSchema,
  createBulkSyncRequestSchema,
  envelope,
  idParamsSchema,
  listBulkSyncsQuerySchema,
  pageEnvelope,
  refreshSchemasQuerySchema,
  updateBulkSyncRequestSchema,
} from '../../contract/index.ts';
import {
  activateBulkSync,
  createBulkSync,
  deleteBulkSync,
  getBulkSync,
  listBulkSyncs,
  updateBulkSync,
} from '../../operations/index.ts';
import { fromPageToken, microsecondsSchema, rowIdSchema, toPagination } from '../pagination.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';
import { toSelection } from '../views/bulk-schemas.ts';
import { toBulkSyncBody, toBulkSyncInput } from '../views/bulk-syncs.ts';

const positionSchema = z.object({ updatedAt: microsecondsSchema, id: rowIdSchema });

/** Older versions have another schedule in the sync itself, and other lists. */
const NEW = since('2025-09-18');

/** Bulk syncs themselves; what they did is in `executions.ts`. */
export const bulkSyncRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs',
    versions: NEW,
    operationId: 'bulkSync.list',
    summary: 'List bulk syncs, latest change first',
    query: listBulkSyncsQuerySchema,
    response: pageEnvelope(bulkSyncSchema),
    handle: async (context, { query }) => {
      const active = query.active ?? null;
      const list = { list: 'bulk syncs', active };
      const after = fromPageToken(list, query.page_token, positionSchema);
      const { syncs, next } = await listBulkSyncs(context, { limit: query.limit ?? null, after, active });
      return { data: syncs.map(toBulkSyncBody), pagination: toPagination(list, next) };
    },
  }),
  defineRoute({
    method: 'POST',
    url: '/api/bulk/syncs',
    versions: NEW,
    operationId: 'bulkSync.create',
    summary: 'Create a bulk sync',
    body: createBulkSyncRequestSchema,
    response: envelope(bulkSyncSchema),
    handle: async (context, { body }) => ({
      data: toBulkSyncBody(await createBulkSync(context, toBulkSyncInput(body), toSelection(body.schemas))),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id',
    versions: NEW,
    operationId: 'bulkSync.get',
    summary: 'Get one bulk sync',
    params: idParamsSchema,
    query: refreshSchemasQuerySchema,
    response: envelope(bulkSyncSchema),
    handle: async (context, { params, query }) => ({
      data: toBulkSyncBody(await getBulkSync(context, params.id, { refreshSchemas: query.refresh_schemas ?? false })),
    }),
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/bulk/syncs/:id',
    versions: NEW,
    operationId: 'bulkSync.update',
    summary: 'Replace the options of a bulk sync; its schemas stay as they are',
    params: idParamsSchema,
    body: updateBulkSyncRequestSchema,
    response: envelope(bulkSyncSchema),
    handle: async (context, { params, body }, answer) => {
      const sync = await updateBulkSync(context, params.id, toBulkSyncInput(body));
      if (body.schemas != null) {
        answer.setHeader('warning', '299 - "schemas was ignored: an update does not change the selection"');
      }
      return { data: toBulkSyncBody(sync) };
    },
  }),
  defineRoute({
    method: 'DELETE',
    url: '/api/bulk/syncs/:id',
    versions: API_VERSIONS,
    operationId: 'bulkSync.delete',
    summary: 'Delete a bulk sync with its schedules and history; destination tables stay',
    params: idParamsSchema,
    query: refreshSchemasQuerySchema,
    handle: async (context, { params }) => {
      await deleteBulkSync(context, params.id);
      return undefined;
    },
  }),
  defineRoute({
    method: 'POST',
    url: '/api/bulk/syncs/:id/activate',
    versions: API_VERSIONS,
    operationId: 'bulkSync.activate',
    summary: 'Switch the schedules of a bulk sync on or off; off also cancels what runs',
    params: idParamsSchema,
    body: activateSyncRequestSchema,
    response: envelope(activateSyncSchema),
    handle: async (context, { params, body }) => {
      await activateBulkSync(context, params.id, body.active);
      return { data: { id: params.id, active: body.active } };
    },
  }),
];
