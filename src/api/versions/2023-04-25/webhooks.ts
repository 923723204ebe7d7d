import {
  idParamsSchema,
  oldWebhookEnvelope,
  oldWebhookListEnvelope,
  webhookRequestSchema,
} from '../../../contract/index.ts';
import { createWebhook, getWebhook, listWebhooks, updateWebhook } from '../../../operations/index.ts';
import { defineRoute } from '../../route.ts';
import { toWebhookInput } from '../../routes/webhooks.ts';
import { toOldWebhookBody } from '../../views/webhooks.ts';
import { until } from '../range.ts';

/** Webhooks as they were before they could be disabled. */
export const webhookRoutes = [
  defineRoute({
    method: 'GET',
    url: '/api/webhooks',
    versions: until('2023-04-25'),
    operationId: 'webhooks.list',
    summary: 'List webhooks',
    response: oldWebhookListEnvelope,
    handle: async (context) => ({ data: (await listWebhooks(context)).map(toOldWebhookBody) }),
  }),
  defineRoute({
    method: 'POST',
    url: '/api/webhooks',
    versions: until('2023-04-25'),
    operationId: 'webhooks.create',
    summary: "Make the organization's webhook",
    body: webhookRequestSchema,
    response: oldWebhookEnvelope,
    handle: async (context, { body }) => ({
      data: toOldWebhookBody(await createWebhook(context, toWebhookInput(body))),
    }),
  }),
  defineRoute({
    method: 'GET',
    url: '/api/webhooks/:id',
    versions: until('2023-04-25'),
    operationId: 'webhooks.get',
    summary: 'Get a webhook',
    params: idParamsSchema,
    response: oldWebhookEnvelope,
    handle: async (context, { params }) => ({ data: toOldWebhookBody(await getWebhook(context, params.id)) }),
  }),
  defineRoute({
    method: 'PATCH',
    url: '/api/webhooks/:id',
    versions: until('2023-04-25'),
    operationId: 'webhooks.update',
    summary: 'Replace endpoint and secret of a webhook',
    params: idParamsSchema,
    body: webhookRequestSchema,
    response: oldWebhookEnvelope,
    handle: async (context, { params, body }) => ({
      data: toOldWebhookBody(await updateWebhook(context, params.id, toWebhookInput(body))),
    }),
  }),
];
