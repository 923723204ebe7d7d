import { type Insertable, type Selectable, sql, type Updateable } from 'kysely';
import type { StoreDatabase } from './database.ts';
import type { Database } from './tables.ts';
import { isForeignKeyViolation, isUniqueViolation } from './violations.ts';

/** One connection; `secrets` are still sealed. */
export type ConnectionRecord = Selectable<Database['connections']>;

export type NewConnection = Omit<Insertable<Database['connections']>, 'organizationId' | 'createdAt' | 'updatedAt'>;
export type ConnectionChange = Omit<
  Updateable<Database['connections']>,
  'id' | 'organizationId' | 'type' | 'createdAt' | 'createdBy' | 'createdByType' | 'updatedAt'
>;

/** An object that uses a connection. */
export interface ConnectionUser {
  readonly type: 'bulk_sync' | 'model' | 'sync';
  readonly name: string;
  readonly id: string;
}

/** False when the name is taken in the organization; then nothing is written. */
export async function insertConnection(
  db: StoreDatabase,
  organizationId: string,
  values: NewConnection,
): Promise<boolean> {
  const row = await db
    .insertInto('connections')
    .values({ ...values, organizationId })
    .onConflict((conflict) => conflict.columns(['organizationId', 'name']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

/** One connection of the organization. */
export function findConnection(
  db: StoreDatabase,
  organizationId: string,
  id: string,
): Promise<ConnectionRecord | undefined> {
  return db
    .selectFrom('connections')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** Every connection of the organization, by name. */
export function listConnections(db: StoreDatabase, organizationId: string): Promise<ConnectionRecord[]> {
  return db
    .selectFrom('connections')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .orderBy('name')
    .orderBy('id')
    .execute();
}

/** The changed row; `name_taken` writes nothing (in a transaction, that transaction is lost). */
export async function updateConnection(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  change: ConnectionChange,
): Promise<ConnectionRecord | 'name_taken' | undefined> {
  try {
    return await db
      .updateTable('connections')
      .set({ ...change, updatedAt: sql<Date>`now()` })
      .where('organizationId', '=', organizationId)
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirst();
  } catch (error) {
    if (isUniqueViolation(error)) return 'name_taken';
    throw error;
  }
}

/** What the last look at the system said. Not a change of the object, so `updated_at` stays. */
export async function setConnectionStatus(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  status: Pick<ConnectionRecord, 'status' | 'statusError'>,
): Promise<void> {
  await db
    .updateTable('connections')
    .set(status)
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .execute();
}

/** `in_use` when a sync refers to it; then nothing is deleted (in a transaction, that transaction is lost). */
export async function deleteConnection(
  db: StoreDatabase,
  organizationId: string,
  id: string,
): Promise<'deleted' | 'absent' | 'in_use'> {
  try {
    const result = await db
      .deleteFrom('connections')
      .where('organizationId', '=', organizationId)
      .where('id', '=', id)
      .executeTakeFirst();
    return result.numDeletedRows > 0n ? 'deleted' : 'absent';
  } catch (error) {
    if (isForeignKeyViolation(error)) return 'in_use';
    throw error;
  }
}

/** The syncs that read from or write to a connection, by name. */
export async function listConnectionUsers(
  db: StoreDatabase,
  organizationId: string,
  id: string,
): Promise<ConnectionUser[]> {
  const bulkSyncs = await db
    .selectFrom('bulkSyncs')
    .select(['id', 'name'])
    .where('organizationId', '=', organizationId)
    .where((where) => where.or([where('sourceConnectionId', '=', id), where('destinationConnectionId', '=', id)]))
    .orderBy('name')
    .orderBy('id')
    .execute();
  const modelSyncs = await db
    .selectFrom('modelSyncs')
    .select(['id', 'name'])
    .where('organizationId', '=', organizationId)
    .where('targetConnectionId', '=', id)
    .orderBy('name')
    .orderBy('id')
    .execute();
  const models = await db
    .selectFrom('models')
    .select(['id', 'name'])
    .where('organizationId', '=', organizationId)
    .where('connectionId', '=', id)
    .orderBy('name')
    .orderBy('id')
    .execute();
  return [
    ...models.map((row) => ({ type: 'model' as const, ...row })),
    ...bulkSyncs.map((row) => ({ type: 'bulk_sync' as const, ...row })),
    ...modelSyncs.map((row) => ({ type: 'sync' as const, ...row })),
  ];
}
