import { type Insertable, type Selectable, sql, type Updateable } from 'kysely';
import { TERMINAL_STATUSES } from '../../core/index.ts';
import { fromMicroseconds, toMicroseconds } from '../columns.ts';
import type { StoreDatabase } from '../database.ts';
import { announceExecution } from '../events/events.ts';
import type { Database } from '../tables.ts';

/** One bulk sync as stored. */
export type BulkSyncRecord = Selectable<Database['bulkSyncs']>;

/** Where a page of syncs ended. */
export interface BulkSyncPosition {
  /** Microseconds since 1970, in digits: a `Date` would lose what orders two changes of one millisecond. */
  readonly updatedAt: string;
  readonly id: string;
}

export interface BulkSyncPage {
  readonly records: readonly (BulkSyncRecord & { readonly position: BulkSyncPosition })[];
  /** True when more follow. */
  readonly hasMore: boolean;
}

export type NewBulkSync = Omit<Insertable<Database['bulkSyncs']>, 'organizationId' | 'createdAt' | 'updatedAt'>;
export type BulkSyncChange = Omit<
  Updateable<Database['bulkSyncs']>,
  'id' | 'organizationId' | 'createdAt' | 'createdBy' | 'createdByType' | 'updatedAt'
>;

/** Fails on an id that is there already; the caller makes ids. */
export async function insertBulkSync(db: StoreDatabase, organizationId: string, values: NewBulkSync): Promise<void> {
  await db
    .insertInto('bulkSyncs')
    .values({ ...values, organizationId })
    .execute();
}

/** Undefined also when the id is another organization's. */
export function findBulkSync(
  db: StoreDatabase,
  organizationId: string,
  id: string,
): Promise<BulkSyncRecord | undefined> {
  return selectBulkSyncs(db, organizationId).where('bulkSyncs.id', '=', id).executeTakeFirst();
}

/** Latest change first, then by id. */
export async function listBulkSyncs(
  db: StoreDatabase,
  organizationId: string,
  page: {
    readonly limit: number;
    readonly after: BulkSyncPosition | null;
    readonly active: boolean | null;
    /** Only syncs on which one of these policies hangs; null = all. */
    readonly readable: readonly string[] | null;
  },
): Promise<BulkSyncPage> {
  const updatedAt = sql.ref('bulkSyncs.updatedAt');
  let query = selectBulkSyncs(db, organizationId).select(toMicroseconds(updatedAt).as('updatedAtMicroseconds'));
  if (page.active !== null) query = query.where('bulkSyncs.active', '=', page.active);
  if (page.readable !== null)
    query = query.where(sql<boolean>`${sql.ref('bulkSyncs.policies')} && ${[...page.readable]}::uuid[]`);
  if (page.after !== null) {
    const { updatedAt: time, id } = page.after;
    query = query.where(
      sql<boolean>`(${updatedAt}, ${sql.ref('bulkSyncs.id')}) < (${fromMicroseconds(time)}, ${id}::uuid)`,
    );
  }
  const rows = await query
    .orderBy('bulkSyncs.updatedAt', 'desc')
    .orderBy('bulkSyncs.id', 'desc')
    .limit(page.limit + 1)
    .execute();
  return {
    records: rows.slice(0, page.limit).map(({ updatedAtMicroseconds, ...row }) => ({
      ...row,
      position: { updatedAt: updatedAtMicroseconds, id: row.id },
    })),
    hasMore: rows.length > page.limit,
  };
}

/** Every sync of the organization that writes to this connection, oldest first. */
export function listBulkSyncsInto(
  db: StoreDatabase,
  organizationId: string,
  destinationConnectionIds: readonly string[],
): Promise<BulkSyncRecord[]> {
  return selectBulkSyncs(db, organizationId)
    .where('bulkSyncs.destinationConnectionId', 'in', destinationConnectionIds)
    .orderBy('bulkSyncs.createdAt')
    .orderBy('bulkSyncs.id')
    .execute();
}

/** Keeps a sync as it is until the transaction ends; does nothing when there is no such sync. */
export async function lockBulkSync(db: StoreDatabase, organizationId: string, id: string): Promise<void> {
  await db
    .selectFrom('bulkSyncs')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .forNoKeyUpdate()
    .execute();
}

/** @returns false when there is no such sync */
export async function updateBulkSync(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  change: BulkSyncChange,
): Promise<boolean> {
  const result = await db
    .updateTable('bulkSyncs')
    // clock_timestamp: two changes in one transaction must not get one time, the list is ordered by it.
    .set({ ...change, updatedAt: sql<Date>`clock_timestamp()` })
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/**
 * Takes schedules, selection, executions, receipts and rejects along. What runs is told as cancelled, since nobody can record
 * its end any more. Call inside a transaction.
 * @returns false when there is no such sync
 */
export async function deleteBulkSync(db: StoreDatabase, organizationId: string, id: string): Promise<boolean> {
  // The engine locks an execution before what else the sync has; rows that go along would be locked in another order.
  await lockBulkSync(db, organizationId, id);
  const running = await db
    .selectFrom('executions')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('syncId', '=', id)
    .where('status', 'not in', TERMINAL_STATUSES)
    .orderBy('id')
    .forUpdate()
    .execute();
  for (const execution of running) await announceExecution(db, execution.id, 'canceled');
  const result = await db
    .deleteFrom('bulkSyncs')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/**
 * Locks connections until the transaction ends: two syncs that would write one table are checked one after the other,
 * and no connection is deleted meanwhile.
 * @returns ids of those that exist
 */
export async function lockConnections(
  db: StoreDatabase,
  organizationId: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('connections')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('id', 'in', ids)
    .orderBy('id') // everybody locks in one order, so nobody deadlocks
    .forNoKeyUpdate()
    .execute();
  return new Set(rows.map((row) => row.id));
}

function selectBulkSyncs(db: StoreDatabase, organizationId: string) {
  return db.selectFrom('bulkSyncs').selectAll('bulkSyncs').where('bulkSyncs.organizationId', '=', organizationId);
}
