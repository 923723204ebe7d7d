import { createHash } from 'node:crypto';
import { SyncError } from '../../core/index.ts';
import {
  claimIdempotencyKey,
  findIdempotencyKey,
  type IdempotencyRecord,
  type IdempotentAttempt,
  keepIdempotentAnswer,
  renewIdempotentAttempts,
  type Store,
} from '../../store/index.ts';
import type { Context } from '../context.ts';

/** What makes two requests the same one, beside who sends them. */
export interface IdempotentRequest {
  readonly version: string;
  readonly method: string;
  /** With the query string. */
  readonly url: string;
  /** As JSON text; empty = none. */
  readonly body: string;
}

/** An answer as it is kept and given again. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Either the right to do the work, or what an earlier request with this key was answered. */
export type IdempotentStart =
  | { readonly kind: 'first'; readonly attempt: IdempotentAttempt }
  | { readonly kind: 'again'; readonly answer: KeptAnswer };

const KEY = /^[A-Za-z0-9_-]{8,255}$/;
const MAX_KEPT_BYTES = 1024 * 1024;

/**
 * Asks before the work of a request whose client may send it again. The key belongs to the caller's organization.
 * @throws `REQUEST_MALFORMED` for a text that is no key, `IDEMPOTENCY_IN_FLIGHT` while the first is being answered,
 * `IDEMPOTENCY_KEY_REUSED` when the first was another request, `IDEMPOTENCY_ANSWER_LOST` when its answer cannot be given
 */
export async function beginIdempotent(
  context: Context,
  key: string,
  request: IdempotentRequest,
): Promise<IdempotentStart> {
  if (!KEY.test(key)) {
    throw new SyncError(
      'REQUEST_MALFORMED',
      'The header Idempotency-Key is not a key: send 8 to 255 letters, digits, underscores and hyphens.',
    );
  }
  const { organizationId } = context.caller;
  const { db } = context.store;
  const fingerprint = fingerprintOf(context, request);
  const attempt = { organizationId, key, fingerprint, attempt: context.newId() };
  if (await claimIdempotencyKey(db, attempt)) return { kind: 'first', attempt };
  const record = await findIdempotencyKey(db, organizationId, key);
  // Removed between the two looks, because it had expired.
  if (record === undefined) throw inFlight();
  return { kind: 'again', answer: toAnswer(context, key, fingerprint, record) };
}

/** Keeps the answer of a first request, errors included; one that is too large is kept by its status only. */
export async function endIdempotent(context: Context, attempt: IdempotentAttempt, answer: KeptAnswer): Promise<void> {
  const { status, headers, body } = answer;
  const sealed =
    Buffer.byteLength(body) > MAX_KEPT_BYTES
      ? null
      : context.store.secrets.seal({ headers, body }, ownerOf(attempt.organizationId, attempt.key));
  await keepIdempotentAnswer(context.store.db, attempt, status, sealed);
}

/** Says that this process still works on these attempts, by id. To be called at least every 30 seconds. */
export function renewIdempotent(store: Store, attempts: readonly string[]): Promise<void> {
  return renewIdempotentAttempts(store.db, attempts);
}

function fingerprintOf({ caller }: Context, { version, method, url, body }: IdempotentRequest): Buffer {
  // Another caller may not do what this one may, and must not read what it was answered.
  const text = JSON.stringify([caller.kind, caller.userId, caller.name, version, method, url, body]);
  return createHash('sha256').update(text).digest();
}

function ownerOf(organizationId: string, key: string) {
  return { organizationId, connectionId: `idempotency key ${key}` };
}

function toAnswer(context: Context, key: string, fingerprint: Buffer, record: IdempotencyRecord): KeptAnswer {
  if (!record.fingerprint.equals(fingerprint)) {
    throw new SyncError(
      'IDEMPOTENCY_KEY_REUSED',
      'This Idempotency-Key came with another request in the last 24 hours. Send the same request, or a key of its own.',
    );
  }
  if (record.status === null) throw inFlight();
  if (record.answer === null) throw lost(record.status, 'it was too large to keep');
  try {
    // Only `endIdempotent` seals for this owner.
    const values = context.store.secrets.unseal(record.answer, ownerOf(context.caller.organizationId, key)) as Pick<
      KeptAnswer,
      'headers' | 'body'
    >;
    return { status: record.status, ...values };
  } catch (error) {
    throw lost(record.status, 'it was sealed under another master key', error);
  }
}

function inFlight(): SyncError {
  return new SyncError(
    'IDEMPOTENCY_IN_FLIGHT',
    'The first request with this Idempotency-Key is still being answered. Send it again in a moment.',
    { retryAfterMs: 1000 },
  );
}

function lost(status: number, reason: string, cause?: unknown): SyncError {
  return new SyncError(
    'IDEMPOTENCY_ANSWER_LOST',
    `This request was done already and answered with ${status}, but ${reason}, so it cannot be given again. Read what it made.`,
    { cause, detail: { status } },
  );
}
