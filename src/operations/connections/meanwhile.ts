import { SyncError } from '../../core/index.ts';
import { type ConnectionRecord, findConnection, lockConnections, type StoreDatabase } from '../../store/index.ts';

/**
 * Locks a connection that is about to be changed: a mask, or a part that was left out, stands for what was read, and
 * proving it against the system takes its time.
 * @throws `CHANGED_MEANWHILE` when somebody else has changed it since
 */
export async function lockUnchanged(db: StoreDatabase, read: ConnectionRecord): Promise<void> {
  await lockConnections(db, read.organizationId, [read.id]);
  const now = await findConnection(db, read.organizationId, read.id);
  if (now !== undefined) refuseChanged(now, read.updatedAt);
}

/** @throws `CHANGED_MEANWHILE` when the connection is not as it was at that time */
export function refuseChanged({ id, updatedAt }: ConnectionRecord, since: Date): void {
  if (updatedAt.getTime() === since.getTime()) return;
  throw new SyncError(
    'CHANGED_MEANWHILE',
    `Connection ${id} was changed by somebody else at the same time; nothing was changed by this request. Send it again.`,
  );
}
