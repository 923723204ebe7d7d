import { z } from 'zod';
import {
  envelope,
  idParamsSchema,
  listBulkSyncsQuerySchema,
  refreshSchemasQuerySchema,
} from '../../../contract/index.ts';
import { getBulkSync, listAllBulkSyncs } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { warnOfUnsaid } from '../2024-02-08/bulk-sync-views.ts';
import { createOlderSync, replaceOlderSync, warn } from '../2024-02-08/bulk-syncs.ts';
import { createSyncRequestSchema, patchSyncRequestSchema, syncSchema } from './bulk-sync-shapes.ts';
import { fromCreate, fromPatch, toSyncBody } from './bulk-sync-views.ts';

const VERSIONS = ['2023-04-25'] as const;

/** Bulk syncs whose rules are switches, changed in parts. */
export const bulkSyncRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs',
    versions: VERSIONS,
    operationId: 'bulkSync.list',
    summary: 'List all bulk syncs, latest change first',
    query: listBulkSyncsQuerySchema.pick({ active: true }),
    response: envelope(z.array(syncSchema)),
    handle: async (context, { query }, answer) => {
      const syncs = await listAllBulkSyncs(context, query.active ?? null);
      warn(answer, [warnOfUnsaid(syncs)]);
      return { data: syncs.map(toSyncBody) };
    },
  }),
  defineRoute({
    method: 'POST',
    url: '/api/bulk/syncs',
    versions: VERSIONS,
    operationId: 'bulkSync.create',
    summary: 'Create a bulk sync',
    body: createSyncRequestSchema,
    response: envelope(syncSchema),
    handle: async (context, { body }) => ({ data: toSyncBody(await createOlderSync(context, fromCreate(body))) }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/bulk/syncs/:id',
    versions: VERSIONS,
    operationId: 'bulkSync.get',
    summary: 'Get one bulk sync',
    params: idParamsSchema,
    query: refreshSchemasQuerySchema,
    response: envelope(syncSchema),
    handle: async (context, { params, query }, answer) => {
      const sync = await getBulkSync(context, params.id, { refreshSchemas: query.refresh_schemas ?? false });
      warn(answer, [warnOfUnsaid([sync])]);
      return { data: toSyncBody(sync) };
    },
  }),
  defineRoute({
    method: 'PATCH',
    url: '/api/bulk/syncs/:id',
    versions: VERSIONS,
    operationId: 'bulkSync.update',
    summary: 'Change options of a bulk sync; what is left out stays as it is',
    params: idParamsSchema,
    body: patchSyncRequestSchema,
    response: envelope(syncSchema),
    handle: async (context, { params, body }, answer) => {
      const sync = await replaceOlderSync(context, params.id, (current) => fromPatch(body, current));
      warn(answer, [warnOfUnsaid([sync])]);
      return { data: toSyncBody(sync) };
    },
  }),
];
