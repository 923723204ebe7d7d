import { type Insertable, type Selectable, sql, type Updateable } from 'kysely';
import type { ModelMode } from '../../core/index.ts';
import { fromMicroseconds, toMicroseconds } from '../columns.ts';
import type { StoreDatabase } from '../database.ts';
import type { Database } from '../tables.ts';

/** One model sync as stored; `secrets` are still sealed. */
export type ModelSyncRecord = Selectable<Database['modelSyncs']>;

export type NewModelSync = Omit<Insertable<Database['modelSyncs']>, 'organizationId' | 'createdAt' | 'updatedAt'>;
export type ModelSyncChange = Omit<
  Updateable<Database['modelSyncs']>,
  'id' | 'organizationId' | 'createdAt' | 'createdBy' | 'createdByType' | 'updatedAt'
>;

/** Where a page of model syncs ended. */
export interface ModelSyncPosition {
  /** Microseconds since 1970, in digits. */
  readonly updatedAt: string;
  readonly id: string;
}

/** Which model syncs a list shows; null = all. */
export interface ModelSyncQuery {
  readonly active: boolean | null;
  readonly mode: ModelMode | null;
  readonly targetConnectionId: string | null;
  /** Those on which one of these policies hangs. */
  readonly policies: readonly string[] | null;
}

/** Fails on an id that is there already; the caller makes ids. */
export async function insertModelSync(db: StoreDatabase, organizationId: string, values: NewModelSync): Promise<void> {
  await db
    .insertInto('modelSyncs')
    .values({ ...values, organizationId })
    .execute();
}

/** Undefined also when the id is another organization's. */
export function findModelSync(
  db: StoreDatabase,
  organizationId: string,
  id: string,
): Promise<ModelSyncRecord | undefined> {
  return selectModelSyncs(db, organizationId).where('modelSyncs.id', '=', id).executeTakeFirst();
}

/**
 * Latest change first, then by id.
 * @param page `limit` null = all
 */
export async function listModelSyncs(
  db: StoreDatabase,
  organizationId: string,
  page: ModelSyncQuery & { readonly limit: number | null; readonly after: ModelSyncPosition | null },
): Promise<{
  readonly records: readonly (ModelSyncRecord & { readonly position: ModelSyncPosition })[];
  /** True when more follow. */
  readonly hasMore: boolean;
}> {
  const updatedAt = sql.ref('modelSyncs.updatedAt');
  let query = selectModelSyncs(db, organizationId).select(toMicroseconds(updatedAt).as('updatedAtMicroseconds'));
  if (page.active !== null) query = query.where('modelSyncs.active', '=', page.active);
  if (page.mode !== null) query = query.where('modelSyncs.mode', '=', page.mode);
  if (page.targetConnectionId !== null)
    query = query.where('modelSyncs.targetConnectionId', '=', page.targetConnectionId);
  if (page.policies !== null) query = query.where(sql<boolean>`model_syncs.policies && ${[...page.policies]}::uuid[]`);
  if (page.after !== null) {
    const { updatedAt: time, id } = page.after;
    const position = sql`(${fromMicroseconds(time)}, ${id}::uuid)`;
    query = query.where(sql<boolean>`(${updatedAt}, ${sql.ref('modelSyncs.id')}) < ${position}`);
  }
  query = query.orderBy('modelSyncs.updatedAt', 'desc').orderBy('modelSyncs.id', 'desc');
  const rows = await (page.limit === null ? query : query.limit(page.limit + 1)).execute();
  return {
    records: rows.slice(0, page.limit ?? rows.length).map(({ updatedAtMicroseconds, ...row }) => ({
      ...row,
      position: { updatedAt: updatedAtMicroseconds, id: row.id },
    })),
    hasMore: page.limit !== null && rows.length > page.limit,
  };
}

/** @returns false when there is no such sync */
export async function updateModelSync(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  change: ModelSyncChange,
): Promise<boolean> {
  const result = await db
    .updateTable('modelSyncs')
    // clock_timestamp: two changes in one transaction must not get one time, the list is ordered by it.
    .set({ ...change, updatedAt: sql<Date>`clock_timestamp()` })
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Lets nobody else change a sync until the transaction ends. Harmless when it is gone. */
export async function lockModelSync(db: StoreDatabase, organizationId: string, id: string): Promise<void> {
  await db
    .selectFrom('modelSyncs')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .forNoKeyUpdate()
    .execute();
}

/** @returns false when there is no such sync */
export async function deleteModelSync(db: StoreDatabase, organizationId: string, id: string): Promise<boolean> {
  const result = await db
    .deleteFrom('modelSyncs')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** The model syncs for which each one waits that waits for others at all. */
export async function listRunAfter(
  db: StoreDatabase,
  organizationId: string,
): Promise<readonly { readonly id: string; readonly name: string; readonly after: readonly string[] }[]> {
  const rows = await db
    .selectFrom('modelSyncs')
    .select(['id', 'name', 'schedule'])
    .where('organizationId', '=', organizationId)
    .where(sql<boolean>`schedule ? 'runAfter'`)
    .execute();
  return rows.map(({ id, name, schedule }) => ({ id, name, after: schedule.runAfter?.syncIds ?? [] }));
}

/** Of these ids, those of model syncs (`sync`) and of bulk syncs (`bulk_sync`) of the organization. */
export async function listKnownSyncIds(
  db: StoreDatabase,
  organizationId: string,
  kind: 'sync' | 'bulk_sync',
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const rows = await db
    .selectFrom(kind === 'sync' ? 'modelSyncs' : 'bulkSyncs')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('id', 'in', ids)
    .execute();
  return new Set(rows.map(({ id }) => id));
}

/** Lets nobody else of the organization change what waits for what until the transaction ends. */
export async function lockRunAfter(db: StoreDatabase, organizationId: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`run after ${organizationId}`}, 0))`.execute(db);
}

function selectModelSyncs(db: StoreDatabase, organizationId: string) {
  return db.selectFrom('modelSyncs').selectAll('modelSyncs').where('modelSyncs.organizationId', '=', organizationId);
}
