import { randomUUID } from 'node:crypto';
import type { StoreDatabase } from '../database.ts';
import type { PolicyGrant, PolicyKind, SystemRole } from './tables.ts';

const ROLE_NAMES: Readonly<Record<SystemRole, string>> = {
  admin: 'Admin',
  editor: 'Editor',
  sync_editor: 'Sync Editor',
  viewer: 'Viewer',
};

const ALL: readonly SystemRole[] = ['admin', 'editor', 'sync_editor', 'viewer'];
const SYNC_EDITORS: readonly SystemRole[] = ['admin', 'editor', 'sync_editor'];
const EDITORS: readonly SystemRole[] = ['admin', 'editor'];

/** Syncs of either kind. */
const OF_SYNCS = {
  apply_policy: SYNC_EDITORS,
  create: SYNC_EDITORS,
  delete: SYNC_EDITORS,
  edit: SYNC_EDITORS,
  export: SYNC_EDITORS,
  modify_policy: ['admin'],
  read: ALL,
  trigger: SYNC_EDITORS,
} as const;

/** What the built-in policy of a kind says until somebody edits it. Migration 0015 says the same to older organizations. */
const GRANTS: Readonly<Record<PolicyKind, Readonly<Record<string, readonly SystemRole[]>>>> = {
  connection: {
    apply_policy: EDITORS,
    create: EDITORS,
    delete: EDITORS,
    edit: EDITORS,
    export: EDITORS,
    modify_policy: ['admin'],
    query: EDITORS,
    read: ALL,
    sync_to: SYNC_EDITORS,
    trigger: SYNC_EDITORS,
  },
  model: {
    apply_policy: EDITORS,
    create: EDITORS,
    delete: EDITORS,
    edit: EDITORS,
    export: EDITORS,
    modify_policy: ['admin'],
    query: EDITORS,
    read: ALL,
  },
  sync: OF_SYNCS,
  bulk_sync: OF_SYNCS,
};

const POLICY_NAMES: Readonly<Record<PolicyKind, string>> = {
  connection: 'All connections',
  model: 'All models',
  sync: 'All syncs',
  bulk_sync: 'All bulk syncs',
};

/**
 * Gives a new organization its built-in roles and policies.
 * @returns the ids of the roles
 */
export async function insertBuiltInPermissions(
  db: StoreDatabase,
  organizationId: string,
): Promise<Readonly<Record<SystemRole, string>>> {
  const ids = { admin: randomUUID(), editor: randomUUID(), sync_editor: randomUUID(), viewer: randomUUID() };
  await db
    .insertInto('roles')
    .values(ALL.map((key) => ({ id: ids[key], organizationId, name: ROLE_NAMES[key], systemKey: key })))
    .execute();
  const kinds: readonly PolicyKind[] = ['connection', 'model', 'sync', 'bulk_sync'];
  await db
    .insertInto('policies')
    .values(
      kinds.map((kind) => ({
        id: randomUUID(),
        organizationId,
        name: POLICY_NAMES[kind],
        systemKind: kind,
        actions: JSON.stringify(toGrants(GRANTS[kind], ids)),
      })),
    )
    .execute();
  return ids;
}

function toGrants(
  grants: Readonly<Record<string, readonly SystemRole[]>>,
  ids: Readonly<Record<SystemRole, string>>,
): PolicyGrant[] {
  return Object.entries(grants).map(([action, roles]) => ({ action, roleIds: roles.map((role) => ids[role]) }));
}
