import { envelope, idParamsSchema } from '../../../contract/index.ts';
import { defineRoute, type Route } from '../../route.ts';
import { warnOfUnsaid } from '../2024-02-08/bulk-sync-views.ts';
import { createOlderSync, createReadRoutes, replaceOlderSync, warn } from '../2024-02-08/bulk-syncs.ts';
import { createSyncRequestSchema, patchSyncRequestSchema, syncSchema } from './bulk-sync-shapes.ts';
import { fromCreate, fromPatch, toSyncBody } from './bulk-sync-views.ts';

const VERSIONS = ['2023-04-25'] as const;

/** Bulk syncs whose rules are switches, changed in parts. */
export const bulkSyncRoutes: readonly Route[] = [
  ...createReadRoutes(VERSIONS, syncSchema, toSyncBody),
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
