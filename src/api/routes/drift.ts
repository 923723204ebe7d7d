import { z } from 'zod';
import {
  API_VERSIONS,
  type DriftEventBody,
  driftEventSchema,
  executionParamsSchema,
  idParamsSchema,
  listDriftQuerySchema,
  pageEnvelope,
} from '../../contract/index.ts';
import { type DriftView, listDrift } from '../../operations/index.ts';
import { fromPageToken, toPagination } from '../pagination.ts';
import { defineRoute } from '../route.ts';

const positionSchema = z.object({ id: z.string().regex(/^\d{1,18}$/) });

/** How a source has changed; the same in every version. */
export const driftRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/x/bulk/syncs/:id/drift',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.listDrift',
    summary: 'List how the source of a bulk sync has changed, newest first',
    params: idParamsSchema,
    query: listDriftQuerySchema,
    response: pageEnvelope(driftEventSchema),
    handle: async (context, { params, query }) => {
      const list = { list: 'drift', sync: params.id };
      const page = { limit: query.limit ?? null, after: readPosition(list, query.page_token) };
      const { events, next } = await listDrift(context, { syncId: params.id, executionId: null }, page);
      return { data: events.map(toDriftBody), pagination: toPagination(list, next === null ? null : { id: next }) };
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/x/bulk/syncs/:id/executions/:exec_id/drift',
    versions: API_VERSIONS,
    operationId: 'x.bulkSync.executions.listDrift',
    summary: 'List how the source had changed when an execution was planned',
    params: executionParamsSchema,
    query: listDriftQuerySchema,
    response: pageEnvelope(driftEventSchema),
    handle: async (context, { params, query }) => {
      const list = { list: 'drift', execution: params.exec_id };
      const page = { limit: query.limit ?? null, after: readPosition(list, query.page_token) };
      const { events, next } = await listDrift(context, { syncId: params.id, executionId: params.exec_id }, page);
      return { data: events.map(toDriftBody), pagination: toPagination(list, next === null ? null : { id: next }) };
    },
  }),
];

function readPosition(list: Parameters<typeof fromPageToken>[0], token: string | undefined): string | null {
  return fromPageToken(list, token, positionSchema)?.id ?? null;
}

function toDriftBody(event: DriftView): DriftEventBody {
  return {
    kind: event.kind,
    schema: event.schemaId,
    field: event.field,
    before: event.before,
    after: event.after,
    outcome: event.outcome,
    needs_attention: event.needsAttention,
    execution_id: event.executionId,
    schema_status: event.schemaStatus,
    detected_at: event.createdAt.toISOString(),
  };
}
