import { SyncError } from '../../core/index.ts';
import {
  countOwned,
  deleteOrganization as deleteRecord,
  findReachable,
  insertBuiltInPermissions,
  insertOrganization,
  isSharing,
  listReachable,
  type OrganizationRecord,
  updateOrganization as updateRecord,
} from '../../store/index.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { authorize } from '../permissions/authorize.ts';
import { enterOrganization, requireReach } from './reach.ts';

/** An organization as people see it; what its identity provider keeps secret is never shown. */
export type OrganizationView = Pick<OrganizationRecord, 'id' | 'name' | 'ssoDomain' | 'ssoOrgId' | 'issuer'>;

/** What a partner says about an organization. The last two are stored sealed and never answered. */
export interface OrganizationInput {
  readonly name: string;
  readonly ssoDomain: string | null;
  readonly ssoOrgId: string | null;
  readonly issuer: string | null;
  readonly clientId: string | null;
  readonly clientSecret: string | null;
}

/** What may be left out of a change, and then stays. */
export type OrganizationChange = Pick<OrganizationInput, 'name'> & Partial<OrganizationInput>;

/** The organization of the caller. */
export async function getOwnOrganization(context: Context): Promise<OrganizationView> {
  await authorize(context, 'read', { kind: 'organization' });
  const { organizationId } = context.caller;
  const found = await findReachable(context.store.db, 'all', organizationId);
  if (found === undefined) throw unknown(organizationId);
  return toView(found);
}

/** The organizations that a partner or deployment key reaches, the partner's own first; for others their own. */
export async function listOrganizations(context: Context): Promise<OrganizationView[]> {
  if (context.installation === null) return [await getOwnOrganization(context)];
  const { services, reach } = requireReach(context);
  return (await listReachable(services.store.db, reach)).map(toView);
}

/** @throws `FORBIDDEN`, `NOT_FOUND` */
export async function getOrganization(context: Context, id: string): Promise<OrganizationView> {
  return toView((await enterOrganization(context, id)).organization);
}

/** Makes an organization with the built-in roles and policies; it has no user yet. @throws `FORBIDDEN`, `NAME_TAKEN` */
export async function createOrganization(context: Context, input: OrganizationInput): Promise<OrganizationView> {
  const { services, reach } = requireReach(context);
  const id = context.newId();
  return services.store.transaction(async ({ db }) => {
    const values = { id, ownerId: reach === 'all' ? null : reach.ownerId, ...toColumns(context, id, input) };
    if (!(await insertOrganization(db, values))) throw nameTaken(input.name);
    await insertBuiltInPermissions(db, id);
    const view = toView({ ...values, ssoDomain: input.ssoDomain, ssoOrgId: input.ssoOrgId, issuer: input.issuer });
    await audit(db, { ...context, caller: { ...context.caller, organizationId: id } }, 'create', null, view);
    return view;
  });
}

/**
 * Replaces the name and all SSO settings. @throws `FORBIDDEN`, `NOT_FOUND`, `NAME_TAKEN`
 */
export function updateOrganization(context: Context, id: string, input: OrganizationInput): Promise<OrganizationView> {
  return changeOrganization(context, id, input);
}

/** Changes what is given. @throws as {@link updateOrganization} */
export async function changeOrganization(
  context: Context,
  id: string,
  change: OrganizationChange,
): Promise<OrganizationView> {
  const { services } = requireReach(context);
  const { organization, context: inside } = await enterOrganization(context, id);
  const before = toView(organization);
  const { clientId, clientSecret } = openSecrets(context, organization);
  const whole = { ...before, clientId, clientSecret, ...change };
  return services.store.transaction(async ({ db }) => {
    const row = await updateRecord(db, id, toColumns(context, id, whole));
    if (row === 'name_taken') throw nameTaken(change.name);
    if (row === undefined) throw unknown(id);
    await audit(db, inside, 'update', before, toView(row));
    return toView(row);
  });
}

/**
 * Deletes an organization with all that it has; what its syncs wrote stays.
 * @throws `FORBIDDEN` also for the partner's own, and for the last one of the installation; `NOT_FOUND`;
 *   `CONNECTION_IN_USE` when it shares connections with others
 */
export async function deleteOrganization(context: Context, id: string): Promise<void> {
  const { services, reach } = requireReach(context);
  const { organization } = await enterOrganization(context, id);
  if (reach !== 'all' && id === reach.ownerId)
    throw new SyncError('FORBIDDEN', 'A partner cannot delete its own organization.');
  await services.store.transaction(async ({ db }) => {
    if ((await countOwned(db, id)) > 0)
      throw new SyncError(
        'FORBIDDEN',
        `The organization "${organization.name}" is a partner's and owns others. Delete those first.`,
      );
    const all = await listReachable(db, 'all');
    if (all.length === 1)
      throw new SyncError('FORBIDDEN', 'The last organization cannot be deleted: a new installation would begin.');
    if (await isSharing(db, id))
      throw new SyncError(
        'CONNECTION_IN_USE',
        `Other organizations use connections that "${organization.name}" shares with them. Delete the shared connections there first.`,
      );
    const outcome = await deleteRecord(db, id);
    if (outcome === 'shared')
      throw new SyncError(
        'CONNECTION_IN_USE',
        `Other organizations use connections of "${organization.name}". Delete the shared connections there first.`,
      );
    if (outcome === 'absent') throw unknown(id);
    await audit(db, context, 'delete', toView(organization), null);
  });
}

async function audit(
  db: Parameters<typeof recordAudit>[0],
  context: Context,
  action: 'create' | 'update' | 'delete',
  before: OrganizationView | null,
  after: OrganizationView | null,
): Promise<void> {
  const { id = '', name = null } = after ?? before ?? {};
  await recordAudit(db, context, { action, object: { type: 'organization', id, name }, before, after });
}

function toView({ id, name, ssoDomain, ssoOrgId, issuer }: OrganizationView): OrganizationView {
  return { id, name, ssoDomain, ssoOrgId, issuer };
}

function toColumns({ store }: Context, id: string, input: OrganizationInput) {
  const { name, ssoDomain, ssoOrgId, issuer, clientId, clientSecret } = input;
  const hasSecrets = clientId !== null || clientSecret !== null;
  const ssoSecrets = hasSecrets ? store.secrets.seal({ clientId, clientSecret }, ownerOf(id)) : null;
  return { name, ssoDomain, ssoOrgId, issuer, ssoSecrets };
}

/** Sealed to the organization itself, which is no connection. */
function ownerOf(id: string) {
  return { organizationId: id, connectionId: id };
}

function openSecrets({ store }: Context, { id, ssoSecrets }: OrganizationRecord) {
  const values = ssoSecrets === null ? {} : store.secrets.unseal(ssoSecrets, ownerOf(id));
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  return { clientId: text(values.clientId), clientSecret: text(values.clientSecret) };
}

function unknown(id: string): SyncError {
  return new SyncError('NOT_FOUND', `There is no organization ${id}.`);
}

function nameTaken(name: string): SyncError {
  return new SyncError('NAME_TAKEN', `An organization named "${name}" exists already. Choose another name.`, {
    detail: { field: 'name' },
  });
}
