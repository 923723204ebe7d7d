import { listErrorSubscribers, replaceErrorSubscribers } from '../../store/index.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { authorize } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';

/** More are a mailing list, which has one address. */
const MAX_SUBSCRIBERS = 100;

/** The addresses that are told of failed executions. */
export async function getErrorSubscribers(context: Context): Promise<readonly string[]> {
  await authorize(context, 'read', { kind: 'organization' });
  return listErrorSubscribers(context.store.db, context.caller.organizationId);
}

/** Replaces the list; an address is kept once. @throws `REQUEST_REFUSED` for more than a hundred */
export async function setErrorSubscribers(context: Context, emails: readonly string[]): Promise<readonly string[]> {
  await authorize(context, 'edit', { kind: 'organization' });
  const { organizationId, organizationName } = context.caller;
  const unique = [...new Map(emails.map((email) => [email.toLowerCase(), email])).values()];
  if (unique.length > MAX_SUBSCRIBERS)
    throw refuseField('emails', `must be at most ${MAX_SUBSCRIBERS} addresses; give a mailing list's address`);
  await context.store.transaction(async ({ db }) => {
    const before = { emails: await listErrorSubscribers(db, organizationId) };
    await replaceErrorSubscribers(db, organizationId, unique);
    await recordAudit(db, context, {
      action: 'update',
      object: { type: 'global_error_subscribers', id: organizationId, name: organizationName },
      before,
      after: { emails: unique },
    });
  });
  return unique;
}
