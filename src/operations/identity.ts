import { SyncError } from '../core/index.ts';
import {
  findKeyHolder,
  findOrganization,
  insertFirstObjects,
  isReachable,
  type KeyHolder,
  listOrganizations,
  lockOrganizations,
  type Organization,
} from '../store/index.ts';
import type { Caller, Context, Services } from './context.ts';
import { createKey, hashKey, hintOf } from './organizations/key-text.ts';
import { toLegacyRole } from './permissions/legacy-role.ts';

/** A key as it came in, and for Basic the organization it names. */
export type Credentials =
  | { readonly kind: 'bearer'; readonly key: string }
  | { readonly kind: 'basic'; readonly organizationId: string | null; readonly key: string };

/**
 * Who a key belongs to, and the organization the request acts in.
 * @param needsOrganization false where a deployment key need not say which of several organizations it means
 * @throws `AUTH_REQUIRED` for a key that opens nothing; `REQUEST_MALFORMED` when a deployment key must name one of several organizations
 */
export async function authenticate(
  services: Services,
  credentials: Credentials,
  needsOrganization = true,
): Promise<Caller> {
  const holder = await findKeyHolder(services.store.db, hashKey(credentials.key));
  if (holder === undefined) throw refused();
  if (holder.kind === 'user') {
    if (credentials.kind === 'bearer') return toUserCaller(holder);
    throw refused();
  }
  if (credentials.kind === 'basic' && credentials.organizationId !== null) {
    const named = await findNamedOrganization(services, credentials.organizationId);
    if (holder.kind === 'partner' && named.ownerId !== holder.organization.id) throw refused();
    return toKeyCaller('organization', named, named.name);
  }
  if (holder.kind === 'partner') {
    return { ...toKeyCaller('partner', holder.organization, 'Partner'), ownerId: holder.organization.id };
  }
  return toKeyCaller('deployment', await findOnlyOrganization(services, needsOrganization), 'Millrace');
}

function toUserCaller({ user, organization, systemRoles }: Extract<KeyHolder, { readonly kind: 'user' }>): Caller {
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

function refused(): SyncError {
  return new SyncError('AUTH_REQUIRED', 'The API key was refused: it is unknown or revoked. Send a valid key.');
}

function toKeyCaller(
  kind: 'organization' | 'partner' | 'deployment',
  organization: Pick<Organization, 'id' | 'name'>,
  name: string,
): Caller {
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

async function findOnlyOrganization(services: Services, mustBeOnly: boolean): Promise<Organization> {
  const [first, second] = await listOrganizations(services.store.db, 2);
  if (first !== undefined && (second === undefined || !mustBeOnly)) return first;
  throw new SyncError(
    'REQUEST_MALFORMED',
    'The deployment key came without an organization, and there is more than one. Send Basic with `<organization id>:<deployment key>`.',
  );
}

/** The organization that a key alone stands for: none for a deployment key where there are several. */
export async function findOwnOrganization({
  caller,
  installation,
}: Context): Promise<{ readonly id: string; readonly name: string } | null> {
  if (caller.kind === 'deployment' && installation !== null) {
    const [, second] = await listOrganizations(installation.store.db, 2);
    if (second !== undefined) return null;
  }
  return { id: caller.organizationId, name: caller.organizationName };
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
      userKey: { id: services.newId(), hash: hashKey(keys.userKey), hint: hintOf(keys.userKey) },
      deploymentKey: {
        id: services.newId(),
        hash: hashKey(keys.deploymentKey),
        hint: hintOf(keys.deploymentKey),
      },
    });
    await keep(keys);
    return keys;
  });
}

/** Asked by those who watch the process: can requests be answered at all? */
export function isMetadataReachable(services: Pick<Services, 'store'>): Promise<boolean> {
  return isReachable(services.store.db);
}
