import { insertChild, listChildren } from '../../store/index.ts';
import { loadActorNames, toActorColumns } from '../actors.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { enterOrganization, requireReach } from '../organizations/reach.ts';
import { authorize, newPolicies } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';
import { definitionOf } from './configuration.ts';
import { requireConnection } from './connections.ts';
import { type Connection, toConnections } from './shown.ts';

/** Where a connection is shared to. */
export interface ShareInput {
  readonly childOrganizationId: string;
  /** Its name there; null = the name here. */
  readonly name: string | null;
}

/** The connection that a request names: in the organization that it names, too, or in the caller's own. */
export interface SharedPath {
  readonly organizationId: string | null;
  readonly connectionId: string;
}

/**
 * Lets another organization of the same partner use a connection: makes one there that points to it and has no
 * configuration of its own.
 * @throws `FORBIDDEN` for callers that see one organization; `NOT_FOUND`, also for an organization of somebody else;
 * `REQUEST_REFUSED`
 */
export async function shareConnection(
  context: Context,
  path: SharedPath,
  input: ShareInput,
): Promise<{ readonly id: string }> {
  const { services } = requireReach(context);
  const { context: owner } = await enterOrganization(context, path.organizationId ?? context.caller.organizationId);
  const parent = await requireConnection(owner, path.connectionId);
  await authorize(owner, 'edit', { kind: 'connection', policies: parent.policies });
  if (parent.parentConnectionId !== null)
    throw refuseField('connection_id', 'the connection is shared from another organization itself; share that one');
  if (input.childOrganizationId === parent.organizationId)
    throw refuseField('child_organization_id', 'the connection is in that organization already; name another one');
  const { context: there } = await enterOrganization(context, input.childOrganizationId);
  const { organizationId } = there.caller;
  const policies = await newPolicies(there, 'connection', []);
  const id = owner.newId();
  const name = input.name ?? parent.name;
  const { source } = definitionOf(owner, parent).capabilities;
  const actor = toActorColumns(context.caller);
  await services.store.transaction(async ({ db }) => {
    const by = { createdBy: actor.id, createdByType: actor.type };
    const child = { id, organizationId, name, policies, hasSchemas: source !== undefined, by };
    if ((await insertChild(db, parent, child)) === 'name_taken')
      throw refuseField('name', `a connection named "${name}" exists in that organization; choose another name`);
    await recordAudit(db, owner, {
      action: 'share',
      object: { type: 'connection', id: parent.id, name: parent.name },
      before: null,
      after: { childOrganizationId: organizationId, childConnectionId: id, name },
    });
  });
  return { id };
}

/** The connections of other organizations that point to this one, by name. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function listSharedConnections(context: Context, path: SharedPath): Promise<readonly Connection[]> {
  const owner =
    path.organizationId === null ? context : (await enterOrganization(context, path.organizationId)).context;
  const parent = await requireConnection(owner, path.connectionId);
  const children = await owner.store.acrossOrganizations(({ db }) =>
    listChildren(db, parent.organizationId, parent.id),
  );
  const parents = new Map(children.map(({ id }) => [id, parent]));
  return toConnections(owner, children, parents, await loadActorNames(owner));
}
