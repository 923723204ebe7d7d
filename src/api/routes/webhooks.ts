import { z } from 'zod';
import {
  API_VERSIONS,
  deliverySchema,
  idParamsSchema,
  listDeliveriesQuerySchema,
  oldWebhookEnvelope,
  oldWebhookListEnvelope,
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
import { toDeliveryBody, toOldWebhookBody, toWebhookBody } from '../views/webhooks.ts';

const VERSIONS = ['2025-09-18', '2024-02-08'] as const;
const OLD = ['2023-04-25'] as const;

const positionSchema = z.object({ time: microsecondsSchema, id: rowIdSchema });

function toInput(body: WebhookRequest): WebhookInput {
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
    handle: async (context, { body }) => ({ data: toWebhookBody(await createWebhook(context, toInput(body))) }),
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
      data: toWebhookBody(await updateWebhook(context, params.id, toInput(body))),
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

const oldRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/webhooks',
    versions: OLD,
    operationId: 'webhooks.list',
    summary: 'List webhooks',
    response: oldWebhookListEnvelope,
    handle: async (context) => ({ data: (await listWebhooks(context)).map(toOldWebhookBody) }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/webhooks',
    versions: OLD,
    operationId: 'webhooks.create',
    summary: "Make the organization's webhook",
    body: webhookRequestSchema,
    response: oldWebhookEnvelope,
    handle: async (context, { body }) => ({ data: toOldWebhookBody(await createWebhook(context, toInput(body))) }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/webhooks/:id',
    versions: OLD,
    operationId: 'webhooks.get',
    summary: 'Get a webhook',
    params: idParamsSchema,
    response: oldWebhookEnvelope,
    handle: async (context, { params }) => ({ data: toOldWebhookBody(await getWebhook(context, params.id)) }),
  }),
  defineRoute({
    method: 'PATCH',
    url: '/api/webhooks/:id',
    versions: OLD,
    operationId: 'webhooks.update',
    summary: 'Replace endpoint and secret of a webhook',
    params: idParamsSchema,
    body: webhookRequestSchema,
    response: oldWebhookEnvelope,
    handle: async (context, { params, body }) => ({
      data: toOldWebhookBody(await updateWebhook(context, params.id, toInput(body))),
    }),
  }),
];

/** Where an organization wants its events sent. */
export const webhookRoutes = [
  ...currentRoutes,
  ...oldRoutes,
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
