import { type Selectable, sql } from 'kysely';
import { fromMicroseconds, toMicroseconds } from '../columns.ts';
import type { Store, StoreDatabase } from '../database.ts';
import { fromNow, longestDue } from '../due-rows.ts';
import type { EventRecord } from '../events/events.ts';
import type { WebhookAttemptsTable, WebhookDeliveriesTable } from './tables.ts';
import { findWebhook, type WebhookRecord } from './webhooks.ts';

/** One request that was, or may have been, sent. */
export type AttemptRecord = Omit<Selectable<WebhookAttemptsTable>, 'organizationId' | 'deliveryId'>;

/** One event on its way to a webhook, or there. */
export type DeliveryRecord = Selectable<WebhookDeliveriesTable> & { readonly eventType: string };

/** A delivery whose next attempt is ours to make. */
export interface TakenDelivery {
  readonly id: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly webhook: WebhookRecord;
  readonly event: EventRecord;
}

/**
 * Takes one delivery that is due and notes the attempt before anything is sent, so that one note never stands for two
 * requests. It is put off for the length of a lease: another process tries again when this one dies. What died in its last
 * attempt is given up.
 * @returns undefined when there is none
 */
export function takeDelivery(
  store: Store,
  { leaseMs, maxAttempts }: { readonly leaseMs: number; readonly maxAttempts: number },
): Promise<TakenDelivery | undefined> {
  return store.transaction(async ({ db }) => {
    await db
      .updateTable('webhookDeliveries')
      .set({ state: 'failed' })
      .where('state', '=', 'waiting')
      .where('dueAt', '<=', sql<Date>`now()`)
      .where('attempts', '>=', maxAttempts)
      .execute();
    const taken = await db
      .updateTable('webhookDeliveries')
      .set((eb) => ({ attempts: eb('attempts', '+', 1), dueAt: fromNow(leaseMs) }))
      .where('id', '=', longestDue('webhookDeliveries'))
      .returningAll()
      .executeTakeFirst();
    if (taken === undefined) return undefined;
    const { id, organizationId, attempts: attempt } = taken;
    await db.insertInto('webhookAttempts').values({ deliveryId: id, no: attempt, organizationId }).execute();
    const webhook = await findWebhook(db, organizationId, taken.webhookId);
    const event = await db.selectFrom('events').selectAll().where('id', '=', taken.eventId).executeTakeFirst();
    if (webhook === undefined || event === undefined) return undefined;
    return { id, attempt, webhook, event };
  });
}

/**
 * Gives leases that lie farther ahead than any can, from a clock that was set back since, the length of one from now. An
 * attempt that has begun and not ended tells them from the pauses between attempts, which may be longer.
 */
export async function shortenDeliveryLeases(db: StoreDatabase, leaseMs: number): Promise<void> {
  await db
    .updateTable('webhookDeliveries')
    .set({ dueAt: fromNow(leaseMs) })
    .where('state', '=', 'waiting')
    .where('dueAt', '>', fromNow(2 * leaseMs))
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('webhookAttempts')
          .select('no')
          .whereRef('webhookAttempts.deliveryId', '=', 'webhookDeliveries.id')
          .whereRef('webhookAttempts.no', '=', 'webhookDeliveries.attempts')
          .where('endedAt', 'is', null),
      ),
    )
    .execute();
}

/** How an attempt ended: it was taken, or it is tried again; `retryInMs` null = never. */
export type AttemptEnd =
  | { readonly httpStatus: number; readonly error: null }
  | { readonly httpStatus: number | null; readonly error: string; readonly retryInMs: number | null };

/** Notes how an attempt ended, and what is next unless the delivery was cancelled or taken over meanwhile. */
export async function finishAttempt(
  store: Store,
  delivery: Pick<TakenDelivery, 'id' | 'attempt'>,
  end: AttemptEnd,
): Promise<void> {
  const { httpStatus, error } = end;
  await store.transaction(async ({ db }) => {
    await db
      .updateTable('webhookAttempts')
      .set({ endedAt: sql<Date>`clock_timestamp()`, httpStatus, error })
      .where('deliveryId', '=', delivery.id)
      .where('no', '=', delivery.attempt)
      .execute();
    const change =
      end.error === null
        ? { state: 'delivered' as const }
        : end.retryInMs === null
          ? { state: 'failed' as const }
          : { dueAt: fromNow(end.retryInMs) };
    await db
      .updateTable('webhookDeliveries')
      .set(change)
      .where('id', '=', delivery.id)
      .where('attempts', '=', delivery.attempt)
      .where('state', '=', 'waiting')
      .execute();
  });
}

/** Where a page of deliveries ended. */
export interface DeliveryPosition {
  /** Microseconds since 1970, in digits. */
  readonly time: string;
  readonly id: string;
}

/** Newest first, with their attempts. */
export async function listDeliveries(
  db: StoreDatabase,
  organizationId: string,
  webhookId: string,
  page: { readonly limit: number; readonly position: DeliveryPosition | null },
): Promise<{
  readonly records: readonly (DeliveryRecord & { readonly tries: readonly AttemptRecord[] })[];
  readonly next: DeliveryPosition | null;
}> {
  let select = db
    .selectFrom('webhookDeliveries')
    .innerJoin('events', 'events.id', 'webhookDeliveries.eventId')
    .selectAll('webhookDeliveries')
    .select('events.type as eventType')
    .select(toMicroseconds(sql.ref('webhook_deliveries.created_at')).as('time'))
    .where('webhookDeliveries.organizationId', '=', organizationId)
    .where('webhookDeliveries.webhookId', '=', webhookId);
  if (page.position !== null) {
    const there = sql`(${fromMicroseconds(page.position.time)}, ${page.position.id}::uuid)`;
    select = select.where(sql<boolean>`(webhook_deliveries.created_at, webhook_deliveries.id) < ${there}`);
  }
  const rows = await select
    .orderBy('webhookDeliveries.createdAt', 'desc')
    .orderBy('webhookDeliveries.id', 'desc')
    .limit(page.limit + 1)
    .execute();
  const found = rows.slice(0, page.limit);
  const tries = await listAttempts(
    db,
    found.map(({ id }) => id),
  );
  const last = found.at(-1);
  return {
    records: found.map(({ time: _, ...row }) => ({ ...row, tries: tries.get(row.id) ?? [] })),
    next: rows.length > page.limit && last !== undefined ? { time: last.time, id: last.id } : null,
  };
}

async function listAttempts(
  db: StoreDatabase,
  deliveryIds: readonly string[],
): Promise<ReadonlyMap<string, readonly AttemptRecord[]>> {
  if (deliveryIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('webhookAttempts')
    .select(['deliveryId', 'no', 'startedAt', 'endedAt', 'httpStatus', 'error'])
    .where('deliveryId', 'in', deliveryIds)
    .orderBy('no')
    .execute();
  return Map.groupBy(rows, ({ deliveryId }) => deliveryId);
}
