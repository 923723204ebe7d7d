import { SyncError } from '../../core/index.ts';
import { type ConnectionRecord, type Health, storeCheck, takeDueCheck } from '../../store/index.ts';
import type { ScopedServices } from '../context.ts';
import { canProve, proveConfiguration } from './check.ts';
import { openStored, parseConfiguration } from './configuration.ts';
import { nextCheckAfter } from './interval.ts';

/** What a check found out, for the log. */
export interface ConnectionCheck {
  readonly connectionId: string;
  readonly organizationId: string;
  readonly before: ConnectionRecord['status'];
  /** As before when the check could not tell. */
  readonly after: ConnectionRecord['status'];
}

/** Takes one connection whose `healthcheck_interval` has passed; of any number of processes one gets it. */
export function takeConnectionToCheck(services: ScopedServices): Promise<ConnectionRecord | undefined> {
  return takeDueCheck(services.store.db, services.clock());
}

/** Asks the system of a connection that was taken, and stores how it is. */
export async function checkConnection(
  services: ScopedServices,
  connection: ConnectionRecord,
): Promise<ConnectionCheck> {
  const health = await examine(services, connection);
  const now = services.clock();
  const nextCheckAt = nextCheckAfter(now, connection.healthcheckInterval);
  await storeCheck(services.store.db, connection, health, { checkedAt: now, nextCheckAt });
  const { id: connectionId, organizationId, status: before } = connection;
  return { connectionId, organizationId, before, after: health?.status ?? before };
}

async function examine(services: ScopedServices, connection: ConnectionRecord): Promise<Health> {
  try {
    const { definition, configuration, organizationId } = await openStored(services, connection);
    const parsed = parseConfiguration(definition, configuration);
    await proveConfiguration(services, organizationId, definition, parsed);
    if (!canProve(definition, parsed)) return { status: 'unchecked', statusError: null };
    return { status: 'healthy', statusError: null };
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    // A file that a sync works on, a server that is just starting: that passes by itself.
    return error.kind === 'transient' ? null : { status: 'unhealthy', statusError: error.message };
  }
}
