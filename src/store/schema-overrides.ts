import type { SchemaOverrides } from '../core/index.ts';
import type { StoreDatabase } from './database.ts';

/** What users said about the schemas of a connection, by schema id; schemas without an override are absent. */
export async function listSchemaOverrides(
  db: StoreDatabase,
  organizationId: string,
  connectionId: string,
): Promise<ReadonlyMap<string, SchemaOverrides>> {
  const rows = await db
    .selectFrom('schemaOverrides')
    .select(['schemaId', 'overrides'])
    .where('organizationId', '=', organizationId)
    .where('connectionId', '=', connectionId)
    .execute();
  return new Map(rows.map(({ schemaId, overrides }) => [schemaId, overrides]));
}

/** Replaces what users said about one schema. Read it in the same transaction, behind `lockConnections`. */
export async function saveSchemaOverrides(
  db: StoreDatabase,
  organizationId: string,
  schema: { readonly connectionId: string; readonly schemaId: string },
  overrides: SchemaOverrides,
): Promise<void> {
  const values = { overrides: JSON.stringify(overrides), updatedAt: new Date() };
  await db
    .insertInto('schemaOverrides')
    .values({ ...schema, ...values, organizationId })
    .onConflict((conflict) => conflict.columns(['connectionId', 'schemaId']).doUpdateSet(values))
    .execute();
}
