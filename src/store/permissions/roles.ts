import { type Selectable, sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import type { Database } from '../tables.ts';
import { isUniqueViolation } from '../violations.ts';

/** One role as stored. */
export type RoleRecord = Selectable<Database['roles']>;

/** Every role of the organization: the built-in ones first, then by name. */
export function listRoles(db: StoreDatabase, organizationId: string): Promise<RoleRecord[]> {
  return db
    .selectFrom('roles')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .orderBy((where) => where('systemKey', 'is', null))
    .orderBy('name')
    .orderBy('id')
    .execute();
}

/** One role of the organization. */
export function findRole(db: StoreDatabase, organizationId: string, id: string): Promise<RoleRecord | undefined> {
  return db
    .selectFrom('roles')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** False when the name is taken; then nothing is written. */
export async function insertRole(
  db: StoreDatabase,
  organizationId: string,
  role: Pick<RoleRecord, 'id' | 'name'>,
): Promise<boolean> {
  const result = await db
    .insertInto('roles')
    .values({ ...role, organizationId })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** The renamed role; `name_taken` writes nothing (in a transaction, that transaction is lost). Built-in ones stay. */
export async function renameRole(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  name: string,
): Promise<RoleRecord | 'name_taken' | undefined> {
  try {
    return await db
      .updateTable('roles')
      .set({ name, updatedAt: sql<Date>`now()` })
      .where('organizationId', '=', organizationId)
      .where('id', '=', id)
      .where('systemKey', 'is', null)
      .returningAll()
      .executeTakeFirst();
  } catch (error) {
    if (isUniqueViolation(error)) return 'name_taken';
    throw error;
  }
}

/** Takes the role from its users, too; policies keep the id. @returns false when there is no such one of a user's own */
export async function deleteRole(db: StoreDatabase, organizationId: string, id: string): Promise<boolean> {
  const result = await db
    .deleteFrom('roles')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .where('systemKey', 'is', null)
    .executeTakeFirst();
  if (result.numDeletedRows === 0n) return false;
  await db
    .updateTable('users')
    .set({ roleIds: sql<string[]>`array_remove(role_ids, ${id}::uuid)` })
    .where('organizationId', '=', organizationId)
    .where(sql<boolean>`role_ids @> ARRAY[${id}::uuid]`)
    .execute();
  return true;
}
