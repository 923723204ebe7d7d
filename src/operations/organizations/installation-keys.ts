import { SyncError } from '../../core/index.ts';
import {
  findReachable,
  insertKey,
  type KeyKind,
  type KeyRecord,
  listReachable,
  listKeys as listRecords,
  listUsers,
  type OrganizationRecord,
  revokeKey as revokeRecord,
  type Store,
  type StoreDatabase,
  updateOrganization,
} from '../../store/index.ts';
import { recordAudit } from '../audit/record.ts';
import type { Caller } from '../context.ts';
import { createKey, hashKey, hintOf } from './key-text.ts';

/** What those who run the installation work with: no server need run. */
export interface KeyServices {
  readonly store: Store;
  readonly newId: () => string;
}

/** A key to make. */
export interface KeyRequest {
  readonly kind: KeyKind;
  /** The organization of the user, or the partner's own; null = the only one there is. */
  readonly organizationId: string | null;
  /** Of the user whose key it is to be; null for other kinds. */
  readonly email: string | null;
}

/** A key that was made. It is in clear here and nowhere else. */
export interface MadeKey {
  readonly id: string;
  readonly kind: KeyKind;
  readonly key: string;
}

/**
 * Makes a key; those that there are stay. With its first partner key an organization becomes a partner's own.
 * @throws `NOT_FOUND` for an organization or a user; `REQUEST_REFUSED` when it is not clear which
 */
export function createInstallationKey({ store, newId }: KeyServices, request: KeyRequest): Promise<MadeKey> {
  const { kind } = request;
  const made = { id: newId(), kind, key: createKey(kind) };
  const texts = { id: made.id, kind, hash: hashKey(made.key), hint: hintOf(made.key) };
  return store.transaction(async ({ db }) => {
    if (kind === 'deployment') {
      await insertKey(db, { ...texts, organizationId: null, userId: null });
      return made;
    }
    const organization = await findMeant(db, request.organizationId);
    const userId = kind === 'user' ? await findUserId(db, organization, request.email) : null;
    if (kind === 'partner') await makePartner(db, organization);
    await insertKey(db, { ...texts, organizationId: organization.id, userId });
    await recordAudit(
      db,
      { caller: toCaller(organization) },
      {
        action: 'create',
        object: { type: 'key', id: made.id, name: request.email },
        before: null,
        after: { kind, hint: texts.hint },
      },
    );
    return made;
  });
}

/** Every key of the installation, oldest first, revoked ones too; what each is can be told by its last characters. */
export function listInstallationKeys({ store }: Pick<KeyServices, 'store'>): Promise<KeyRecord[]> {
  return listRecords(store.db);
}

/**
 * Revokes a key: the next request with it is refused.
 * @returns false when it was revoked before
 * @throws `NOT_FOUND`
 */
export async function revokeInstallationKey({ store }: Pick<KeyServices, 'store'>, id: string): Promise<boolean> {
  return store.transaction(async ({ db }) => {
    const key = (await listRecords(db)).find((record) => record.id === id);
    const outcome = key === undefined ? 'absent' : await revokeRecord(db, id);
    if (key === undefined || outcome === 'absent') throw new SyncError('NOT_FOUND', `There is no key ${id}.`);
    if (outcome === 'revoked' && key.organizationId !== null) {
      const caller = toCaller({ id: key.organizationId, name: key.organizationName ?? '' });
      const object = { type: 'key', id, name: key.email };
      await recordAudit(
        db,
        { caller },
        { action: 'delete', object, before: { kind: key.kind, hint: key.hint }, after: null },
      );
    }
    return outcome === 'revoked';
  });
}

async function findMeant(db: StoreDatabase, id: string | null): Promise<OrganizationRecord> {
  if (id !== null) {
    const found = await findReachable(db, 'all', id);
    if (found === undefined) throw new SyncError('NOT_FOUND', `There is no organization ${id}.`);
    return found;
  }
  const [first, second] = await listReachable(db, 'all');
  if (first !== undefined && second === undefined) return first;
  throw new SyncError(
    'REQUEST_REFUSED',
    first === undefined
      ? 'There is no organization yet, so there is nobody to make a key for. Start the server once, or name its home folder.'
      : 'There are several organizations. Name the one that is meant by its id, with --organization; `GET /api/organizations` lists them.',
  );
}

async function findUserId(db: StoreDatabase, { id, name }: OrganizationRecord, email: string | null): Promise<string> {
  const user = (await listUsers(db, id)).find((one) => one.email.toLowerCase() === email?.toLowerCase());
  if (user !== undefined) return user.id;
  throw new SyncError('NOT_FOUND', `The organization "${name}" has no user ${email}.`);
}

async function makePartner(db: StoreDatabase, { id, name, ownerId }: OrganizationRecord): Promise<void> {
  if (ownerId === id) return;
  if (ownerId !== null)
    throw new SyncError('REQUEST_REFUSED', `The organization "${name}" belongs to a partner and cannot be one itself.`);
  await updateOrganization(db, id, { ownerId: id });
}

/** Who sits at the server's machine. */
function toCaller({ id, name }: Pick<OrganizationRecord, 'id' | 'name'>): Caller {
  return {
    kind: 'deployment',
    organizationId: id,
    organizationName: name,
    userId: null,
    name: 'millrace keys',
    email: null,
    role: null,
    roleIds: [],
    isAdmin: true,
  };
}
