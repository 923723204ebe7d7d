import { isDeepStrictEqual } from 'node:util';
import type { ConnectorDefinition } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import {
  type ConnectionRecord,
  deleteConnection as deleteConnectionRow,
  findConnection,
  forgetCursors,
  forgetDatabaseIdentity,
  insertConnection,
  listChildren,
  listConnections as listConnectionRows,
  listConnectionUsers,
  lockConnections,
  requestSchemaRefresh,
  type ScopedStore,
  type StoreDatabase,
  updateConnection as updateConnectionRow,
} from '../../store/index.ts';
import { loadActorNames, toActorColumns } from '../actors.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { authorize, keepReadable, newPolicies, type PolicyAction } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';
import { canProve, proveConfiguration, refuseForbidden } from './check.ts';
import {
  type Configuration,
  definitionOf,
  openConfiguration,
  parseConfiguration,
  requireType,
  sealConfiguration,
} from './configuration.ts';
import { nextCheckAfter } from './interval.ts';
import { maskConfiguration, unmaskConfiguration } from './masking.ts';
import { lockUnchanged, refuseChanged } from './meanwhile.ts';
import { loadParents } from './parents.ts';
import { type Connection, toConnections } from './shown.ts';
import { deleteUser, describeUser, permitDeleteOfUser } from './users.ts';

/** What a user gives for a connection. */
export interface ConnectionInput {
  readonly name: string;
  readonly configuration: Configuration;
  /** Beside the kind's built-in policy. */
  readonly policies: readonly string[];
  /** A duration such as `5m`; null = none. */
  readonly healthcheckInterval: string | null;
  /** Prove the configuration against the system before anything is stored. */
  readonly validate: boolean;
  /** Must be the caller's own when given. */
  readonly organizationId: string | null;
}

/** Every connection of the caller's organization that the caller may read, by name. */
export async function listConnections(context: Context): Promise<Connection[]> {
  const all = await listConnectionRows(context.store.db, context.caller.organizationId);
  const rows = await keepReadable(context, 'connection', all);
  return showConnections(context, rows);
}

/** One connection. @throws `NOT_FOUND` */
export async function getConnection(context: Context, id: string): Promise<Connection> {
  const row = await requireConnection(context, id);
  const [shown] = await showConnections(context, [row]);
  if (shown === undefined) throw new SyncError('INTERNAL', 'One connection was shown as none.');
  return shown;
}

/**
 * The stored connection that a path names, for something that the caller may do with it; all of it needs `read`, too.
 * @throws `NOT_FOUND`, `FORBIDDEN`
 */
export async function requireConnection(
  context: Context,
  id: string,
  action: PolicyAction = 'read',
): Promise<ConnectionRecord> {
  const row = await findConnection(context.store.db, context.caller.organizationId, id);
  if (row === undefined) throw unknown(id);
  for (const needed of new Set(['read', action] as const))
    await authorize(context, needed, { kind: 'connection', policies: row.policies });
  return row;
}

/**
 * Makes a connection, proved against its system, and asks for its schemas. On any refusal nothing is stored.
 * @throws `REQUEST_MALFORMED`, `REQUEST_REFUSED`, and what the system's check says
 */
export async function createConnection(
  context: Context,
  input: ConnectionInput & { readonly type: string },
): Promise<Connection> {
  const { organizationId } = context.caller;
  await authorize(context, 'create', { kind: 'connection' });
  const definition = requireType(context, input.type);
  const policies = await resolvePolicies(context, input, []);
  const configuration = parseConfiguration(definition, unmaskConfiguration(definition, input.configuration, {}));
  await refuseTakenName(context, input.name, null);
  await proveOrRefuse(context, definition, configuration, input.validate);
  const id = context.newId();
  const actor = toActorColumns(context.caller);
  await context.store.transaction(async ({ db }) => {
    const isInserted = await insertConnection(db, organizationId, {
      id,
      name: input.name,
      type: input.type,
      ...sealConfiguration(context, definition, configuration, { organizationId, connectionId: id }),
      policies,
      ...toHealth(context, definition, { ...input, configuration }),
      createdBy: actor.id,
      createdByType: actor.type,
      updatedBy: actor.id,
      updatedByType: actor.type,
    });
    if (!isInserted) throw nameTaken(input.name);
    const object = { type: 'connection', id, name: input.name };
    const after = describe(definition, { ...input, configuration, policies });
    await recordAudit(db, context, { action: 'create', object, before: null, after });
    await requestRefreshOf(db, organizationId, id, definition);
  });
  return getConnection(context, id);
}

