import { SyncError } from '../../core/index.ts';
import { listPolicies, type PolicyKind, type PolicyRecord } from '../../store/index.ts';
import type { Caller, Context } from '../context.ts';
import { refuseField } from '../refusals.ts';

/** What a policy can grant. An action that does not fit a kind of objects is stored and has no effect there. */
export const POLICY_ACTIONS = [
  'apply_policy',
  'create',
  'delete',
  'edit',
  'export',
  'modify_policy',
  'query',
  'read',
  'sync_to',
  'trigger',
] as const;
export type PolicyAction = (typeof POLICY_ACTIONS)[number];

/** `organization`: users, roles, policies, webhooks, notifications, audit: no policy hangs on them; only Admins change them. */
export type ObjectKind = PolicyKind | 'organization';

/** What an action is about. `policies` are those that hang on the object; absent for an object that is not there yet. */
export interface PolicyObject {
  readonly kind: ObjectKind;
  readonly policies?: readonly string[];
}

const LABELS: Readonly<Record<ObjectKind, string>> = {
  connection: 'this connection',
  model: 'this model',
  sync: 'this model sync',
  bulk_sync: 'this bulk sync',
  organization: 'what belongs to the organization as a whole',
};

/**
 * Lets the caller pass when one of its roles has the action by a policy of the object: one that hangs on it, or the
 * built-in one of its kind. Admins, and callers that are no users, may do everything inside the organization.
 * @throws `FORBIDDEN`
 */
export async function authorize(context: Context, action: PolicyAction, object: PolicyObject): Promise<void> {
  if (await isAllowed(context, action, object)) return;
  throw new SyncError(
    'FORBIDDEN',
    `The roles of this key's user do not allow "${action}" on ${LABELS[object.kind]}. Ask an Admin of the organization for a role to which a policy grants it.`,
    { detail: { action, objectKind: object.kind } },
  );
}

/** The question of {@link authorize}. */
async function isAllowed(context: Context, action: PolicyAction, object: PolicyObject): Promise<boolean> {
  if (context.caller.isAdmin) return true;
  if (object.kind === 'organization') return action === 'read';
  const granting = await listGranting(context, action);
  const { kind, policies = [] } = object;
  return granting.some((policy) => policy.systemKind === kind || policies.includes(policy.id));
}

/**
 * Which objects of a kind a list may show, for its SQL: null = all, else those on which one of these policies hangs
 * (`policies && …`).
 */
export async function readableBy(context: Context, kind: PolicyKind): Promise<readonly string[] | null> {
  if (await isAllowed(context, 'read', { kind })) return null;
  return (await listGranting(context, 'read')).map((policy) => policy.id);
}

/** The objects of a kind that the caller may read, in their order. */
export async function keepReadable<T extends { readonly policies: readonly string[] }>(
  context: Context,
  kind: PolicyKind,
  objects: readonly T[],
): Promise<readonly T[]> {
  const readable = await readableBy(context, kind);
  return readable === null ? objects : objects.filter(({ policies }) => policies.some((id) => readable.includes(id)));
}

/**
 * The policies of an object that is made or changed: the built-in one of its kind, then the given ones, each once. Who
 * attaches or detaches a policy needs `apply_policy` by that policy or by one that hangs on the object.
 * @param current what hangs on the object now; absent for a new one
 * @throws `REQUEST_REFUSED` for an unknown policy; `FORBIDDEN`
 */
export async function newPolicies(
  context: Context,
  kind: PolicyKind,
  given: readonly string[],
  current: readonly string[] = [],
): Promise<string[]> {
  const known = await listPolicies(context.store.db, context.caller.organizationId);
  for (const [index, id] of given.entries()) {
    if (!known.some((policy) => policy.id === id))
      throw refuseField(`policies[${index}]`, `there is no policy ${id} in this organization`);
  }
  const builtIn = known.filter((policy) => policy.systemKind === kind).map((policy) => policy.id);
  const all = [...new Set([...builtIn, ...given])];
  const gone = current.filter((id) => known.some((policy) => policy.id === id) && !all.includes(id));
  for (const id of [...all.filter((one) => !current.includes(one) && !builtIn.includes(one)), ...gone])
    await authorize(context, 'apply_policy', { kind, policies: [...current, id] });
  return all;
}

/** Policies of the organization that grant the action to one of the caller's roles. */
async function listGranting(context: Context, action: PolicyAction): Promise<readonly PolicyRecord[]> {
  const { roleIds } = context.caller;
  const policies = await readPolicies(context);
  return policies.filter(({ actions }) =>
    actions.some((grant) => grant.action === action && grant.roleIds.some((id) => roleIds.includes(id))),
  );
}

/** Read once per caller, which is once per request: a transaction that asks again needs no second session. */
const READ = new WeakMap<Caller, Promise<readonly PolicyRecord[]>>();

function readPolicies({ caller, store }: Context): Promise<readonly PolicyRecord[]> {
  const known = READ.get(caller);
  if (known !== undefined) return known;
  const read = listPolicies(store.db, caller.organizationId);
  READ.set(caller, read);
  return read;
}
