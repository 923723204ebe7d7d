import type { Insertable } from 'kysely';
import { type ConnectionRecord, insertConnection } from './connections.ts';
import type { StoreDatabase } from './database.ts';
import { requestSchemaRefresh } from './schema-caches.ts';
import type { Database } from './tables.ts';

/** The connections that shared ones point to, by the id of the shared one. All of them belong to `organizationId`. */
export async function findParents(
  db: StoreDatabase,
  organizationId: string,
  childIds: readonly string[],
): Promise<ReadonlyMap<string, ConnectionRecord>> {
  if (childIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('connections as child')
    .innerJoin('connections as parent', 'parent.id', 'child.parentConnectionId')
    .selectAll('parent')
    .select('child.id as childId')
    .where('child.organizationId', '=', organizationId)
    .where('child.id', 'in', [...childIds])
    .execute();
  return new Map(rows.map(({ childId, ...parent }) => [childId, parent]));
}

/** Connections of other organizations that point to one of `organizationId`, by name. */
export function listChildren(db: StoreDatabase, organizationId: string, parentId: string): Promise<ConnectionRecord[]> {
  return db
    .selectFrom('connections as child')
    .innerJoin('connections as parent', 'parent.id', 'child.parentConnectionId')
    .selectAll('child')
    .where('parent.organizationId', '=', organizationId)
    .where('parent.id', '=', parentId)
    .orderBy('child.name')
    .orderBy('child.id')
    .execute();
}

/** Whether connections of other organizations point to some of this one. */
export async function isSharing(db: StoreDatabase, organizationId: string): Promise<boolean> {
  const row = await db
    .selectFrom('connections as child')
    .innerJoin('connections as parent', 'parent.id', 'child.parentConnectionId')
    .select('child.id')
    .where('parent.organizationId', '=', organizationId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Points to a connection from another organization, and asks for its schemas. */
export async function insertChild(
  db: StoreDatabase,
  parent: ConnectionRecord,
  child: {
    readonly id: string;
    readonly organizationId: string;
    readonly name: string;
    readonly policies: readonly string[];
    readonly hasSchemas: boolean;
    readonly by: Pick<Insertable<Database['connections']>, 'createdBy' | 'createdByType'>;
  },
): Promise<'inserted' | 'name_taken'> {
  const { createdBy, createdByType } = child.by;
  const isInserted = await insertConnection(db, child.organizationId, {
    id: child.id,
    name: child.name,
    type: parent.type,
    configuration: '{}',
    parentConnectionId: parent.id,
    policies: [...child.policies],
    status: 'unchecked',
    createdBy,
    createdByType,
    updatedBy: createdBy,
    updatedByType: createdByType,
  });
  if (isInserted && child.hasSchemas) await requestSchemaRefresh(db, child.organizationId, child.id);
  return isInserted ? 'inserted' : 'name_taken';
}
