import { sql } from 'kysely';
import type { StoreDatabase } from './database.ts';
import { insertBuiltInPermissions } from './permissions/built-in.ts';
import type { SystemRole } from './permissions/tables.ts';

export interface Organization {
  readonly id: string;
  readonly name: string;
  /** The partner's owner organization; null = no partner's. */
  readonly ownerId: string | null;
}

export interface User {
  readonly id: string;
  readonly organizationId: string;
  readonly email: string;
  readonly name: string;
  readonly roleIds: readonly string[];
}

/** What a key opens: a user in one organization, or the whole deployment. */
export type KeyHolder =
  | {
      readonly kind: 'user';
      readonly user: User;
      /** The built-in ones among the user's roles. */
      readonly systemRoles: readonly SystemRole[];
      readonly organization: Pick<Organization, 'id' | 'name'>;
    }
  /** With the partner's owner organization. */
  | { readonly kind: 'partner'; readonly organization: Pick<Organization, 'id' | 'name'> }
  | { readonly kind: 'deployment' };

/** The holder of an unrevoked key, by the SHA-256 of its text. */
export async function findKeyHolder(db: StoreDatabase, hash: Buffer): Promise<KeyHolder | undefined> {
  const row = await db
    .selectFrom('apiKeys')
    .leftJoin('users', 'users.id', 'apiKeys.userId')
    .leftJoin('organizations', 'organizations.id', 'apiKeys.organizationId')
    .select(['apiKeys.kind', 'users.id as userId', 'users.email', 'users.name', 'users.roleIds'])
    .select(sql<SystemRole[]>`${SYSTEM_ROLES}`.as('systemRoles'))
    .select(['organizations.id as organizationId', 'organizations.name as organizationName'])
    .where('apiKeys.hash', '=', hash)
    .where('apiKeys.revokedAt', 'is', null)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.kind === 'deployment') return { kind: 'deployment' };
  if (row.kind === 'partner') return toPartner(row);
  const { userId, email, name, roleIds, systemRoles, organizationId, organizationName } = row;
  if (userId === null || email === null || name === null || roleIds === null) return undefined;
  if (organizationId === null || organizationName === null) return undefined;
  return {
    kind: 'user',
    user: { id: userId, organizationId, email, name, roleIds },
    systemRoles,
    organization: { id: organizationId, name: organizationName },
  };
}

function toPartner({
  organizationId: id,
  organizationName: name,
}: {
  readonly organizationId: string | null;
  readonly organizationName: string | null;
}): KeyHolder | undefined {
  return id === null || name === null ? undefined : { kind: 'partner', organization: { id, name } };
}

/** Of the user in the row; a role of another organization counts for nothing. */
const SYSTEM_ROLES = sql`ARRAY(
  SELECT r.system_key FROM roles r
  WHERE r.id = ANY (users.role_ids) AND r.organization_id = users.organization_id AND r.system_key IS NOT NULL)`;

/** One organization by its id, for callers that may act in all of them. */
export function findOrganization(db: StoreDatabase, id: string): Promise<Organization | undefined> {
  return db.selectFrom('organizations').select(['id', 'name', 'ownerId']).where('id', '=', id).executeTakeFirst();
}

/** Up to `limit` organizations, oldest first. */
export function listOrganizations(db: StoreDatabase, limit: number): Promise<Organization[]> {
  return db
    .selectFrom('organizations')
    .select(['id', 'name', 'ownerId'])
    .orderBy('createdAt')
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** Users of one organization by id, for the names in audit fields. */
export function listUserNames(db: StoreDatabase, organizationId: string): Promise<{ id: string; name: string }[]> {
  return db.selectFrom('users').select(['id', 'name']).where('organizationId', '=', organizationId).execute();
}

/** Everything that a first start makes. Key hashes are SHA-256. */
export interface FirstObjects {
  readonly organization: Pick<Organization, 'id' | 'name'>;
  /** Becomes an Admin. */
  readonly user: Omit<User, 'roleIds'>;
  readonly userKey: { readonly id: string; readonly hash: Buffer; readonly hint: string };
  readonly deploymentKey: { readonly id: string; readonly hash: Buffer; readonly hint: string };
}

/** Keeps two processes from both making the first organization; held until the transaction ends. */
export async function lockOrganizations(db: StoreDatabase): Promise<void> {
  await db.selectFrom('installation').select('id').forUpdate().execute();
}

/** Inserts the objects of a first start. */
export async function insertFirstObjects(db: StoreDatabase, objects: FirstObjects): Promise<void> {
  const { organization, user, userKey, deploymentKey } = objects;
  await db.insertInto('organizations').values(organization).execute();
  const roles = await insertBuiltInPermissions(db, organization.id);
  await db
    .insertInto('users')
    .values({ ...user, roleIds: [roles.admin] })
    .execute();
  await db
    .insertInto('apiKeys')
    .values([
      { ...userKey, kind: 'user', organizationId: organization.id, userId: user.id },
      { ...deploymentKey, kind: 'deployment', organizationId: null, userId: null },
    ])
    .execute();
}

/** False when the metadata database does not answer. */
export async function isReachable(db: StoreDatabase): Promise<boolean> {
  try {
    await db.selectFrom('installation').select('id').execute();
    return true;
  } catch {
    return false;
  }
}