/**
 * Replaces name, policies, interval and the whole configuration; a mask keeps the stored secret. Executions that run keep
 * what they read at their start.
 * @param input `unchangedSince`: when what it leaves as it is was read
 * @throws as `createConnection`, and `NOT_FOUND`, `CHANGED_MEANWHILE`
 */
export async function updateConnection(
  context: Context,
  id: string,
  input: ConnectionInput & { readonly type: string | null; readonly unchangedSince?: Date },
): Promise<Connection> {
  const { organizationId } = context.caller;
  const stored = await requireConnection(context, id, 'edit');
  refuseChanged(stored, input.unchangedSince ?? stored.updatedAt);
  const definition = definitionOf(context, stored);
  if (input.type !== null && input.type !== stored.type) {
    throw refuseField('type', `a connection keeps its type, which is ${stored.type}; make another connection`);
  }
  const policies = await resolvePolicies(context, input, stored.policies);
  if (stored.parentConnectionId !== null) return updateShared(context, stored, { ...input, policies });
  const given = unmaskConfiguration(definition, input.configuration, openConfiguration(context, stored));
  const configuration = parseConfiguration(definition, given);
  await refuseTakenName(context, input.name, id);
  await proveOrRefuse(context, definition, configuration, input.validate);
  const actor = toActorColumns(context.caller);
  const children = await context.store.acrossOrganizations(({ db }) => listChildren(db, organizationId, id));
  // Syncs of other organizations read through it, too, and follow in the same transaction.
  const { store } = context;
  const transact: ScopedStore['transaction'] = (work) =>
    children.length === 0 ? store.transaction(work) : store.acrossOrganizations(work);
  await transact(async ({ db }) => {
    await lockUnchanged(db, stored);
    const row = await updateConnectionRow(db, organizationId, id, {
      name: input.name,
      ...sealConfiguration(context, definition, configuration, { organizationId, connectionId: id }),
      policies,
      ...toHealth(context, definition, { ...input, configuration }),
      updatedBy: actor.id,
      updatedByType: actor.type,
    });
    if (row === 'name_taken') throw nameTaken(input.name);
    if (row === undefined) throw new SyncError('NOT_FOUND', `Connection ${id} was deleted meanwhile.`);
    await recordAudit(db, context, {
      action: 'update',
      object: { type: 'connection', id, name: input.name },
      before: describe(definition, { ...stored, configuration: openConfiguration(context, stored) }),
      after: describe(definition, { ...input, configuration, policies }),
    });
    const hasMoved = !isDeepStrictEqual(stored.configuration, row.configuration);
    for (const one of [stored, ...children]) {
      // Another database, perhaps: what syncs remember of the old one would hide records of the new one.
      if (hasMoved) {
        await forgetCursors(db, one.organizationId, { connectionId: one.id });
        await forgetDatabaseIdentity(db, one.organizationId, one.id);
      }
      await requestRefreshOf(db, one.organizationId, one.id, definition);
    }
  });
  return getConnection(context, id);
}

/** Of a shared connection the name and the policies are its organization's own; all else is its parent's. */
async function updateShared(
  context: Context,
  stored: ConnectionRecord,
  input: ConnectionInput & { readonly policies: string[] },
): Promise<Connection> {
  const { id } = stored;
  const { organizationId } = context.caller;
  if (Object.keys(input.configuration).length > 0)
    throw refuseField(
      'configuration',
      'the connection is shared from another organization, where it is configured; send {}',
    );
  if (input.healthcheckInterval !== null)
    throw refuseField(
      'healthcheck_interval',
      'the connection is shared from another organization, where it is checked',
    );
  await refuseTakenName(context, input.name, id);
  const actor = toActorColumns(context.caller);
  const { name, policies } = input;
  await context.store.transaction(async ({ db }) => {
    const change = { name, policies, updatedBy: actor.id, updatedByType: actor.type };
    const row = await updateConnectionRow(db, organizationId, id, change);
    if (row === 'name_taken') throw nameTaken(name);
    if (row === undefined) throw new SyncError('NOT_FOUND', `Connection ${id} was deleted meanwhile.`);
    await recordAudit(db, context, {
      action: 'update',
      object: { type: 'connection', id, name },
      before: { name: stored.name, policies: stored.policies },
      after: { name, policies },
    });
  });
  return getConnection(context, id);
}

/**
 * Deletes a connection and its cached schemas.
 * @param options `force`: first deletes the syncs that use it, which cancels what of them runs
 * @throws `NOT_FOUND`; `CONNECTION_IN_USE` naming the syncs that use it
 */
