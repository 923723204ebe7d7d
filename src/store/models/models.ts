import { type Insertable, type Selectable, sql, type Updateable } from 'kysely';
import { listModelFields, type ModelField } from '../../core/index.ts';
import { fromMicroseconds, toMicroseconds } from '../columns.ts';
import type { StoreDatabase } from '../database.ts';
import type { Database } from '../tables.ts';
import { isForeignKeyViolation } from '../violations.ts';

/** One model with the type of its connection, and `fields`: those that it has, by its selection. */
export interface ModelRecord extends Selectable<Database['models']> {
  readonly connectionType: string;
  readonly fields: readonly ModelField[];
}

/** Where a page of models ended. */
export interface ModelPosition {
  /** Microseconds since 1970, in digits. */
  readonly updatedAt: string;
  readonly id: string;
}

export interface ModelPage {
  readonly records: readonly (ModelRecord & { readonly position: ModelPosition })[];
  /** True when more follow. */
  readonly hasMore: boolean;
}

export type NewModel = Omit<Insertable<Database['models']>, 'organizationId' | 'version' | 'createdAt' | 'updatedAt'>;
export type ModelChange = Omit<
  Updateable<Database['models']>,
  'id' | 'organizationId' | 'version' | 'createdAt' | 'createdBy' | 'createdByType' | 'updatedAt'
>;

/** False when the connection is gone; then nothing is written (in a transaction, that transaction is lost). */
export async function insertModel(db: StoreDatabase, organizationId: string, values: NewModel): Promise<boolean> {
  try {
    await db
      .insertInto('models')
      .values({ ...values, organizationId })
      .execute();
    return true;
  } catch (error) {
    if (isForeignKeyViolation(error)) return false;
    throw error;
  }
}

/** One model of the organization. */
export async function findModel(
  db: StoreDatabase,
  organizationId: string,
  id: string,
): Promise<ModelRecord | undefined> {
  const row = await selectModels(db, organizationId).where('models.id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : toRecord(row);
}

/** Those of these models that the organization has, in no order. */
export async function listModelsById(
  db: StoreDatabase,
  organizationId: string,
  ids: readonly string[],
): Promise<ModelRecord[]> {
  if (ids.length === 0) return [];
  return (await selectModels(db, organizationId).where('models.id', 'in', ids).execute()).map(toRecord);
}

/** Latest change first, then by id; without a limit, all. */
export async function listModels(
  db: StoreDatabase,
  organizationId: string,
  page: {
    readonly limit: number | null;
    readonly after: ModelPosition | null;
    /** Only models on which one of these policies hangs; null = all. */
    readonly readable: readonly string[] | null;
  },
): Promise<ModelPage> {
  const updatedAt = sql.ref('models.updatedAt');
  let query = selectModels(db, organizationId).select(toMicroseconds(updatedAt).as('updatedAtMicroseconds'));
  if (page.readable !== null)
    query = query.where(sql<boolean>`${sql.ref('models.policies')} && ${[...page.readable]}::uuid[]`);
  if (page.after !== null) {
    const { updatedAt: time, id } = page.after;
    query = query.where(
      sql<boolean>`(${updatedAt}, ${sql.ref('models.id')}) < (${fromMicroseconds(time)}, ${id}::uuid)`,
    );
  }
  if (page.limit !== null) query = query.limit(page.limit + 1);
  const rows = await query.orderBy('models.updatedAt', 'desc').orderBy('models.id', 'desc').execute();
  const limit = page.limit ?? rows.length;
  return {
    records: rows.slice(0, limit).map(({ updatedAtMicroseconds, ...row }) => ({
      ...toRecord(row),
      position: { updatedAt: updatedAtMicroseconds, id: row.id },
    })),
    hasMore: rows.length > limit,
  };
}

/** Counts the version up. @returns false when there is no such model */
export async function updateModel(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  change: ModelChange,
): Promise<boolean> {
  const result = await db
    .updateTable('models')
    // clock_timestamp: two changes in one transaction must not get one time, the list is ordered by it.
    .set({ ...change, version: sql<number>`version + 1`, updatedAt: sql<Date>`clock_timestamp()` })
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** @returns false when there is no such model */
export async function deleteModel(db: StoreDatabase, organizationId: string, id: string): Promise<boolean> {
  const result = await db
    .deleteFrom('models')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

function selectModels(db: StoreDatabase, organizationId: string) {
  return db
    .selectFrom('models')
    .innerJoin('connections', 'connections.id', 'models.connectionId')
    .selectAll('models')
    .select('connections.type as connectionType')
    .where('models.organizationId', '=', organizationId);
}

function toRecord<Row extends Parameters<typeof listModelFields>[0]>(row: Row) {
  return { ...row, fields: listModelFields(row) };
}
