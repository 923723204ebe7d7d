import { type Insertable, type Selectable, sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import type { Database } from '../tables.ts';

/** One key as people may see it: never its text, never its hash. */
export type KeyRecord = Omit<Selectable<Database['apiKeys']>, 'hash'> & {
  readonly organizationName: string | null;
  readonly email: string | null;
};

/** Stores a key by the hash of its text. */
export async function insertKey(db: StoreDatabase, key: Insertable<Database['apiKeys']>): Promise<void> {
  await db.insertInto('apiKeys').values(key).execute();
}

/** How many keys of a user open something. */
export async function countUserKeys(db: StoreDatabase, organizationId: string, userId: string): Promise<number> {
  const row = await db
    .selectFrom('apiKeys')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('organizationId', '=', organizationId)
    .where('userId', '=', userId)
    .where('revokedAt', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Revokes every key of a user. @returns how many were */
export async function revokeUserKeys(db: StoreDatabase, organizationId: string, userId: string): Promise<number> {
  const result = await db
    .updateTable('apiKeys')
    .set({ revokedAt: sql<Date>`now()` })
    .where('organizationId', '=', organizationId)
    .where('userId', '=', userId)
    .where('revokedAt', 'is', null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** Every key of the installation, oldest first. */
export function listKeys(db: StoreDatabase): Promise<KeyRecord[]> {
  return db
    .selectFrom('apiKeys')
    .leftJoin('organizations', 'organizations.id', 'apiKeys.organizationId')
    .leftJoin('users', 'users.id', 'apiKeys.userId')
    .select(['apiKeys.id', 'apiKeys.kind', 'apiKeys.organizationId', 'apiKeys.userId', 'apiKeys.hint'])
    .select(['apiKeys.createdAt', 'apiKeys.revokedAt', 'organizations.name as organizationName', 'users.email'])
    .orderBy('apiKeys.createdAt')
    .orderBy('apiKeys.id')
    .execute();
}

/** `already`: it was revoked before. */
export async function revokeKey(db: StoreDatabase, id: string): Promise<'revoked' | 'already' | 'absent'> {
  const result = await db
    .updateTable('apiKeys')
    .set({ revokedAt: sql<Date>`now()` })
    .where('id', '=', id)
    .where('revokedAt', 'is', null)
    .executeTakeFirst();
  if (result.numUpdatedRows > 0n) return 'revoked';
  const found = await db.selectFrom('apiKeys').select('id').where('id', '=', id).executeTakeFirst();
  return found === undefined ? 'absent' : 'already';
}
