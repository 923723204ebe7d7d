import { isSameDatabase, SyncError } from '../../../core/index.ts';
import {
  type ConnectionRecord,
  findConnection,
  listConnections,
  listDatabaseIdentities,
} from '../../../store/index.ts';
import { definitionOf, openStored, parseConfiguration } from '../../connections/configuration.ts';
import type { Context } from '../../context.ts';

/**
 * Ids of the organization's connections that lead where this one does, itself among them. Of a server that is what it said
 * when its schemas were read last, so a connection that was never read, or stands still on an old address, may be missing:
 * the execution asks again. Call outside of a transaction.
 */
export async function findSamePlace(context: Context, connectionId: string): Promise<ReadonlySet<string>> {
  const { db } = context.store;
  const { organizationId } = context.caller;
  const connection = await findConnection(db, organizationId, connectionId);
  if (connection === undefined) return new Set([connectionId]);
  const others = (await listConnections(db, organizationId)).filter(({ type }) => type === connection.type);
  const isHere =
    definitionOf(context, connection).ownerKey === undefined
      ? await compareDatabases(context, connection)
      : await compareFiles(context, connection);
  const found: string[] = [];
  for (const other of others) if (await isHere(other)) found.push(other.id);
  return new Set([connectionId, ...found]);
}

type IsHere = (other: ConnectionRecord) => boolean | Promise<boolean>;

async function compareDatabases(context: Context, { id }: ConnectionRecord): Promise<IsHere> {
  const known = await listDatabaseIdentities(context.store.db, context.caller.organizationId);
  const here = known.get(id);
  return (other) => {
    const there = known.get(other.id);
    return here !== undefined && there !== undefined && isSameDatabase(here, there);
  };
}

async function compareFiles(context: Context, connection: ConnectionRecord): Promise<IsHere> {
  const here = await findOwnerKey(context, connection);
  return async (other) => here !== null && (await findOwnerKey(context, other)) === here;
}

/** Null for settings that this version does not take: whoever uses that connection is told. */
async function findOwnerKey(context: Context, connection: ConnectionRecord): Promise<string | null> {
  try {
    const { definition, configuration, organizationId } = await openStored(context, connection);
    const parsed = parseConfiguration(definition, configuration);
    return definition.ownerKey?.(parsed, context.connectorContext(organizationId)) ?? null;
  } catch (error) {
    if (error instanceof SyncError) return null;
    throw error;
  }
}
