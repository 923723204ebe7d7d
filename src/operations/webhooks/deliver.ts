import { createHmac } from 'node:crypto';
import type { GuardedClient } from '../../connector-kit/net/index.ts';
import { SyncError } from '../../core/index.ts';
import {
  type AttemptEnd,
  type EventRecord,
  finishAttempt,
  shortenDeliveryLeases,
  type TakenDelivery,
  takeDelivery,
} from '../../store/index.ts';
import type { Services } from '../context.ts';

/** Pauses before the five retries, in milliseconds. */
export const RETRY_DELAYS_MS: readonly number[] = [10_000, 60_000, 5 * 60_000, 30 * 60_000, 2 * 3_600_000];

/** Whoever receives an event only has to note it. */
const TIMEOUT_MS = 15_000;
/** Longer than an attempt can take, so that only a dead process's attempt is repeated. */
const LEASE_MS = 60_000;
/** Nobody reads the answer. */
const MAX_ANSWER_BYTES = 16 * 1024;

/**
 * Makes one attempt of one delivery that is due, at the endpoint that the webhook has now.
 * @param delaysMs pauses before the retries, of which there are as many
 * @returns false when nothing was due
 */
export async function deliverNext(
  services: Services,
  signal: AbortSignal,
  delaysMs: readonly number[] = RETRY_DELAYS_MS,
): Promise<boolean> {
  const { store } = services;
  const delivery = await takeDelivery(store, { leaseMs: LEASE_MS, maxAttempts: delaysMs.length + 1 });
  if (delivery === undefined) return false;
  const end = await attempt(services, delivery, signal, delaysMs[delivery.attempt - 1] ?? null);
  await finishAttempt(store, delivery, end);
  return true;
}

/** Lets no delivery that a dead process has begun wait for a clock that was set back. */
export function tidyDeliveries({ store }: Pick<Services, 'store'>): Promise<void> {
  return shortenDeliveryLeases(store.db, LEASE_MS);
}

async function attempt(
  services: Services,
  { webhook, event }: TakenDelivery,
  signal: AbortSignal,
  retryInMs: number | null,
): Promise<AttemptEnd> {
  try {
    const owner = { organizationId: webhook.organizationId, connectionId: webhook.id };
    const { secret } = services.store.secrets.unseal(webhook.secret, owner);
    const httpStatus = await post(services.http, webhook.endpoint, String(secret), toBody(event), signal);
    if (httpStatus >= 200 && httpStatus < 300) return { httpStatus, error: null };
    return { httpStatus, error: `The endpoint answered with status ${httpStatus}.`, retryInMs };
  } catch (error) {
    if (signal.aborted) return { httpStatus: null, error: 'The server stopped in the middle of it.', retryInMs };
    const message = error instanceof SyncError ? error.message : 'Millrace failed to send it.';
    return { httpStatus: null, error: message, retryInMs };
  }
}

async function post(
  send: GuardedClient,
  endpoint: string,
  secret: string,
  body: string,
  signal: AbortSignal,
): Promise<number> {
  const { status } = await send({
    method: 'POST',
    url: endpoint,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Millrace',
      'Polytomic-Signature': signBody(secret, body),
    },
    body,
    timeoutMs: TIMEOUT_MS,
    maxBodyBytes: MAX_ANSWER_BYTES,
    onLongBody: 'cut',
    signal,
  });
  return status;
}

/** HMAC-SHA-256 of the body as it travels, in lower-case hex. */
function signBody(secret: string, body: string): string {
  return createHmac('sha256', secret).update(body, 'utf8').digest('hex');
}

/** The event as the list of events shows it; the same text at each attempt. */
function toBody({ id, type, organizationId, createdAt, payload }: EventRecord): string {
  return JSON.stringify({
    id,
    type,
    organization_id: organizationId,
    created_at: createdAt.toISOString(),
    event: payload,
  });
}
