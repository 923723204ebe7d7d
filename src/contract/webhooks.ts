import { z } from 'zod';
import { envelope, idSchema, timestampSchema } from './common.ts';

const webhookFields = {
  id: idSchema,
  organization_id: idSchema,
  endpoint: z.string(),
  secret: z.string().describe('Always `********`.'),
  created_at: timestampSchema,
};

/** Where events are sent. */
export const webhookSchema = z.object({ ...webhookFields, disabled: z.boolean() }).meta({ id: 'Webhook' });
export type WebhookBody = z.infer<typeof webhookSchema>;

/** The oldest version knows webhooks that are on. */
export const oldWebhookSchema = z.object(webhookFields).meta({ id: 'OldWebhook' });
export type OldWebhookBody = z.infer<typeof oldWebhookSchema>;

/** One webhook. */
export const webhookEnvelope = envelope(webhookSchema);
/** Every webhook, of which there is one at most. */
export const webhookListEnvelope = envelope(z.array(webhookSchema));
/** One webhook in the oldest version. */
export const oldWebhookEnvelope = envelope(oldWebhookSchema);
/** Every webhook in the oldest version. */
export const oldWebhookListEnvelope = envelope(z.array(oldWebhookSchema));

/** Making and replacing ask for the same. */
export const webhookRequestSchema = z
  .strictObject({
    endpoint: z.string().min(1, 'must not be empty'),
    secret: z.string().min(1, 'must not be empty').max(1_000, 'must have at most 1000 characters'),
    organization_id: idSchema.nullish().describe("The caller's own organization; anything else is refused."),
  })
  .meta({ id: 'CreateWebhooksSchema' });
export type WebhookRequest = z.infer<typeof webhookRequestSchema>;

/** One event on its way to a webhook, or there. */
export const deliverySchema = z.object({
  id: idSchema,
  event_id: idSchema,
  event_type: z.string(),
  state: z.enum(['waiting', 'delivered', 'failed', 'canceled']),
  created_at: timestampSchema,
  next_attempt_at: timestampSchema.nullable().describe('Null once it is settled.'),
  attempts: z.array(
    z.object({
      no: z.int(),
      started_at: timestampSchema,
      ended_at: timestampSchema.nullable().describe('Null while it is under way, and where the server died.'),
      http_status: z.int().nullable(),
      error: z.string().nullable(),
    }),
  ),
});
export type DeliveryBody = z.infer<typeof deliverySchema>;

/** `limit`: 20 unless said otherwise, at most 100. */
export const listDeliveriesQuerySchema = z.strictObject({
  page_token: z.string().optional(),
  limit: z.coerce.number().int().optional(),
});
