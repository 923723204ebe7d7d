import { SyncError } from '../../core/index.ts';
import { finishMail, insertMails, type NewMail, type StoreDatabase, takeMail } from '../../store/index.ts';
import type { Services } from '../context.ts';
import { RETRY_DELAYS_MS } from '../webhooks/deliver.ts';
import { renderMail } from './templates.ts';

/**
 * Queues one e-mail; the scheduler's process sends it when SMTP is configured, and tries for a day. Call in the transaction
 * of what it tells about.
 */
export function queueMail(db: StoreDatabase, mail: NewMail): Promise<void> {
  return insertMails(db, [mail]);
}

/** One e-mail in both forms. */
export interface MailMessage {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** What can send e-mails. @throws what the server said, without secrets */
export type SendMail = (message: MailMessage) => Promise<void>;

/** Longer than SMTP takes at most. */
const LEASE_MS = 5 * 60_000;

/**
 * Sends one e-mail that is due. One that was sent and not noted, since the process died between, is sent again.
 * @param delaysMs pauses before the retries, of which there are as many
 * @returns false when nothing was due
 */
export async function sendNextMail(
  services: Pick<Services, 'store' | 'publicUrl'>,
  send: SendMail,
  delaysMs: readonly number[] = RETRY_DELAYS_MS,
): Promise<boolean> {
  const { db } = services.store;
  const mail = await takeMail(db, LEASE_MS);
  if (mail === undefined) return false;
  try {
    await send({ to: mail.recipient, ...renderMail(mail.template, mail.facts, services.publicUrl()) });
    await finishMail(db, mail, 'sent');
  } catch (error) {
    const reason = error instanceof SyncError ? error.message : 'Millrace failed to send it.';
    await finishMail(db, mail, { error: reason, retryInMs: delaysMs[mail.attempts - 1] ?? null });
  }
  return true;
}
