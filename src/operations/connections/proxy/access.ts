import type { HttpAccess } from '../../../connector-kit/index.ts';
import { SyncError } from '../../../core/index.ts';
import type { ConnectionRecord } from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { openStored, parseConfiguration } from '../configuration.ts';

/** What requests through a connection begin with; a shared one's are its parent's. @throws `PROXY_NOT_AVAILABLE` */
export async function openHttpAccess(context: Context, connection: ConnectionRecord): Promise<HttpAccess> {
  const { definition, configuration } = await openStored(context, connection);
  if (definition.httpAccess !== undefined) return definition.httpAccess(parseConfiguration(definition, configuration));
  throw new SyncError(
    'PROXY_NOT_AVAILABLE',
    `Requests cannot be passed on through connection "${connection.name}": ${definition.label} does not speak HTTP. Use its own protocol.`,
  );
}
