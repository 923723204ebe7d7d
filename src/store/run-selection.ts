import type { StoreDatabase } from './database.ts';

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

/** Remembers which fields an execution takes along by itself. */
export async function saveAutoFields(
  db: StoreDatabase,
  syncId: string,
  schemaId: string,
  fields: readonly string[],
): Promise<void> {
  await db
    .updateTable('bulkSyncSchemas')
    .set({ autoFields: JSON.stringify(fields) })
    .where('syncId', '=', syncId)
    .where('schemaId', '=', schemaId)
    .execute();
}
