import { type Selectable, sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import type { WebhooksTable } from './tables.ts';

/** One webhook; its secret is still sealed. */
export type WebhookRecord = Selectable<WebhooksTable>;

/** False when the organization has one already; then nothing is written. */
export async function insertWebhook(
  db: StoreDatabase,
  organizationId: string,
  values: { readonly id: string; readonly endpoint: string; readonly secret: Buffer },
): Promise<boolean> {
  const row = await db
    .insertInto('webhooks')
    .values({ ...values, organizationId })
    .onConflict((conflict) => conflict.column('organizationId').doNothing())
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

/** The organization's webhooks, of which there is one at most. */
export function listWebhooks(db: StoreDatabase, organizationId: string): Promise<WebhookRecord[]> {
  return db.selectFrom('webhooks').selectAll().where('organizationId', '=', organizationId).execute();
}

/** One webhook of the organization. */
export function findWebhook(db: StoreDatabase, organizationId: string, id: string): Promise<WebhookRecord | undefined> {
  return db
    .selectFrom('webhooks')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/**
 * What is on its way goes to the new endpoint, or, once the webhook is disabled, nowhere. Call inside a transaction.
 * @returns the changed row
 */
export async function updateWebhook(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  change: { readonly endpoint?: string; readonly secret?: Buffer; readonly disabled?: boolean },
): Promise<WebhookRecord | undefined> {
  const row = await db
    .updateTable('webhooks')
    .set({ ...change, updatedAt: sql<Date>`now()` })
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
  if (row?.disabled === true)
    await db
      .updateTable('webhookDeliveries')
      .set({ state: 'canceled' })
      .where('webhookId', '=', id)
      .where('state', '=', 'waiting')
      .execute();
  return row;
}

/** With its deliveries. @returns false when there is none */
export async function deleteWebhook(db: StoreDatabase, organizationId: string, id: string): Promise<boolean> {
  const result = await db
    .deleteFrom('webhooks')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}
