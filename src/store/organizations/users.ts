import { type Selectable, sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import type { Database } from '../tables.ts';

/** One user as stored. */
export type UserRecord = Selectable<Database['users']>;

/** Users of the organization, by e-mail. */
export function listUsers(db: StoreDatabase, organizationId: string): Promise<UserRecord[]> {
  return selectUsers(db, organizationId).orderBy('email').orderBy('id').execute();
}

/** One user of the organization. */
export function findUser(db: StoreDatabase, organizationId: string, id: string): Promise<UserRecord | undefined> {
  return selectUsers(db, organizationId).where('id', '=', id).executeTakeFirst();
}

/** False when the address, in whatever case, is a user of the organization already; then nothing is written. */
export async function insertUser(
  db: StoreDatabase,
  organizationId: string,
  user: Pick<UserRecord, 'id' | 'email' | 'name' | 'roleIds' | 'invitedAt'>,
): Promise<boolean> {
  const result = await db
    .insertInto('users')
    .values({ ...user, organizationId })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** The changed user; undefined when there is no such one. */
export function setUserRoles(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  roleIds: readonly string[],
): Promise<UserRecord | undefined> {
  return db
    .updateTable('users')
    .set({ roleIds: [...roleIds], updatedAt: sql<Date>`now()` })
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
}

/** Takes the user's keys along. @returns false when there is no such user */
export async function deleteUser(db: StoreDatabase, organizationId: string, id: string): Promise<boolean> {
  const result = await db
    .deleteFrom('users')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** Makes changes of who is an Admin wait for each other until the transaction ends. */
export async function lockUsers(db: StoreDatabase, organizationId: string): Promise<void> {
  await db.selectFrom('organizations').select('id').where('id', '=', organizationId).forNoKeyUpdate().execute();
}

function selectUsers(db: StoreDatabase, organizationId: string) {
  return db.selectFrom('users').selectAll().where('organizationId', '=', organizationId);
}
