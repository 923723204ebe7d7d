import type { Defaulted, DefaultedTimestamp, Nullable, NullableTimestamp } from '../columns.ts';

export interface WebhooksTable {
  id: string;
  organizationId: string;
  endpoint: string;
  /** `{secret}`, sealed to organization and webhook (`SecretBox`). */
  secret: Buffer;
  disabled: Defaulted<boolean>;
  createdAt: DefaultedTimestamp;
  updatedAt: DefaultedTimestamp;
}

/** `canceled`: the webhook was disabled before it was delivered. */
export type DeliveryState = 'waiting' | 'delivered' | 'failed' | 'canceled';

export interface WebhookDeliveriesTable {
  id: Defaulted<string>;
  organizationId: string;
  webhookId: string;
  eventId: string;
  state: Defaulted<DeliveryState>;
  attempts: Defaulted<number>;
  dueAt: DefaultedTimestamp;
  createdAt: DefaultedTimestamp;
}

export interface WebhookAttemptsTable {
  deliveryId: string;
  no: number;
  organizationId: string;
  startedAt: DefaultedTimestamp;
  /** Null while it is under way, and for ever where the process died. */
  endedAt: NullableTimestamp;
  httpStatus: Nullable<number>;
  error: Nullable<string>;
}
