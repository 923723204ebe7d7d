import type { ModelSyncRecord } from '../../store/index.ts';
import type { Context } from '../context.ts';

/**
 * What to store of a passphrase: nobody can read it back and send it again, so one that is not sent stays.
 * @param given null = not sent; the empty text = none any more
 */
export function sealPassphrase(
  { store, caller }: Context,
  syncId: string,
  given: string | null,
  stored: ModelSyncRecord['secrets'],
): Buffer | null {
  if (given === null) return stored;
  if (given === '') return null;
  const owner = { organizationId: caller.organizationId, connectionId: syncId };
  return store.secrets.seal({ encryptionPassphrase: given }, owner);
}
