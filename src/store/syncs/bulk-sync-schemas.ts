import { type Insertable, type Selectable, sql } from 'kysely';
import type { OutputTable } from '../../core/index.ts';
import type { StoreDatabase } from '../database.ts';
import type { Database } from '../tables.ts';
import type { BulkSyncRecord } from './bulk-syncs.ts';

/** One schema of a sync's selection, with what the engine remembers of it. */
export type BulkSyncSchemaRecord = Selectable<Database['bulkSyncSchemas']>;

export type NewBulkSyncSchema = Omit<
  Insertable<Database['bulkSyncSchemas']>,
  'organizationId' | 'syncId' | 'generation' | 'cursor' | 'loadedShape' | 'revision'
>;

/** PostgreSQL takes at most 65,535 parameters in one statement. */
const ROWS_PER_INSERT = 1000;

/** Call inside a transaction: the rows go in several statements. */
export async function insertBulkSyncSchemas(
  db: StoreDatabase,
  organizationId: string,
  syncId: string,
  schemas: readonly NewBulkSyncSchema[],
): Promise<void> {
  for (let first = 0; first < schemas.length; first += ROWS_PER_INSERT) {
    await db
      .insertInto('bulkSyncSchemas')
      .values(schemas.slice(first, first + ROWS_PER_INSERT).map((schema) => ({ ...schema, organizationId, syncId })))
      .execute();
  }
}

/** Writes the options of some schemas of a sync, new ones included; what the engine remembers stays. */
export async function saveBulkSyncSchemas(
  db: StoreDatabase,
  organizationId: string,
  syncId: string,
  schemas: readonly NewBulkSyncSchema[],
): Promise<void> {
  // Rows of one statement have the same columns; a row may say nothing but whether its schema is synced.
  const groups = Map.groupBy(schemas, (schema) => Object.keys(schema).sort().join());
  for (const group of groups.values()) {
    for (let first = 0; first < group.length; first += ROWS_PER_INSERT) {
      await saveRows(db, organizationId, syncId, group.slice(first, first + ROWS_PER_INSERT));
    }
  }
}

async function saveRows(
  db: StoreDatabase,
  organizationId: string,
  syncId: string,
  rows: readonly NewBulkSyncSchema[],
): Promise<void> {
  const { schemaId, ...options } = rows[0] ?? { schemaId: '', enabled: false };
  const excluded = Object.keys(options).map((column) => [column, sql.ref(`excluded.${column}`)]);
  await db
    .insertInto('bulkSyncSchemas')
    .values(rows.map((row) => ({ ...row, organizationId, syncId })))
    .onConflict((conflict) => conflict.columns(['syncId', 'schemaId']).doUpdateSet(Object.fromEntries(excluded)))
    .execute();
}

/** Ordered by schema id, in bytes. */
export async function listBulkSyncSchemas(
  db: StoreDatabase,
  organizationId: string,
  syncId: string,
): Promise<BulkSyncSchemaRecord[]> {
  const rows = await db
    .selectFrom('bulkSyncSchemas')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('syncId', '=', syncId)
    .execute();
  return rows.sort((one, other) => (one.schemaId < other.schemaId ? -1 : 1));
}

/** One schema of a sync; undefined also when the sync is another organization's. */
export function findBulkSyncSchema(
  db: StoreDatabase,
  organizationId: string,
  syncId: string,
  schemaId: string,
): Promise<BulkSyncSchemaRecord | undefined> {
  return db
    .selectFrom('bulkSyncSchemas')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('syncId', '=', syncId)
    .where('schemaId', '=', schemaId)
    .executeTakeFirst();
}

/** What the syncs that read from a connection have chosen of one of its schemas. */
export function listSelectionsOf(
  db: StoreDatabase,
  organizationId: string,
  schema: { readonly connectionId: string; readonly schemaId: string },
) {
  return db
    .selectFrom('bulkSyncSchemas')
    .innerJoin('bulkSyncs', 'bulkSyncs.id', 'bulkSyncSchemas.syncId')
    .select([
      'bulkSyncSchemas.syncId',
      'bulkSyncs.name as syncName',
      'bulkSyncSchemas.fields',
      'bulkSyncSchemas.filters',
    ])
    .where('bulkSyncSchemas.organizationId', '=', organizationId)
    .where('bulkSyncs.sourceConnectionId', '=', schema.connectionId)
    .where('bulkSyncSchemas.schemaId', '=', schema.schemaId)
    .execute();
}

