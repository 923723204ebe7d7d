import { z } from 'zod';
import {
  type ApiVersion,
  envelope,
  idParamsSchema,
  listBulkSyncsQuerySchema,
  refreshSchemasQuerySchema,
} from '../../../contract/index.ts';
import {
  type BulkSyncView,
  type Context,
  changeBulkSync,
  createBulkSync,
  getBulkSync,
  listAllBulkSyncs,
} from '../../../operations/index.ts';
import { defineRoute, type Route, type RouteAnswer } from '../../route.ts';
import { toSelection } from '../../views/bulk-schemas.ts';
import { namingFields } from '../field-names.ts';
import { bulkSyncRequestSchema, type OlderSyncRequest, olderBulkSyncSchema } from './bulk-sync-shapes.ts';
import { toOlderSyncBody, toOlderSyncInput, toRequestName, warnOfUnsaid } from './bulk-sync-views.ts';

const SELECTION_IGNORED = '299 - "schemas was ignored: an update does not change the selection"';
const VERSIONS = ['2024-02-08'] as const;

/** Bulk syncs with one schedule in the sync itself; the list has no pages. */
export const bulkSyncRoutes: readonly Route[] = [
  ...createReadRoutes(VERSIONS, olderBulkSyncSchema, toOlderSyncBody),
  defineRoute({
    method: 'POST',
    url: '/api/bulk/syncs',
    versions: VERSIONS,
    operationId: 'bulkSync.create',
    summary: 'Create a bulk sync',
    body: bulkSyncRequestSchema,
    response: envelope(olderBulkSyncSchema),
    handle: async (context, { body }) => ({ data: toOlderSyncBody(await createOlderSync(context, body)) }),
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/bulk/syncs/:id',
    versions: VERSIONS,
    operationId: 'bulkSync.update',
    summary: 'Replace the options of a bulk sync; its schemas stay as they are',
    params: idParamsSchema,
    body: bulkSyncRequestSchema,
    response: envelope(olderBulkSyncSchema),
    handle: async (context, { params, body }, answer) => {
      const sync = await replaceOlderSync(context, params.id, () => body);
      warn(answer, [warnOfUnsaid([sync]), body.schemas == null ? null : SELECTION_IGNORED]);
      return { data: toOlderSyncBody(sync) };
    },
  }),
];

/** The whole list and single syncs, as a version shows them, with a warning of what it cannot say. */
export function createReadRoutes<SyncShape>(
  versions: readonly ApiVersion[],
  shape: z.ZodType<SyncShape>,
  toBody: (sync: BulkSyncView) => SyncShape,
): readonly Route[] {
  return [
    defineRoute({
      method: 'GET',
      url: '/api/bulk/syncs',
      versions,
      operationId: 'bulkSync.list',
      summary: 'List all bulk syncs, latest change first',
      query: listBulkSyncsQuerySchema.pick({ active: true }),
      response: envelope(z.array(shape)),
      handle: async (context, { query }, answer) => {
        const syncs = await listAllBulkSyncs(context, query.active ?? null);
        warn(answer, [warnOfUnsaid(syncs)]);
        return { data: syncs.map(toBody) };
      },
    }),
    defineRoute({
      method: 'GET',
      url: '/api/bulk/syncs/:id',
      versions,
      operationId: 'bulkSync.get',
      summary: 'Get one bulk sync',
      params: idParamsSchema,
      query: refreshSchemasQuerySchema,
      response: envelope(shape),
      handle: async (context, { params, query }, answer) => {
        const sync = await getBulkSync(context, params.id, { refreshSchemas: query.refresh_schemas ?? false });
        warn(answer, [warnOfUnsaid([sync])]);
        return { data: toBody(sync) };
      },
    }),
  ];
}

/** Makes a sync of a request of this version. */
export function createOlderSync(context: Context, request: OlderSyncRequest): Promise<BulkSyncView> {
  return namingFields(toRequestName(request, null), () =>
    createBulkSync(context, toOlderSyncInput(request, null), toSelection(request.schemas)),
  );
}

/** Replaces what a request of this version says, and no more. @param toRequest makes the whole of it from what the sync is */
export function replaceOlderSync(
  context: Context,
  id: string,
  toRequest: (current: BulkSyncView) => OlderSyncRequest,
): Promise<BulkSyncView> {
  let toName = (field: string): string => field;
  return namingFields(
    (field) => toName(field),
    () =>
      changeBulkSync(context, id, (current) => {
        const request = toRequest(current);
        const input = toOlderSyncInput(request, current);
        toName = toRequestName(request, current);
        return input;
      }),
  );
}

/** Sends what is to be told beside an answer. */
export function warn(answer: RouteAnswer, warnings: readonly (string | null)[]): void {
  const given = warnings.filter((warning) => warning !== null);
  if (given.length > 0) answer.setHeader('warning', given.join(', '));
}
