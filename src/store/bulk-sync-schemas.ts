import { type Insertable, type Selectable, sql } from 'kysely';
import type { StoreDatabase } from './database.ts';
import type { Database } from './tables.ts';

/** One schema of a sync's selection, with what the engine remembers of it. */
export type BulkSyncSchemaRecord = Selectable<Database['bulkSyncSchemas']>;

export type NewBulkSyncSchema = Omit<
  Insertable<Database['bulkSyncSchemas']>,
  'organizationId' | 'syncId' | 'generation' | 'cursor' | 'loadedShape'
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

/** What decides the names of the tables of several syncs: each of their schemas, selected or not, ordered by schema id. */
export async function listNamingOfSyncs(
  db: StoreDatabase,
  organizationId: string,
  syncIds: readonly string[],
): Promise<Pick<BulkSyncSchemaRecord, 'syncId' | 'schemaId' | 'enabled' | 'enabledAt' | 'userOutputName'>[]> {
  if (syncIds.length === 0) return [];
  const rows = await db
    .selectFrom('bulkSyncSchemas')
    .select(['syncId', 'schemaId', 'enabled', 'enabledAt', 'userOutputName'])
    .where('organizationId', '=', organizationId)
    .where('syncId', 'in', syncIds)
    .execute();
  return rows.sort((one, other) => (one.schemaId < other.schemaId ? -1 : 1));
}

/**
 * Makes the next read of every schema complete, of one sync or of all that use a connection: what was remembered
 * belongs to another source or table. What an execution that runs now would remember is void, too, since the
 * generation that it loads is no longer the last.
 */
export async function forgetCursors(
  db: StoreDatabase,
  organizationId: string,
  of: { readonly syncId: string } | { readonly connectionId: string },
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
  await db
    .updateTable('bulkSyncSchemas')
    .set({ cursor: null, loadedShape: null, generation: sql`generation + 1` })
    .where('syncId', 'in', meant)
    .execute();
}
