import { SyncError } from '../../core/index.ts';
import type { Context } from '../context.ts';
import { authorize } from '../permissions/authorize.ts';

/** Where the pages of Connect would send a browser. */
export interface ConnectLink {
  readonly redirectUrl: string;
  readonly token: string;
}

/**
 * Connect lets somebody else fill in a connection, on pages of ours. There are none yet.
 * @throws `CONNECT_NOT_AVAILABLE`, always; `FORBIDDEN`
 */
export async function startConnect(context: Context): Promise<ConnectLink> {
  await authorize(context, 'create', { kind: 'connection' });
  throw new SyncError(
    'CONNECT_NOT_AVAILABLE',
    'Connect was asked for, and this Millrace has no pages on which somebody could fill in a connection. Make the connection with POST /api/connections.',
  );
}
