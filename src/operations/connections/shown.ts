import type { ConnectionRecord } from '../../store/index.ts';
import type { Actor } from '../actors.ts';
import type { ScopedServices } from '../context.ts';
import { definitionOf, openConfiguration } from './configuration.ts';
import { maskConfiguration } from './masking.ts';
import { type ConnectionType, toConnectionType } from './types.ts';

/** A connection as it may be shown: secrets are masked. */
export interface Connection
  extends Omit<ConnectionRecord, 'type' | 'secrets' | 'createdBy' | 'updatedBy' | 'nextCheckAt'> {
  readonly type: ConnectionType;
  readonly createdBy: Actor;
  readonly updatedBy: Actor;
}

/** @param parents what the shared ones point to; these have its status and none of its configuration */
export function toConnections(
  services: ScopedServices,
  rows: readonly ConnectionRecord[],
  parents: ReadonlyMap<string, ConnectionRecord>,
  toActor: (id: string | null, type: ConnectionRecord['createdByType']) => Actor,
): Connection[] {
  return rows.map((row) => {
    const definition = definitionOf(services, row);
    const { secrets: _, nextCheckAt: _next, ...shown } = row;
    const parent = parents.get(row.id);
    return {
      ...shown,
      ...(parent === undefined ? {} : toSharedStatus(parent)),
      type: toConnectionType(definition),
      configuration: maskConfiguration(definition, openConfiguration(services, row)),
      createdBy: toActor(row.createdBy, row.createdByType),
      updatedBy: toActor(row.updatedBy, row.updatedByType),
    };
  });
}

/** What the system said may name hosts that are its owner's business. */
function toSharedStatus({ status, checkedAt }: ConnectionRecord) {
  const statusError = status === 'unhealthy' ? 'The connection is unhealthy; its owner can see why.' : null;
  return { status, statusError, checkedAt };
}
