import { SyncError } from '../../core/index.ts';
import {
  deletePolicy as deleteRecord,
  findPolicy,
  insertPolicy,
  listPolicies as listRecords,
  listRoles,
  type PolicyGrant,
  type PolicyRecord,
  type StoreDatabase,
  updatePolicy as updateRecord,
} from '../../store/index.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { refuseField } from '../refusals.ts';
import { authorize, POLICY_ACTIONS } from './authorize.ts';
import { refuseOtherOrganization } from './own-organization.ts';

/** A policy as people see it. */
export interface PolicyView {
  readonly id: string;
  readonly name: string;
  readonly organizationId: string;
  /** Built in: hangs on all objects of a kind; may be changed and not deleted. */
  readonly isSystem: boolean;
  readonly actions: readonly PolicyGrant[];
}

/** What a user says about a policy. */
export interface PolicyInput {
  readonly name: string;
  readonly actions: readonly PolicyGrant[];
  /** Must be the caller's own when given. */
  readonly organizationId: string | null;
}

/** Every policy of the organization, the built-in ones first. */
export async function listPolicies(context: Context): Promise<PolicyView[]> {
  await authorize(context, 'read', { kind: 'organization' });
  return (await listRecords(context.store.db, context.caller.organizationId)).map(toView);
}

/** @throws `NOT_FOUND` */
export async function getPolicy(context: Context, id: string): Promise<PolicyView> {
  await authorize(context, 'read', { kind: 'organization' });
  return toView(await requirePolicy(context, context.store.db, id));
}

/** Makes a policy that hangs on nothing yet. @throws `FORBIDDEN`, `REQUEST_REFUSED` */
export async function createPolicy(context: Context, input: PolicyInput): Promise<PolicyView> {
  await authorize(context, 'create', { kind: 'organization' });
  refuseOtherOrganization(context, input.organizationId);
  const id = context.newId();
  return context.store.transaction(async ({ db }) => {
    const text = { name: input.name, actions: await checkActions(context, db, input.actions, []) };
    const view = toView(await insertPolicy(db, context.caller.organizationId, id, text));
    await audit(db, context, 'create', null, view);
    return view;
  });
}

/**
 * Replaces name and actions, at once for every object on which the policy hangs. For Admins, and for those to whom the
 * policy itself grants `modify_policy`.
 * @throws `FORBIDDEN`, `NOT_FOUND`, `REQUEST_REFUSED`
 */
export async function updatePolicy(context: Context, id: string, input: PolicyInput): Promise<PolicyView> {
  refuseOtherOrganization(context, input.organizationId);
  return context.store.transaction(async ({ db }) => {
    const before = await requirePolicy(context, db, id);
    await permitModify(context, before);
    const text = { name: input.name, actions: await checkActions(context, db, input.actions, before.actions) };
    const changed = await updateRecord(db, context.caller.organizationId, id, text);
    if (changed === undefined) throw unknown(id);
    await audit(db, context, 'update', toView(before), toView(changed));
    return toView(changed);
  });
}

/** Deletes a policy and takes it from its objects. @throws `FORBIDDEN` also for a built-in one, `NOT_FOUND` */
export async function deletePolicy(context: Context, id: string): Promise<void> {
  await context.store.transaction(async ({ db }) => {
    const before = await requirePolicy(context, db, id);
    await permitModify(context, before);
    if (before.systemKind !== null)
      throw new SyncError(
        'FORBIDDEN',
        `The policy "${before.name}" is built in and cannot be deleted; change it instead.`,
      );
    if (!(await deleteRecord(db, context.caller.organizationId, id))) throw unknown(id);
    await audit(db, context, 'delete', toView(before), null);
  });
}

async function requirePolicy(context: Context, db: StoreDatabase, id: string): Promise<PolicyRecord> {
  const policy = await findPolicy(db, context.caller.organizationId, id);
  if (policy === undefined) throw unknown(id);
  return policy;
}

async function permitModify(context: Context, { actions }: PolicyRecord): Promise<void> {
  const { roleIds } = context.caller;
  const isGranted = actions.some(
    ({ action, roleIds: granted }) => action === 'modify_policy' && granted.some((id) => roleIds.includes(id)),
  );
  if (!isGranted) await authorize(context, 'modify_policy', { kind: 'organization' });
}

/**
 * One grant per action, with each role once. Ids that the policy has already may be those of deleted roles.
 * @throws `REQUEST_REFUSED` for an unknown action or role
 */
async function checkActions(
  context: Context,
  db: StoreDatabase,
  given: readonly PolicyGrant[],
  before: readonly PolicyGrant[],
): Promise<PolicyGrant[]> {
  const roles = await listRoles(db, context.caller.organizationId);
  const known = new Set([...roles.map(({ id }) => id), ...before.flatMap(({ roleIds }) => roleIds)]);
  const grants = new Map<string, Set<string>>();
  for (const [index, { action, roleIds }] of given.entries()) {
    const field = `policy_actions[${index}]`;
    if (!POLICY_ACTIONS.some((one) => one === action))
      throw refuseField(`${field}.action`, `"${action}" is none of ${POLICY_ACTIONS.join(', ')}`);
    const unknownAt = roleIds.findIndex((id) => !known.has(id));
    if (unknownAt !== -1)
      throw refuseField(
        `${field}.role_ids[${unknownAt}]`,
        `there is no role ${roleIds[unknownAt]} in this organization`,
      );
    grants.set(action, (grants.get(action) ?? new Set()).union(new Set(roleIds)));
  }
  return [...grants].map(([action, roleIds]) => ({ action, roleIds: [...roleIds] }));
}

async function audit(
  db: StoreDatabase,
  context: Context,
  action: 'create' | 'update' | 'delete',
  before: PolicyView | null,
  after: PolicyView | null,
): Promise<void> {
  const { id = '', name = null } = after ?? before ?? {};
  await recordAudit(db, context, { action, object: { type: 'policy', id, name }, before, after });
}

function toView({ id, name, organizationId, systemKind, actions }: PolicyRecord): PolicyView {
  return { id, name, organizationId, isSystem: systemKind !== null, actions };
}

function unknown(id: string): SyncError {
  return new SyncError('NOT_FOUND', `There is no policy ${id} in this organization.`);
}
