import { findConnection } from '../../store/index.ts';
import type { Context } from '../context.ts';
import { authorize } from '../permissions/authorize.ts';
import { refuseField } from '../refusals.ts';
import { proveConfiguration } from './check.ts';
import {
  type Configuration,
  type OpenedConnection,
  openStored,
  parseConfiguration,
  requireType,
} from './configuration.ts';
import { unmaskConfiguration } from './masking.ts';

/** A configuration to try; nothing is stored. */
export interface ConnectionTrial {
  readonly type: string;
  /** With `connectionId`: laid over the stored configuration, so secrets may be left out. */
  readonly configuration: Configuration;
  readonly connectionId: string | null;
}

/** Proves a configuration against its system. @throws as `createConnection` */
export async function testConnection(context: Context, trial: ConnectionTrial): Promise<void> {
  const definition = requireType(context, trial.type);
  const base = await openBase(context, trial.connectionId, trial.type);
  const given = unmaskConfiguration(definition, trial.configuration, base.configuration);
  const configuration = parseConfiguration(definition, { ...base.configuration, ...given });
  await proveConfiguration(context, base.organizationId, definition, configuration);
}

/** What somebody's values are laid over. */
export type OverlayBase = Pick<OpenedConnection, 'configuration' | 'organizationId'>;

/** The stored configuration of a connection that the request names, or none for a new one. @throws `FORBIDDEN`, `REQUEST_REFUSED` */
export async function openBase(context: Context, connectionId: string | null, type: string): Promise<OverlayBase> {
  if (connectionId !== null) return openForOverlay(context, connectionId, type);
  await authorize(context, 'create', { kind: 'connection' });
  return { configuration: {}, organizationId: context.caller.organizationId };
}

async function openForOverlay(context: Context, id: string, type: string): Promise<OverlayBase> {
  const stored = await findConnection(context.store.db, context.caller.organizationId, id);
  if (stored === undefined) throw refuseField('connection_id', `there is no connection ${id} in this organization`);
  // Stored secrets go where the given configuration says, so this is no mere look.
  await authorize(context, 'edit', { kind: 'connection', policies: stored.policies });
  if (stored.parentConnectionId !== null)
    throw refuseField('connection_id', 'the connection is shared from another organization, which keeps its secrets');
  if (stored.type !== type) throw refuseField('type', `connection ${id} is of type ${stored.type}`);
  return openStored(context, stored);
}
