import { sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';

/** The API's words for what an id can stand for. Model syncs have no executions yet. */
export type EntityType =
  | 'organization'
  | 'user'
  | 'connection'
  | 'model'
  | 'sync'
  | 'bulk_sync'
  | 'bulk_sync_execution';

/** What an id stands for. */
export interface EntityRecord {
  readonly type: EntityType;
  readonly id: string;
  readonly organizationId: string;
  /** That hang on it; of an execution, on its sync. */
  readonly policies: readonly string[];
  /** Ids of what it refers to, by role. */
  readonly links: Readonly<Record<string, string>>;
}

/**
 * Finds any object of ours by its id.
 * @param organizationId null = in all organizations; the caller judges then what was found
 */
export async function findEntity(
  db: StoreDatabase,
  organizationId: string | null,
  id: string,
): Promise<EntityRecord | undefined> {
  const none = sql`'{}'::uuid[]`;
  const { rows } = await sql<EntityRecord>`
    SELECT type, id, organization_id AS "organizationId", policies, links FROM (
      SELECT 'organization' AS type, id, id AS organization_id, ${none} AS policies, '{}'::jsonb AS links
        FROM organizations WHERE id = ${id}
      UNION ALL SELECT 'user', id, organization_id, ${none}, '{}' FROM users WHERE id = ${id}
      UNION ALL SELECT 'connection', id, organization_id, policies, '{}' FROM connections WHERE id = ${id}
      UNION ALL SELECT 'model', id, organization_id, policies, jsonb_build_object('connection', connection_id)
        FROM models WHERE id = ${id}
      UNION ALL SELECT 'sync', id, organization_id, policies, jsonb_build_object('target_connection', target_connection_id)
        FROM model_syncs WHERE id = ${id}
      UNION ALL SELECT 'bulk_sync', id, organization_id, policies, jsonb_build_object(
          'source_connection', source_connection_id, 'destination_connection', destination_connection_id)
        FROM bulk_syncs WHERE id = ${id}
      UNION ALL SELECT 'bulk_sync_execution', e.id, e.organization_id, b.policies, jsonb_build_object(
          'bulk_sync', b.id, 'source_connection', b.source_connection_id, 'destination_connection', b.destination_connection_id)
        FROM executions e JOIN bulk_syncs b ON b.id = e.sync_id WHERE e.id = ${id}
    ) found
    WHERE ${organizationId}::uuid IS NULL OR organization_id = ${organizationId}::uuid`.execute(db);
  return rows[0];
}

/** Ids of the enabled schemas of a bulk sync, or of the schemas that an execution was planned with. */
export async function listEntitySchemas(
  db: StoreDatabase,
  entity: Pick<EntityRecord, 'type' | 'id' | 'organizationId'>,
): Promise<string[]> {
  if (entity.type === 'bulk_sync') {
    const rows = await db
      .selectFrom('bulkSyncSchemas')
      .select('schemaId')
      .where('organizationId', '=', entity.organizationId)
      .where('syncId', '=', entity.id)
      .where('enabled', '=', true)
      .orderBy('schemaId')
      .execute();
    return rows.map(({ schemaId }) => schemaId);
  }
  const rows = await db
    .selectFrom('executionSchemas')
    .select('schemaId')
    .where('organizationId', '=', entity.organizationId)
    .where('executionId', '=', entity.id)
    .orderBy('position')
    .execute();
  return rows.map(({ schemaId }) => schemaId);
}
