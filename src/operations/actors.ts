import { type ActorType, listUserNames, type StoreDatabase } from '../store/index.ts';
import type { Caller, Context } from './context.ts';

/** Who made or changed an object, with a name for people. */
export interface Actor {
  readonly id: string | null;
  readonly type: ActorType;
  readonly name: string;
}

/** The caller as audit columns keep it. */
export function toActorColumns(caller: Caller): { readonly id: string | null; readonly type: ActorType } {
  if (caller.kind === 'user') return { id: caller.userId, type: 'user' };
  if (caller.kind === 'partner') return { id: caller.ownerId ?? caller.organizationId, type: 'partner' };
  if (caller.kind === 'organization') return { id: caller.organizationId, type: 'organization' };
  return { id: null, type: 'system' };
}

/** Names actors; one query for any number of them. A user that is gone has no name any more. */
export async function loadActorNames(
  context: Context,
  db: StoreDatabase = context.store.db,
): Promise<(id: string | null, type: ActorType) => Actor> {
  const users = await listUserNames(db, context.caller.organizationId);
  const names = new Map(users.map((user) => [user.id, user.name]));
  return (id, type) => {
    if (type === 'user') return { id, type, name: names.get(id ?? '') ?? 'Deleted user' };
    if (type === 'partner') return { id, type, name: 'Partner' };
    return { id, type, name: type === 'system' ? 'Millrace' : context.caller.organizationName };
  };
}
