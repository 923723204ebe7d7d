import { createHash, randomBytes } from 'node:crypto';
import { SyncError } from '../core/index.ts';
import {
  findKeyHolder,
  findOrganization,
  insertFirstObjects,
  isReachable,
  listOrganizations,
  lockOrganizations,
  type Organization,
} from '../store/index.ts';
import type { Caller, Services } from './context.ts';
import { toLegacyRole } from './permissions/legacy-role.ts';

/** A key as it came in, and for Basic the organization it names. */
export type Credentials =
  | { readonly kind: 'bearer'; readonly key: string }
  | { readonly kind: 'basic'; readonly organizationId: string | null; readonly key: string };

/**
 * Who a key belongs to, and the organization the request acts in.
 * @throws `AUTH_REQUIRED` for a key that opens nothing; `REQUEST_MALFORMED` when a deployment key must name one of several organizations
 */
export async function authenticate(services: Services, credentials: Credentials): Promise<Caller> {
  const { db } = services.store;
  const holder = await findKeyHolder(db, hashKey(credentials.key));
  if (holder?.kind === 'user' && credentials.kind === 'bearer') {
    const { user, organization, systemRoles } = holder;
    return {
      kind: 'user',
      organizationId: organization.id,
      organizationName: organization.name,
      userId: user.id,
      name: user.name,
      email: user.email,
      role: toLegacyRole(systemRoles),
      roleIds: user.roleIds,
      isAdmin: systemRoles.includes('admin'),
    };
  }
  if (holder?.kind !== 'deployment') throw refused();
  if (credentials.kind === 'basic' && credentials.organizationId !== null) {
    const named = await findNamedOrganization(services, credentials.organizationId);
    return toKeyCaller('organization', named, named.name);
  }
  return toKeyCaller('deployment', await findOnlyOrganization(services), 'Millrace');
}

function refused(): SyncError {
  return new SyncError('AUTH_REQUIRED', 'The API key was refused: it is unknown or revoked. Send a valid key.');
}

function toKeyCaller(kind: 'organization' | 'deployment', organization: Organization, name: string): Caller {
  const { id: organizationId, name: organizationName } = organization;
  return {
    kind,
    organizationId,
    organizationName,
    userId: null,
    name,
    email: null,
    role: null,
    roleIds: [],
    isAdmin: true,
  };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

async function findNamedOrganization(services: Services, id: string): Promise<Organization> {
  const organization = UUID.test(id) ? await findOrganization(services.store.db, id) : undefined;
  if (organization === undefined) throw refused();
  return organization;
}

async function findOnlyOrganization(services: Services): Promise<Organization> {
  const [first, second] = await listOrganizations(services.store.db, 2);
  if (first !== undefined && second === undefined) return first;
  throw new SyncError(
    'REQUEST_MALFORMED',
    'The deployment key came without an organization, and there is more than one. Send Basic with `<organization id>:<deployment key>`.',
  );
}

/** Keys of a first start, in clear. They can never be read again. */
export interface FirstKeys {
  readonly organizationId: string;
  readonly userKey: string;
  readonly deploymentKey: string;
}

/**
 * First start: makes the organization, its first user, that user's key, the deployment key and the built-in policies.
 * Does nothing, and answers null, when there is an organization already.
 * @param keep stores the keys where people find them. Called before the commit, so that no key is ever made and lost;
 *   after a crash it may be called again with other keys
 */
export function bootstrap(
  services: Pick<Services, 'store' | 'newId'>,
  keep: (keys: FirstKeys) => Promise<void>,
): Promise<FirstKeys | null> {
  return services.store.transaction(async ({ db }) => {
    await lockOrganizations(db);
    const [existing] = await listOrganizations(db, 1);
    if (existing !== undefined) return null;
    const organization = { id: services.newId(), name: 'Default' };
    const keys = {
      organizationId: organization.id,
      userKey: createKey('user'),
      deploymentKey: createKey('deployment'),
    };
    await insertFirstObjects(db, {
      organization,
      user: {
        id: services.newId(),
        organizationId: organization.id,
        email: 'admin@localhost',
        name: 'Administrator',
      },
      userKey: { id: services.newId(), hash: hashKey(keys.userKey) },
      deploymentKey: { id: services.newId(), hash: hashKey(keys.deploymentKey) },
    });
    await keep(keys);
    return keys;
  });
}

/** 256 random bits; the prefix is for people and for scanners that look for leaked keys. */
function createKey(kind: 'user' | 'deployment'): string {
  return `millrace_${kind}_${randomBytes(32).toString('base64url')}`;
}

/** Keys are random, so one plain hash is enough; only it is stored. */
function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** Asked by those who watch the process: can requests be answered at all? */
export function isMetadataReachable(services: Pick<Services, 'store'>): Promise<boolean> {
  return isReachable(services.store.db);
}
