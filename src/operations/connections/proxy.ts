import { SyncError } from '../../core/index.ts';
import type { Context } from '../context.ts';
import { definitionOf } from './configuration.ts';
import { requireConnection } from './connections.ts';

/**
 * Sends a request to the system behind a connection, with the connection's own authentication. No system that this
 * Millrace opens speaks HTTP.
 * @throws `PROXY_NOT_AVAILABLE`, always; `NOT_FOUND`, `FORBIDDEN`
 */
export async function proxyRequest(context: Context, connectionId: string): Promise<never> {
  // What goes through it may change anything in that system.
  return refuse(context, await requireConnection(context, connectionId, 'edit'));
}

/** What a proxied request begins with. @throws as {@link proxyRequest} */
export async function getProxyInfo(context: Context, connectionId: string): Promise<never> {
  return refuse(context, await requireConnection(context, connectionId));
}

function refuse(context: Context, connection: Awaited<ReturnType<typeof requireConnection>>): never {
  const { label } = definitionOf(context, connection);
  throw new SyncError(
    'PROXY_NOT_AVAILABLE',
    `Requests cannot be passed on through connection "${connection.name}": ${label} does not speak HTTP. Use its own protocol.`,
  );
}
