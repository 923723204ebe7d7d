import { SyncError } from '../../core/index.ts';
import {
  deleteUser as deleteRecord,
  findUser,
  insertUser,
  listUsers as listRecords,
  listRoles,
  lockUsers,
  type RoleRecord,
  type StoreDatabase,
  setUserRoles,
  type UserRecord,
} from '../../store/index.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { queueMail } from '../notifications/mail.ts';
import { authorize } from '../permissions/authorize.ts';
import { toLegacyRole } from '../permissions/legacy-role.ts';
import { refuseField } from '../refusals.ts';
import { type RolesInput, resolveRoles } from './user-roles.ts';

/** A user as people see it. `role` is the deprecated word for the roles. */
export interface UserView {
  readonly id: string;
  readonly email: string;
  readonly organizationId: string;
  readonly role: string;
  readonly roleIds: readonly string[];
}

/** Users of the context's organization, by e-mail. */
export async function listUsers(context: Context): Promise<UserView[]> {
  await authorize(context, 'read', { kind: 'organization' });
  const { db } = context.store;
  const roles = await listRoles(db, context.caller.organizationId);
  return (await listRecords(db, context.caller.organizationId)).map((user) => toView(user, roles));
}

/** @throws `NOT_FOUND` */
export async function getUser(context: Context, id: string): Promise<UserView> {
  await authorize(context, 'read', { kind: 'organization' });
  const roles = await listRoles(context.store.db, context.caller.organizationId);
  return toView(await requireUser(context, id), roles);
}

/**
 * Invites a person: the user is there at once, without a key, and an e-mail is queued.
 * @throws `FORBIDDEN`, `REQUEST_REFUSED` for an address that is a user already, or for roles that do not fit
 */
export async function createUser(context: Context, email: string, given: RolesInput): Promise<UserView> {
  await authorize(context, 'create', { kind: 'organization' });
  const { organizationId, organizationName, name: invitedBy } = context.caller;
  const id = context.newId();
  return context.store.transaction(async ({ db }) => {
    const roles = await listRoles(db, organizationId);
    const roleIds = resolveRoles(roles, given, 'member');
    const isNew = await insertUser(db, organizationId, { id, email, name: email, roleIds, invitedAt: context.clock() });
    if (!isNew) throw refuseField('email', `${email} is a user of this organization already`);
    const view = { id, email, organizationId, role: legacyOf(roleIds, roles), roleIds };
    await audit(db, context, 'create', null, view);
    await queueMail(db, {
      organizationId,
      recipient: email,
      template: 'invitation',
      facts: { organization_name: organizationName, invited_by: invitedBy },
    });
    return view;
  });
}

/**
 * Changes the roles of a user; nothing else of a user can be changed.
 * @param email must be the user's own where it is given
 * @throws `FORBIDDEN`, `NOT_FOUND`, `REQUEST_REFUSED`
 */
export async function updateUser(
  context: Context,
  id: string,
  given: RolesInput & { readonly email: string | null },
): Promise<UserView> {
  await authorize(context, 'edit', { kind: 'organization' });
  const { organizationId } = context.caller;
  return context.store.transaction(async ({ db }) => {
    await lockUsers(db, organizationId);
    const user = await requireUser(context, id, db);
    if (given.email !== null && given.email.toLowerCase() !== user.email.toLowerCase())
      throw refuseField('email', 'the address of a user cannot be changed; delete the user and invite the new address');
    const roles = await listRoles(db, organizationId);
    const roleIds = resolveRoles(roles, given, user.roleIds);
    if (!isAdmin(roleIds, roles)) await refuseWithoutAdmin(context, db, user, roles);
    const changed = await setUserRoles(db, organizationId, id, roleIds);
    if (changed === undefined) throw unknown(id);
    await audit(db, context, 'update', toView(user, roles), toView(changed, roles));
    return toView(changed, roles);
  });
}

/** Deletes a user with its keys. @returns what it was @throws `FORBIDDEN`, `NOT_FOUND`, `REQUEST_REFUSED` for the last Admin */
export async function deleteUser(context: Context, id: string): Promise<UserView> {
  await authorize(context, 'delete', { kind: 'organization' });
  const { organizationId } = context.caller;
  return context.store.transaction(async ({ db }) => {
    await lockUsers(db, organizationId);
    const roles = await listRoles(db, organizationId);
    const user = await requireUser(context, id, db);
    await refuseWithoutAdmin(context, db, user, roles);
    await deleteRecord(db, organizationId, id);
    await audit(db, context, 'delete', toView(user, roles), null);
    return toView(user, roles);
  });
}

/** The stored user. @throws `NOT_FOUND` */
export async function requireUser(
  context: Context,
  id: string,
  db: StoreDatabase = context.store.db,
): Promise<UserRecord> {
  const user = await findUser(db, context.caller.organizationId, id);
  if (user === undefined) throw unknown(id);
  return user;
}

/** A user must not leave an organization that nobody can manage; callers from outside still can. */
async function refuseWithoutAdmin(
  context: Context,
  db: StoreDatabase,
  user: UserRecord,
  roles: readonly RoleRecord[],
): Promise<void> {
  if (context.caller.kind !== 'user' || !isAdmin(user.roleIds, roles)) return;
  const others = await listRecords(db, context.caller.organizationId);
  if (others.some((other) => other.id !== user.id && isAdmin(other.roleIds, roles))) return;
  throw refuseField('role_ids', `${user.email} is the organization's last Admin; make another one first`);
}

function isAdmin(roleIds: readonly string[], roles: readonly RoleRecord[]): boolean {
  return roles.some((role) => role.systemKey === 'admin' && roleIds.includes(role.id));
}

async function audit(
  db: StoreDatabase,
  context: Context,
  action: 'create' | 'update' | 'delete',
  before: UserView | null,
  after: UserView | null,
): Promise<void> {
  const { id = '', email = null } = after ?? before ?? {};
  await recordAudit(db, context, { action, object: { type: 'user', id, name: email }, before, after });
}

function toView({ id, email, organizationId, roleIds }: UserRecord, roles: readonly RoleRecord[]): UserView {
  return { id, email, organizationId, role: legacyOf(roleIds, roles), roleIds };
}

function legacyOf(roleIds: readonly string[], roles: readonly RoleRecord[]): string {
  const held = roles.filter(({ id }) => roleIds.includes(id));
  return toLegacyRole(held.flatMap(({ systemKey }) => (systemKey === null ? [] : [systemKey])));
}

function unknown(id: string): SyncError {
  return new SyncError('NOT_FOUND', `There is no user ${id} in this organization.`);
}
