import { type Insertable, type Selectable, sql, type Updateable } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import type { Database } from '../tables.ts';
import { isForeignKeyViolation, isUniqueViolation } from '../violations.ts';

/** One organization; its SSO secrets are still sealed. */
export type OrganizationRecord = Selectable<Database['organizations']>;

/** Whose organizations are meant: a partner's, by its owner organization, or all of the installation. */
export type OrganizationReach = { readonly ownerId: string } | 'all';

/** The owner organization first, then oldest first. */
export function listReachable(db: StoreDatabase, reach: OrganizationReach): Promise<OrganizationRecord[]> {
  return selectReachable(db, reach)
    .orderBy(sql`id = owner_id`, (order) => order.desc().nullsLast())
    .orderBy('createdAt')
    .orderBy('id')
    .execute();
}

/** One of the organizations within reach. */
export function findReachable(
  db: StoreDatabase,
  reach: OrganizationReach,
  id: string,
): Promise<OrganizationRecord | undefined> {
  return selectReachable(db, reach).where('id', '=', id).executeTakeFirst();
}

function selectReachable(db: StoreDatabase, reach: OrganizationReach) {
  const all = db.selectFrom('organizations').selectAll();
  return reach === 'all' ? all : all.where('ownerId', '=', reach.ownerId);
}

/** False when the name is taken among the partner's; then nothing is written. */
export async function insertOrganization(
  db: StoreDatabase,
  values: Insertable<Database['organizations']>,
): Promise<boolean> {
  const result = await db
    .insertInto('organizations')
    .values(values)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** `name_taken` writes nothing (in a transaction, that transaction is lost). */
export async function updateOrganization(
  db: StoreDatabase,
  id: string,
  change: Omit<Updateable<Database['organizations']>, 'id' | 'createdAt' | 'updatedAt'>,
): Promise<OrganizationRecord | 'name_taken' | undefined> {
  try {
    return await db
      .updateTable('organizations')
      .set({ ...change, updatedAt: sql<Date>`now()` })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirst();
  } catch (error) {
    if (isUniqueViolation(error)) return 'name_taken';
    throw error;
  }
}

/** What refers to connections, which are deleted only when nothing does; in this order. */
const USERS_OF_CONNECTIONS = ['modelSyncs', 'models', 'bulkSyncs'] as const;

/**
 * Deletes an organization with everything in it; `shared` when another one uses its connections.
 * @param db of a transaction, which is lost when the answer is `shared`
 */
export async function deleteOrganization(db: StoreDatabase, id: string): Promise<'deleted' | 'absent' | 'shared'> {
  for (const table of USERS_OF_CONNECTIONS) await db.deleteFrom(table).where('organizationId', '=', id).execute();
  try {
    const result = await db.deleteFrom('organizations').where('id', '=', id).executeTakeFirst();
    return result.numDeletedRows > 0n ? 'deleted' : 'absent';
  } catch (error) {
    if (isForeignKeyViolation(error)) return 'shared';
    throw error;
  }
}

/** How many other organizations a partner's owner organization owns. */
export async function countOwned(db: StoreDatabase, ownerId: string): Promise<number> {
  const row = await db
    .selectFrom('organizations')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('ownerId', '=', ownerId)
    .where('id', '!=', ownerId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}
