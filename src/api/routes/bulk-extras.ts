import { z } from 'zod';
import {
  API_VERSIONS,
  envelope,
  executionParamsSchema,
  executionSchema,
  idParamsSchema,
  listRejectsQuerySchema,
  pageEnvelope,
  progressSchema,
  receiptSchema,
  rejectSchema,
  type SyncSettingsBody,
  startVerificationRequestSchema,
  startWithOverridesRequestSchema,
  syncSettingsRequestSchema,
  syncSettingsSchema,
} from '../../contract/index.ts';
import {
  DEFAULT_SETTINGS,
  getProgress,
  getReceipt,
  getSyncSettings,
  listRejects,
  replaceSyncSettings,
  type SyncSettings,
  startBulkSync,
  startVerification,
} from '../../operations/index.ts';
import { counterSchema, fromPageToken, toPagination } from '../pagination.ts';
import { defineRoute } from '../route.ts';
import { toExecutionBody, toProgressBody, toReceiptBody, toRejectBody } from '../views/executions.ts';
import { toStartInput } from './executions.ts';

const rejectPositionSchema = z.object({ schemaId: z.string(), segmentNo: counterSchema, position: counterSchema });

/** What Millrace adds to bulk syncs; the same in every version. */
export const bulkExtraRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/x/bulk/syncs/:id/settings',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.getSettings',
    summary: 'Get receipt depth, adoption and loss guard of a bulk sync',
    params: idParamsSchema,
    response: envelope(syncSettingsSchema),
    handle: async (context, { params }) => ({ data: toSettingsBody(await getSyncSettings(context, params.id)) }),
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/x/bulk/syncs/:id/settings',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.updateSettings',
    summary: 'Replace these settings; what is left out goes back to its default',
    params: idParamsSchema,
    body: syncSettingsRequestSchema,
    response: envelope(syncSettingsSchema),
    handle: async (context, { params, body }) => {
      const settings = await replaceSyncSettings(context, params.id, {
        receiptDepth: body.receipt_depth ?? DEFAULT_SETTINGS.receiptDepth,
        adopt: body.adopt ?? DEFAULT_SETTINGS.adopt,
        maxLossPercent: body.max_loss_percent ?? DEFAULT_SETTINGS.maxLossPercent,
      });
      return { data: toSettingsBody(settings) };
    },
  }),
  defineRoute({
    method: 'POST',
    url: '/api/x/bulk/syncs/:id/executions',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.start',
    summary: 'Start a bulk sync with a loss guard of its own',
    params: idParamsSchema,
    body: startWithOverridesRequestSchema,
    response: envelope(executionSchema),
    handle: async (context, { params, body }) => {
      const input = { ...toStartInput(body), maxLossPercent: body?.max_loss_percent ?? null };
      return { data: toExecutionBody(await startBulkSync(context, params.id, input)) };
    },
  }),
  defineRoute({
    method: 'POST',
    url: '/api/x/bulk/syncs/:id/verify',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.verify',
    summary: 'Compare source and destination without writing; its receipt lists the records that differ',
    params: idParamsSchema,
    body: startVerificationRequestSchema,
    response: envelope(executionSchema),
    handle: async (context, { params, body }) => ({
      data: toExecutionBody(await startVerification(context, params.id, body?.schemas ?? [])),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/x/bulk/syncs/:id/executions/:exec_id/receipt',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.executions.getReceipt',
    summary: 'Get what an execution proved equal, and at which source position',
    params: executionParamsSchema,
    response: envelope(receiptSchema),
    handle: async (context, { params }) => ({
      data: toReceiptBody(await getReceipt(context, params.id, params.exec_id)),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/x/bulk/syncs/:id/executions/:exec_id/rejects',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.executions.listRejects',
    summary: 'List the records that the destination refused, with key and reason',
    params: executionParamsSchema,
    query: listRejectsQuerySchema,
    response: pageEnvelope(rejectSchema),
    handle: async (context, { params, query }) => {
      const schemaId = query.schema ?? null;
      const list = { list: 'rejects', execution: params.exec_id, schema: schemaId };
      const after = fromPageToken(list, query.page_token, rejectPositionSchema);
      const page = { limit: query.limit ?? null, after, schemaId };
      const { rejects, next } = await listRejects(context, params.id, params.exec_id, page);
      return { data: rejects.map(toRejectBody), pagination: toPagination(list, next) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/x/bulk/syncs/:id/executions/:exec_id/progress',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.executions.getProgress',
    summary: 'Tell how far each schema of an execution is',
    params: executionParamsSchema,
    response: envelope(progressSchema),
    handle: async (context, { params }) => ({
      data: toProgressBody(await getProgress(context, params.id, params.exec_id)),
    }),
  }),
];

function toSettingsBody(settings: SyncSettings): SyncSettingsBody {
  return {
    receipt_depth: settings.receiptDepth,
    adopt: settings.adopt,
    max_loss_percent: settings.maxLossPercent,
  };
}
