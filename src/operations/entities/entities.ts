import { SyncError } from '../../core/index.ts';
import { type EntityRecord, type EntityType, findEntity, findReachable, listEntitySchemas } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { requireReach } from '../organizations/reach.ts';
import { authorize, type ObjectKind } from '../permissions/authorize.ts';

/** What an id stands for, and where to read it. */
export interface Entity extends Pick<EntityRecord, 'type' | 'id' | 'organizationId'> {
  /** Of the operation that answers it. */
  readonly path: string;
  /** What it refers to, by role. */
  readonly relationships: Readonly<Record<string, { readonly id: string; readonly path: string }>>;
  /** Of bulk syncs and their executions; null for the rest. */
  readonly schemaIds: readonly string[] | null;
}

/** @throws `NOT_FOUND` for an id that stands for nothing in the organization; `FORBIDDEN` for what the caller may not read */
export async function getEntity(context: Context, id: string): Promise<Entity> {
  const { organizationId } = context.caller;
  const record = await findEntity(context.store.db, organizationId, id);
  if (record === undefined) throw unknown(id);
  await authorize(context, 'read', { kind: KIND_OF[record.type], policies: record.policies });
  return toEntity(context.store.db, record, '/api/organization');
}

/**
 * The same over all organizations within reach, with paths for a partner.
 * @throws `NOT_FOUND` for an id out of reach; `FORBIDDEN` for callers that are neither partner nor deployment
 */
export async function getEntityForPartner(context: Context, id: string): Promise<Entity> {
  const { services, reach } = requireReach(context);
  const { db } = services.store;
  const record = await findEntity(db, null, id);
  if (record === undefined || (await findReachable(db, reach, record.organizationId)) === undefined) throw unknown(id);
  return toEntity(db, record, `/api/organizations/${record.organizationId}`);
}

const KIND_OF: Readonly<Record<EntityType, ObjectKind>> = {
  organization: 'organization',
  user: 'organization',
  connection: 'connection',
  model: 'model',
  sync: 'sync',
  bulk_sync: 'bulk_sync',
  bulk_sync_execution: 'bulk_sync',
};

/** Where an object of a type is read. */
const PATHS: Readonly<Record<EntityType, (id: string, links: EntityRecord['links'], organization: string) => string>> =
  {
    organization: (_id, _links, organization) => organization,
    user: (id, _links, organization) => `${organization}/users/${id}`,
    connection: (id) => `/api/connections/${id}`,
    model: (id) => `/api/models/${id}`,
    sync: (id) => `/api/syncs/${id}`,
    bulk_sync: (id) => `/api/bulk/syncs/${id}`,
    bulk_sync_execution: (id, links) => `/api/bulk/syncs/${links.bulk_sync}/executions/${id}`,
  };

async function toEntity(
  db: Parameters<typeof listEntitySchemas>[0],
  record: EntityRecord,
  organization: string,
): Promise<Entity> {
  const { type, id, organizationId, links } = record;
  const hasSchemas = type === 'bulk_sync' || type === 'bulk_sync_execution';
  const related = Object.entries(links).map(([role, to]) => {
    const path = role === 'bulk_sync' ? PATHS.bulk_sync : PATHS.connection;
    return [role, { id: to, path: path(to, links, organization) }] as const;
  });
  const owner = type === 'organization' ? [] : [['organization', { id: organizationId, path: organization }] as const];
  return {
    type,
    id,
    organizationId,
    path: PATHS[type](id, links, organization),
    relationships: Object.fromEntries([...owner, ...related]),
    schemaIds: hasSchemas ? await listEntitySchemas(db, record) : null,
  };
}

function unknown(id: string): SyncError {
  return new SyncError('NOT_FOUND', `The id ${id} stands for nothing here.`);
}
