import type { DeliveryBody, OldWebhookBody, WebhookBody } from '../../contract/index.ts';
import type { Delivery, Webhook } from '../../operations/index.ts';

/** A webhook on the wire, its secret masked. */
export function toWebhookBody(webhook: Webhook): WebhookBody {
  return { ...toOldWebhookBody(webhook), disabled: webhook.disabled };
}

/** The same before webhooks could be disabled. */
export function toOldWebhookBody(webhook: Webhook): OldWebhookBody {
  return {
    id: webhook.id,
    organization_id: webhook.organizationId,
    endpoint: webhook.endpoint,
    secret: '********',
    created_at: webhook.createdAt.toISOString(),
  };
}

/** A delivery on the wire. */
export function toDeliveryBody(delivery: Delivery): DeliveryBody {
  return {
    id: delivery.id,
    event_id: delivery.eventId,
    event_type: delivery.eventType,
    state: delivery.state,
    created_at: delivery.createdAt.toISOString(),
    next_attempt_at: delivery.state === 'waiting' ? delivery.dueAt.toISOString() : null,
    attempts: delivery.tries.map(({ no, startedAt, endedAt, httpStatus, error }) => ({
      no,
      started_at: startedAt.toISOString(),
      ended_at: endedAt?.toISOString() ?? null,
      http_status: httpStatus,
      error,
    })),
  };
}
