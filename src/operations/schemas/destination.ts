import type { Capabilities } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { definitionOf } from '../connections/configuration.ts';
import { requireConnection } from '../connections/connections.ts';
import type { Context } from '../context.ts';

/** What a bulk sync may do to a connection. */
export type BulkDestination = NonNullable<Capabilities['destination']>;

/** @throws `NOT_FOUND` for an unknown connection, `FEATURE_NOT_SUPPORTED` for one that cannot be written to */
export async function getBulkDestination(context: Context, connectionId: string): Promise<BulkDestination> {
  const connection = await requireConnection(context, connectionId);
  const definition = definitionOf(context, connection);
  const { destination } = definition.capabilities;
  if (destination !== undefined) return destination;
  throw new SyncError(
    'FEATURE_NOT_SUPPORTED',
    `Connection "${connection.name}" (${definition.label}) cannot be a bulk destination.`,
  );
}