export async function deleteConnection(
  context: Context,
  id: string,
  options: { readonly force: boolean },
): Promise<void> {
  const { organizationId } = context.caller;
  const stored = await requireConnection(context, id, 'delete');
  const { name } = stored;
  const definition = definitionOf(context, stored);
  const children = await context.store.acrossOrganizations(({ db }) => listChildren(db, organizationId, id));
  if (children.length > 0) throw isShared(name, children);
  const users = await listConnectionUsers(context.store.db, organizationId, id);
  if (users.length > 0 && !options.force) throw inUse(name, users);
  for (const user of users) await permitDeleteOfUser(context, user);
  await context.store.transaction(async ({ db }) => {
    // Before the syncs, as whoever saves a sync does: in the other order the two would wait for each other.
    await lockConnections(db, organizationId, [id]);
    for (const user of users) await deleteUser(context, db, user);
    const result = await deleteConnectionRow(db, organizationId, id);
    if (result === 'absent') throw unknown(id); // deleted meanwhile, and noted by whoever did it
    if (result === 'in_use') throw inUse(name, []); // a sync was made meanwhile
    const before = describe(definition, { ...stored, configuration: openConfiguration(context, stored) });
    await recordAudit(db, context, { action: 'delete', object: { type: 'connection', id, name }, before, after: null });
  });
}

function unknown(id: string): SyncError {
  return new SyncError('NOT_FOUND', `There is no connection ${id} in this organization.`);
}

/** What other organizations made of it is theirs, so no force deletes it from here. */
function isShared(name: string, children: readonly ConnectionRecord[]): SyncError {
  const usedBy = children.map((child) => ({ type: 'connection', name: child.name, id: child.id }));
  return new SyncError(
    'CONNECTION_IN_USE',
    `Connection in use: "${name}" is shared with other organizations (${children.length}). Delete the shared connections there first.`,
    { detail: { usedBy } },
  );
}

function inUse(name: string, users: Awaited<ReturnType<typeof listConnectionUsers>>): SyncError {
  const names = users.map(describeUser).join(', ') || 'what was made just now';
  return new SyncError(
    'CONNECTION_IN_USE',
    `Connection in use: "${name}" is used by ${names}. Delete those first, or delete with force=true.`,
    { detail: { usedBy: users } },
  );
}

async function showConnections(context: Context, rows: readonly ConnectionRecord[]): Promise<Connection[]> {
  const parents = await loadParents(context, context.caller.organizationId, rows);
  return toConnections(context, rows, parents, await loadActorNames(context));
}

/** @throws `REQUEST_REFUSED` for another organization, and as {@link newPolicies} */
async function resolvePolicies(
  context: Context,
  input: ConnectionInput,
  current: readonly string[],
): Promise<string[]> {
  const { organizationId } = context.caller;
  if (input.organizationId !== null && input.organizationId !== organizationId) {
    throw refuseField('organization_id', 'the key acts in another organization; leave it out');
  }
  return newPolicies(context, 'connection', input.policies, current);
}

/** Before the system is asked, since that may take long; the database decides in the end. */
async function refuseTakenName(context: Context, name: string, besides: string | null): Promise<void> {
  const rows = await listConnectionRows(context.store.db, context.caller.organizationId);
  if (rows.some((row) => row.name === name && row.id !== besides)) throw nameTaken(name);
}

function nameTaken(name: string): SyncError {
  return refuseField('name', `a connection named "${name}" exists already; choose another name`);
}

async function proveOrRefuse(
  context: Context,
  definition: ConnectorDefinition<unknown>,
  configuration: Configuration,
  validate: boolean,
): Promise<void> {
  const prove = validate ? proveConfiguration : refuseForbidden;
  await prove(context, context.caller.organizationId, definition, configuration);
}

function toHealth(
  context: Context,
  definition: ConnectorDefinition<unknown>,
  input: Pick<ConnectionInput, 'validate' | 'healthcheckInterval' | 'configuration'>,
) {
  const now = context.clock();
  const isProved = input.validate && canProve(definition, input.configuration);
  return {
    healthcheckInterval: input.healthcheckInterval,
    nextCheckAt: nextCheckAfter(now, input.healthcheckInterval),
    status: isProved ? ('healthy' as const) : ('unchecked' as const),
    statusError: null,
    ...(isProved ? { checkedAt: now } : {}),
  };
}

/** A connection for the audit log. */
function describe(
  definition: ConnectorDefinition<unknown>,
  one: Pick<ConnectionInput, 'name' | 'configuration' | 'policies' | 'healthcheckInterval'>,
): object {
  const { name, policies, healthcheckInterval } = one;
  const configuration = maskConfiguration(definition, one.configuration);
  return { name, type: definition.type, configuration, policies, healthcheckInterval };
}

async function requestRefreshOf(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  definition: ConnectorDefinition<unknown>,
): Promise<void> {
  if (definition.capabilities.source !== undefined) await requestSchemaRefresh(db, organizationId, id);
}
