import { SyncError } from '../../core/index.ts';
import { countUserKeys, insertKey, lockUsers, revokeUserKeys } from '../../store/index.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { authorize } from '../permissions/authorize.ts';
import { createKey, hashKey, hintOf } from './key-text.ts';
import { requireUser } from './users.ts';

/**
 * Makes a key for a user and answers it in clear, which nothing does again.
 * @param options `force`: revokes the keys that the user has
 * @throws `FORBIDDEN`, `NOT_FOUND`; `KEY_EXISTS` without `force` for a user that has a key
 */
export async function createUserKey(
  context: Context,
  userId: string,
  options: { readonly force: boolean },
): Promise<string> {
  await authorize(context, 'create', { kind: 'organization' });
  const { organizationId } = context.caller;
  const key = createKey('user');
  const id = context.newId();
  await context.store.transaction(async ({ db }) => {
    await lockUsers(db, organizationId);
    const user = await requireUser(context, userId, db);
    if (options.force) await revokeUserKeys(db, organizationId, userId);
    else if ((await countUserKeys(db, organizationId, userId)) > 0) throw exists(user.email);
    await insertKey(db, { id, kind: 'user', organizationId, userId, hash: hashKey(key), hint: hintOf(key) });
    await recordAudit(db, context, {
      action: 'create',
      object: { type: 'key', id, name: user.email },
      before: null,
      after: { kind: 'user', user: userId, hint: hintOf(key), revokedOthers: options.force },
    });
  });
  return key;
}

function exists(email: string): SyncError {
  return new SyncError(
    'KEY_EXISTS',
    `${email} has a key already, which cannot be shown again. With force=true it is revoked and a new one is made.`,
  );
}
