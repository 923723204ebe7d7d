import { z } from 'zod';
import {
  API_VERSIONS,
  deliverySchema,
  idParamsSchema,
  listDeliveriesQuerySchema,
  pageEnvelope,
  type WebhookRequest,
  webhookEnvelope,
  webhookListEnvelope,
  webhookRequestSchema,
} from '../../contract/index.ts';
import {
  createWebhook,
  deleteWebhook,
  getWebhook,
  listDeliveries,
  listWebhooks,
  setWebhookDisabled,
  updateWebhook,
  type WebhookInput,
} from '../../operations/index.ts';
import { fromPageToken, microsecondsSchema, rowIdSchema, toPagination } from '../pagination.ts';
import { defineRoute } from '../route.ts';
import { since } from '../versions/range.ts';
import { toDeliveryBody, toWebhookBody } from '../views/webhooks.ts';

const VERSIONS = since('2024-02-08');

const positionSchema = z.object({ time: microsecondsSchema, id: rowIdSchema });

/** The same in every version. */
export function toWebhookInput(body: WebhookRequest): WebhookInput {
  return { endpoint: body.endpoint, secret: body.secret, organizationId: body.organization_id ?? null };
}

const currentRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/webhooks',
    versions: VERSIONS,
    operationId: 'webhooks.list',
    summary: 'List webhooks',
    response: webhookListEnvelope,
    handle: async (context) => ({ data: (await listWebhooks(context)).map(toWebhookBody) }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/webhooks',
    versions: VERSIONS,
    operationId: 'webhooks.create',
    summary: "Make the organization's webhook",
    body: webhookRequestSchema,
    response: webhookEnvelope,
    handle: async (context, { body }) => ({ data: toWebhookBody(await createWebhook(context, toWebhookInput(body))) }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/webhooks/:id',
    versions: VERSIONS,
    operationId: 'webhooks.get',
    summary: 'Get a webhook',
    params: idParamsSchema,
    response: webhookEnvelope,
    handle: async (context, { params }) => ({ data: toWebhookBody(await getWebhook(context, params.id)) }),
  }),
  defineRoute({
    method: 'PUT',
    url: '/api/webhooks/:id',
    versions: VERSIONS,
    operationId: 'webhooks.update',
    summary: 'Replace endpoint and secret of a webhook',
    params: idParamsSchema,
    body: webhookRequestSchema,
    response: webhookEnvelope,
    handle: async (context, { params, body }) => ({
      data: toWebhookBody(await updateWebhook(context, params.id, toWebhookInput(body))),
    }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/webhooks/:id/disable',
    versions: VERSIONS,
    operationId: 'webhooks.disable',
    summary: 'Send nothing any more',
    params: idParamsSchema,
    response: webhookEnvelope,
    handle: async (context, { params }) => ({
      data: toWebhookBody(await setWebhookDisabled(context, params.id, true)),
    }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/webhooks/:id/enable',
    versions: VERSIONS,
    operationId: 'webhooks.enable',
    summary: 'Send what happens from now on',
    params: idParamsSchema,
    response: webhookEnvelope,
    handle: async (context, { params }) => ({
      data: toWebhookBody(await setWebhookDisabled(context, params.id, false)),
    }),
  }),
];

/** Where an organization wants its events sent. */
export const webhookRoutes = [
  ...currentRoutes,
  defineRoute({
    method: 'DELETE',
    url: '/api/webhooks/:id',
    versions: API_VERSIONS,
    operationId: 'webhooks.delete',
    summary: 'Delete a webhook',
    params: idParamsSchema,
    handle: async (context, { params }) => {
      await deleteWebhook(context, params.id);
      return undefined;
    },
  }),
  defineRoute({
    method: 'GET',
    url: '/api/x/webhooks/:id/deliveries',
    versions: API_VERSIONS,
    operationId: 'x.webhooks.listDeliveries',
    summary: 'List what was sent to a webhook, newest first',
    params: idParamsSchema,
    query: listDeliveriesQuerySchema,
    response: pageEnvelope(deliverySchema),
    handle: async (context, { params, query }) => {
      const list = { list: 'deliveries', webhook: params.id };
      const page = { limit: query.limit ?? null, position: fromPageToken(list, query.page_token, positionSchema) };
      const { deliveries, next } = await listDeliveries(context, params.id, page);
      return { data: deliveries.map(toDeliveryBody), pagination: toPagination(list, next) };
    },
  }),
];