/** What decides the names of the tables of several syncs: each of their schemas, selected or not, ordered by schema id. */
export async function listNamingOfSyncs(
  db: StoreDatabase,
  organizationId: string,
  syncIds: readonly string[],
): Promise<SchemaNaming[]> {
  if (syncIds.length === 0) return [];
  const rows = await selectNaming(db)
    .where('bulkSyncSchemas.organizationId', '=', organizationId)
    .where('bulkSyncSchemas.syncId', 'in', syncIds)
    .execute();
  return rows.sort((one, other) => (one.schemaId < other.schemaId ? -1 : 1));
}

/** What decides the name of one schema's table. */
export interface SchemaNaming
  extends Pick<BulkSyncSchemaRecord, 'syncId' | 'schemaId' | 'enabled' | 'enabledAt' | 'userOutputName'> {
  /** Where its last completed load went; null = none has, or none that was remembered. */
  readonly lastTable: OutputTable | null;
}

function selectNaming(db: StoreDatabase) {
  return db
    .selectFrom('bulkSyncSchemas')
    .leftJoin('seenSchemas', (join) =>
      join
        .onRef('seenSchemas.syncId', '=', 'bulkSyncSchemas.syncId')
        .onRef('seenSchemas.schemaId', '=', 'bulkSyncSchemas.schemaId'),
    )
    .select(['bulkSyncSchemas.syncId', 'bulkSyncSchemas.schemaId', 'enabled', 'enabledAt', 'userOutputName'])
    .select(sql<OutputTable | null>`seen_schemas.description->'table'`.as('lastTable'));
}

/** What decides where a sync writes. */
export interface SyncNaming extends Pick<BulkSyncRecord, 'normalizeNames' | 'destinationConfiguration'> {
  readonly schemas: readonly SchemaNaming[];
}

/** Of any organization: to whom a table in a destination belongs is no secret between those who write there. */
export async function findSyncNaming(db: StoreDatabase, syncId: string): Promise<SyncNaming | undefined> {
  const sync = await db
    .selectFrom('bulkSyncs')
    .select(['normalizeNames', 'destinationConfiguration'])
    .where('id', '=', syncId)
    .executeTakeFirst();
  if (sync === undefined) return undefined;
  return { ...sync, schemas: await selectNaming(db).where('bulkSyncSchemas.syncId', '=', syncId).execute() };
}

/**
 * Makes the next read of every schema complete, of one sync or of all that use a connection: what was remembered
 * belongs to another source or table. What an execution that runs now would remember is void, too, since the
 * generation that it loads is no longer the last.
 * @param of `schemaIds` absent = all of them
 */
export async function forgetCursors(
  db: StoreDatabase,
  organizationId: string,
  of:
    | { readonly syncId: string; readonly schemaIds?: readonly string[] }
    | { readonly connectionId: string; readonly schemaIds?: readonly string[] },
): Promise<void> {
  const syncs = db
    .selectFrom('bulkSyncs')
    .select('bulkSyncs.id')
    .where('bulkSyncs.organizationId', '=', organizationId);
  const meant = syncs.where(({ eb, or }) =>
    'syncId' in of
      ? eb('bulkSyncs.id', '=', of.syncId)
      : or([
          eb('bulkSyncs.sourceConnectionId', '=', of.connectionId),
          eb('bulkSyncs.destinationConnectionId', '=', of.connectionId),
        ]),
  );
  if (of.schemaIds?.length === 0) return;
  let update = db
    .updateTable('bulkSyncSchemas')
    .set({ cursor: null, loadedShape: null, revision: sql`revision + 1`, generation: sql`generation + 1` })
    .where('syncId', 'in', meant);
  if (of.schemaIds !== undefined) update = update.where('schemaId', 'in', of.schemaIds);
  await update.execute();
}
