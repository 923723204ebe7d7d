import { type ConnectionRecord, findParents } from '../../store/index.ts';
import type { ScopedServices } from '../context.ts';

/** What the shared ones of these connections point to, by their ids; the others are left out. All are one organization's. */
export async function loadParents(
  services: ScopedServices,
  organizationId: string,
  rows: readonly ConnectionRecord[],
): Promise<ReadonlyMap<string, ConnectionRecord>> {
  const ids = rows.filter((row) => row.parentConnectionId !== null).map(({ id }) => id);
  if (ids.length === 0) return new Map();
  return services.store.acrossOrganizations(({ db }) => findParents(db, organizationId, ids));
}

/** The connection that has the configuration: a shared one's parent, else itself. */
export async function findOrigin(services: ScopedServices, connection: ConnectionRecord): Promise<ConnectionRecord> {
  const parents = await loadParents(services, connection.organizationId, [connection]);
  return parents.get(connection.id) ?? connection;
}
