import type { Context } from '../context.ts';
import { type ConnectionInput, getConnection, updateConnection } from './connections.ts';
import type { Connection } from './shown.ts';

/** What a change says of a connection. */
export type ConnectionPatch = Partial<Omit<ConnectionInput, 'validate'>> &
  Pick<ConnectionInput, 'validate'> & { readonly type: string | null };

/**
 * Changes parts of a connection: what is left out stays as it is, and a configuration is laid over the stored one, so
 * that its secrets may be left out.
 * @throws as `updateConnection`
 */
export async function patchConnection(context: Context, id: string, change: ConnectionPatch): Promise<Connection> {
  const { name, policies, healthcheckInterval, configuration, updatedAt } = await getConnection(context, id);
  return updateConnection(context, id, {
    name,
    policies,
    healthcheckInterval,
    organizationId: null,
    ...change,
    unchangedSince: updatedAt,
    // The masks of a read stand for the stored secrets.
    configuration: { ...configuration, ...change.configuration },
  });
}
