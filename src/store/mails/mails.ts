import { type Selectable, sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import { fromNow, longestDue } from '../due-rows.ts';
import type { MailFacts, MailsTable, MailTemplate } from './tables.ts';

/** One e-mail as stored. */
export type MailRecord = Selectable<MailsTable>;

/** An e-mail to send. */
export interface NewMail {
  readonly organizationId: string;
  readonly recipient: string;
  readonly template: MailTemplate;
  readonly facts: MailFacts;
}

/** Addresses that are told of failed executions, in the order in which they were given. */
export async function listErrorSubscribers(db: StoreDatabase, organizationId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('errorSubscribers')
    .select('email')
    .where('organizationId', '=', organizationId)
    .orderBy('position')
    .execute();
  return rows.map(({ email }) => email);
}

/** Call inside a transaction. */
export async function replaceErrorSubscribers(
  db: StoreDatabase,
  organizationId: string,
  emails: readonly string[],
): Promise<void> {
  // The organization's row, so that two replacements come one after the other.
  await db.selectFrom('organizations').select('id').where('id', '=', organizationId).forNoKeyUpdate().execute();
  await db.deleteFrom('errorSubscribers').where('organizationId', '=', organizationId).execute();
  if (emails.length === 0) return;
  const rows = emails.map((email, position) => ({ organizationId, position, email }));
  await db.insertInto('errorSubscribers').values(rows).execute();
}

/** Queues e-mails. Call in the transaction of what they tell about. */
export async function insertMails(db: StoreDatabase, mails: readonly NewMail[]): Promise<void> {
  if (mails.length === 0) return;
  const rows = mails.map((mail) => ({ ...mail, facts: JSON.stringify(mail.facts) }));
  await db.insertInto('mails').values(rows).execute();
}

/** What is this old when it could be sent is no news any more. */
const STALE = sql`interval '24 hours'`;

/**
 * Takes one e-mail that is due and puts it off for the length of a lease: another process tries again when this one dies.
 * Undefined when there is none.
 */
export function takeMail(db: StoreDatabase, leaseMs: number): Promise<MailRecord | undefined> {
  return db
    .updateTable('mails')
    .set((eb) => ({ attempts: eb('attempts', '+', 1), dueAt: fromNow(leaseMs) }))
    .where('id', '=', longestDue('mails'))
    .returningAll()
    .executeTakeFirst();
}

/** @param end `retryInMs` null = never again */
export async function finishMail(
  db: StoreDatabase,
  mail: MailRecord,
  end: { readonly error: string; readonly retryInMs: number | null } | 'sent',
): Promise<void> {
  const isStale = sql<boolean>`created_at < now() - ${STALE}`;
  await db
    .updateTable('mails')
    .set(
      end === 'sent'
        ? { state: 'sent', sentAt: sql<Date>`now()`, error: null }
        : {
            error: end.error,
            state: sql<'waiting'>`CASE WHEN ${end.retryInMs}::float8 IS NULL OR ${isStale} THEN 'failed' ELSE 'waiting' END`,
            dueAt: fromNow(end.retryInMs ?? 0),
          },
    )
    .where('id', '=', mail.id)
    .where('attempts', '=', mail.attempts)
    .where('state', '=', 'waiting')
    .execute();
}

/** Removes e-mails of more than a week ago, and gives up what nobody could send. @returns how many were removed */
export async function removeOldMails(db: StoreDatabase, limit: number): Promise<number> {
  await db
    .updateTable('mails')
    .set({ state: 'failed', error: 'It could not be sent within a day.' })
    .where('state', '=', 'waiting')
    .where('dueAt', '<=', sql<Date>`now()`)
    .where(sql<boolean>`created_at < now() - ${STALE}`)
    .execute();
  const result = await db
    .deleteFrom('mails')
    .where('id', 'in', (from) =>
      from
        .selectFrom('mails')
        .select('id')
        .where('createdAt', '<', sql<Date>`now() - interval '7 days'`)
        .orderBy('createdAt')
        .limit(limit),
    )
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
