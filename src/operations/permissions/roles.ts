import { SyncError } from '../../core/index.ts';
import {
  deleteRole as deleteRecord,
  findRole,
  insertRole,
  listRoles as listRecords,
  type RoleRecord,
  renameRole,
  type StoreDatabase,
} from '../../store/index.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';
import { authorize } from './authorize.ts';
import { fromLegacyRole } from './legacy-role.ts';
import { refuseOtherOrganization } from './own-organization.ts';

/** A role as people see it. */
export interface RoleView {
  readonly id: string;
  readonly name: string;
  readonly organizationId: string;
  /** Built in: cannot be changed or deleted. */
  readonly isSystem: boolean;
}

/** What a user says about a role. */
export interface RoleInput {
  readonly name: string;
  /** Must be the caller's own when given. */
  readonly organizationId: string | null;
}

/** Every role of the organization, the built-in ones first. */
export async function listRoles(context: Context): Promise<RoleView[]> {
  await authorize(context, 'read', { kind: 'organization' });
  return (await listRecords(context.store.db, context.caller.organizationId)).map(toView);
}

/** @throws `NOT_FOUND` */
export async function getRole(context: Context, id: string): Promise<RoleView> {
  await authorize(context, 'read', { kind: 'organization' });
  return toView(await requireRole(context, context.store.db, id));
}

/** Makes a role that nobody has yet and no policy names. @throws `FORBIDDEN`, `REQUEST_REFUSED` */
export async function createRole(context: Context, input: RoleInput): Promise<RoleView> {
  await authorize(context, 'create', { kind: 'organization' });
  refuseOtherOrganization(context, input.organizationId);
  refuseBuiltInName(input.name);
  const { organizationId } = context.caller;
  const role = { id: context.newId(), name: input.name };
  return context.store.transaction(async ({ db }) => {
    if (!(await insertRole(db, organizationId, role))) throw nameTaken(input.name);
    const view = { ...role, organizationId, isSystem: false };
    await audit(db, context, 'create', null, view);
    return view;
  });
}

/** Renames a role. @throws `FORBIDDEN` also for a built-in one, `NOT_FOUND`, `REQUEST_REFUSED` */
export async function updateRole(context: Context, id: string, input: RoleInput): Promise<RoleView> {
  await authorize(context, 'edit', { kind: 'organization' });
  refuseOtherOrganization(context, input.organizationId);
  return context.store.transaction(async ({ db }) => {
    const before = toView(await requireRole(context, db, id));
    refuseSystem(before);
    refuseBuiltInName(input.name);
    const renamed = await renameRole(db, context.caller.organizationId, id, input.name);
    if (renamed === 'name_taken') throw nameTaken(input.name);
    if (renamed === undefined) throw unknown(id);
    await audit(db, context, 'update', before, toView(renamed));
    return toView(renamed);
  });
}

/** Deletes a role and takes it from its users; policies go on naming its id. @throws `FORBIDDEN` also for a built-in one, `NOT_FOUND` */
export async function deleteRole(context: Context, id: string): Promise<void> {
  await authorize(context, 'delete', { kind: 'organization' });
  await context.store.transaction(async ({ db }) => {
    const before = toView(await requireRole(context, db, id));
    refuseSystem(before);
    if (!(await deleteRecord(db, context.caller.organizationId, id))) throw unknown(id);
    await audit(db, context, 'delete', before, null);
  });
}

async function requireRole(context: Context, db: StoreDatabase, id: string): Promise<RoleRecord> {
  const role = await findRole(db, context.caller.organizationId, id);
  if (role === undefined) throw unknown(id);
  return role;
}

function refuseSystem({ name, isSystem }: RoleView): void {
  if (isSystem) throw new SyncError('FORBIDDEN', `The role "${name}" is built in and cannot be changed or deleted.`);
}

/** Such a role would be taken for the built-in one. */
function refuseBuiltInName(name: string): void {
  if (fromLegacyRole(name) !== undefined) throw refuseField('name', `"${name}" is the name of a built-in role`);
}

async function audit(
  db: StoreDatabase,
  context: Context,
  action: 'create' | 'update' | 'delete',
  before: RoleView | null,
  after: RoleView | null,
): Promise<void> {
  const { id = '', name = null } = after ?? before ?? {};
  await recordAudit(db, context, { action, object: { type: 'role', id, name }, before, after });
}

function toView({ id, name, organizationId, systemKey }: RoleRecord): RoleView {
  return { id, name, organizationId, isSystem: systemKey !== null };
}

function unknown(id: string): SyncError {
  return new SyncError('NOT_FOUND', `There is no role ${id} in this organization.`);
}

function nameTaken(name: string): SyncError {
  return refuseField('name', `a role named "${name}" exists already; choose another name`);
}
