import { sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import type { BulkSyncSchemaRecord } from '../syncs/bulk-sync-schemas.ts';

const ROWS_PER_INSERT = 1000;

/** Ids of all schemas that a sync knows of, enabled or left out. */
export async function listKnownSchemas(db: StoreDatabase, syncId: string): Promise<ReadonlySet<string>> {
  const rows = await db.selectFrom('bulkSyncSchemas').select('schemaId').where('syncId', '=', syncId).execute();
  return new Set(rows.map((row) => row.schemaId));
}

/** Enables schemas that a sync did not know of, with all their fields. What somebody has added meanwhile stays. */
export async function addSchemas(
  db: StoreDatabase,
  sync: { readonly id: string; readonly organizationId: string },
  schemaIds: readonly string[],
): Promise<void> {
  const rows = schemaIds.map((schemaId) => ({
    syncId: sync.id,
    organizationId: sync.organizationId,
    schemaId,
    enabled: true,
  }));
  for (let first = 0; first < rows.length; first += ROWS_PER_INSERT) {
    await db
      .insertInto('bulkSyncSchemas')
      .values(rows.slice(first, first + ROWS_PER_INSERT))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/** What `addSchemas` would store for a schema; nothing is stored. */
export function draftSelection(
  sync: { readonly id: string; readonly organizationId: string },
  schemaId: string,
): BulkSyncSchemaRecord {
  return {
    syncId: sync.id,
    organizationId: sync.organizationId,
    schemaId,
    enabled: true,
    enabledAt: new Date(),
    fields: null,
    filters: [],
    trackingField: null,
    partitionKey: null,
    dataCutoffTimestamp: null,
    disableDataCutoff: false,
    userOutputName: null,
    generation: '0',
    autoFields: null,
    cursor: null,
    loadedShape: null,
    revision: 0,
  };
}

/** Remembers which fields an execution takes along by itself. @param fields by schema id */
export async function saveAutoFields(
  db: StoreDatabase,
  syncId: string,
  fields: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  if (fields.size === 0) return;
  const lists = [...fields.values()].map((list) => JSON.stringify(list));
  await sql`
    UPDATE bulk_sync_schemas s SET auto_fields = given.fields::jsonb
    FROM unnest(${[...fields.keys()]}::text[], ${lists}::text[]) AS given (schema_id, fields)
    WHERE s.sync_id = ${syncId} AND s.schema_id = given.schema_id`.execute(db);
}
