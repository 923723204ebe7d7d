import { isDeepStrictEqual } from 'node:util';
import type { ConnectorDefinition } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import {
  type ConnectionRecord,
  deleteBulkSync,
  deleteConnection as deleteConnectionRow,
  findBulkSync,
  findConnection,
  forgetCursors,
  insertConnection,
  listConnections as listConnectionRows,
  listConnectionUsers,
  requestSchemaRefresh,
  type StoreDatabase,
  updateConnection as updateConnectionRow,
} from '../../store/index.ts';
import { type Actor, loadActorNames, toActorColumns } from '../actors.ts';
import type { Context } from '../context.ts';
import { authorize, keepReadable, newPolicies, type PolicyAction } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';
import { proveConfiguration, refuseForbidden } from './check.ts';
import {
  type Configuration,
  definitionOf,
  maskConfiguration,
  openConfiguration,
  parseConfiguration,
  requireType,
  sealConfiguration,
  unmaskConfiguration,
} from './configuration.ts';
import { type ConnectionType, toConnectionType } from './types.ts';

/** A connection as it may be shown: secrets are masked. */
export interface Connection extends Omit<ConnectionRecord, 'type' | 'secrets' | 'createdBy' | 'updatedBy'> {
  readonly type: ConnectionType;
  readonly createdBy: Actor;
  readonly updatedBy: Actor;
}

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
  const toActor = await loadActorNames(context);
  return rows.map((row) => toConnection(context, row, toActor));
}

/** One connection. @throws `NOT_FOUND` */
export async function getConnection(context: Context, id: string): Promise<Connection> {
  const row = await requireConnection(context, id);
  return toConnection(context, row, await loadActorNames(context));
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
  if (row === undefined) throw new SyncError('NOT_FOUND', `There is no connection ${id} in this organization.`);
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
      healthcheckInterval: input.healthcheckInterval,
      ...toStatus(input.validate),
      createdBy: actor.id,
      createdByType: actor.type,
      updatedBy: actor.id,
      updatedByType: actor.type,
    });
    if (!isInserted) throw nameTaken(input.name);
    await requestRefreshOf(db, organizationId, id, definition);
  });
  return getConnection(context, id);
}

/**
 * Replaces name, policies, interval and the whole configuration; a mask keeps the stored secret. Executions that run keep
 * what they read at their start.
 * @throws as `createConnection`, and `NOT_FOUND`
 */
export async function updateConnection(
  context: Context,
  id: string,
  input: ConnectionInput & { readonly type: string | null },
): Promise<Connection> {
  const { organizationId } = context.caller;
  const stored = await requireConnection(context, id, 'edit');
  const definition = definitionOf(context, stored);
  if (input.type !== null && input.type !== stored.type) {
    throw refuseField('type', `a connection keeps its type, which is ${stored.type}; make another connection`);
  }
  const policies = await resolvePolicies(context, input, stored.policies);
  const given = unmaskConfiguration(definition, input.configuration, openConfiguration(context, stored));
  const configuration = parseConfiguration(definition, given);
  await refuseTakenName(context, input.name, id);
  await proveOrRefuse(context, definition, configuration, input.validate);
  const actor = toActorColumns(context.caller);
  await context.store.transaction(async ({ db }) => {
    const row = await updateConnectionRow(db, organizationId, id, {
      name: input.name,
      ...sealConfiguration(context, definition, configuration, { organizationId, connectionId: id }),
      policies,
      healthcheckInterval: input.healthcheckInterval,
      ...toStatus(input.validate),
      updatedBy: actor.id,
      updatedByType: actor.type,
    });
    if (row === 'name_taken') throw nameTaken(input.name);
    if (row === undefined) throw new SyncError('NOT_FOUND', `Connection ${id} was deleted meanwhile.`);
    if (!isDeepStrictEqual(stored.configuration, row.configuration)) {
      // Another database, perhaps: what syncs remember of the old one would hide records of the new one.
      await forgetCursors(db, organizationId, { connectionId: id });
    }
    await requestRefreshOf(db, organizationId, id, definition);
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
  const { name } = await requireConnection(context, id, 'delete');
  const users = await listConnectionUsers(context.store.db, organizationId, id);
  if (users.length > 0 && !options.force) throw inUse(name, users);
  for (const user of users) await permitDelete(context, user.id);
  await context.store.transaction(async ({ db }) => {
    for (const user of users) await deleteBulkSync(db, organizationId, user.id);
    const result = await deleteConnectionRow(db, organizationId, id);
    if (result === 'in_use') throw inUse(name, []); // a sync was made meanwhile
  });
}

async function permitDelete(context: Context, syncId: string): Promise<void> {
  const sync = await findBulkSync(context.store.db, context.caller.organizationId, syncId);
  if (sync !== undefined) await authorize(context, 'delete', { kind: 'bulk_sync', policies: sync.policies });
}

function inUse(name: string, users: Awaited<ReturnType<typeof listConnectionUsers>>): SyncError {
  const names = users.map((user) => `bulk sync "${user.name}"`).join(', ') || 'a sync that was made just now';
  return new SyncError(
    'CONNECTION_IN_USE',
    `Connection in use: "${name}" is used by ${names}. Delete those first, or delete with force=true.`,
    { detail: { usedBy: users } },
  );
}

function toConnection(
  context: Context,
  row: ConnectionRecord,
  toActor: (id: string | null, type: ConnectionRecord['createdByType']) => Actor,
): Connection {
  const definition = definitionOf(context, row);
  const { secrets: _, ...shown } = row;
  return {
    ...shown,
    type: toConnectionType(definition),
    configuration: maskConfiguration(definition, openConfiguration(context, row)),
    createdBy: toActor(row.createdBy, row.createdByType),
    updatedBy: toActor(row.updatedBy, row.updatedByType),
  };
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

function toStatus(isProved: boolean): { readonly status: 'healthy' | 'unchecked'; readonly statusError: null } {
  return { status: isProved ? 'healthy' : 'unchecked', statusError: null };
}

async function requestRefreshOf(
  db: StoreDatabase,
  organizationId: string,
  id: string,
  definition: ConnectorDefinition<unknown>,
): Promise<void> {
  if (definition.capabilities.source !== undefined) await requestSchemaRefresh(db, organizationId, id);
}
