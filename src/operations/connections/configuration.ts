import type { ConnectorDefinition } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import type { ConnectionRecord } from '../../store/index.ts';
import type { ScopedServices } from '../context.ts';
import { describeMisfits, toMisfits } from '../misfits.ts';
import { refuseField } from '../refusals.ts';
import { findOrigin } from './parents.ts';

export type Configuration = Readonly<Record<string, unknown>>;

/** The connector of a type that somebody sent. @throws `REQUEST_REFUSED` naming the field */
export function requireType(services: ScopedServices, type: string): ConnectorDefinition<unknown> {
  const definition = services.connectors.get(type);
  if (definition !== undefined) return definition;
  throw refuseField('type', `"${type}" is no connection type; known are ${[...services.connectors.keys()].join(', ')}`);
}

/** The connector of a stored connection. */
export function definitionOf(services: ScopedServices, connection: ConnectionRecord): ConnectorDefinition<unknown> {
  const definition = services.connectors.get(connection.type);
  if (definition !== undefined) return definition;
  throw new SyncError(
    'CONFIG_INVALID',
    `Connection "${connection.name}" is of type ${connection.type}, which this Millrace does not have.`,
  );
}

/** The whole configuration of a stored connection, secrets opened. Never to be answered or logged. */
export function openConfiguration(services: ScopedServices, connection: ConnectionRecord): Configuration {
  if (connection.secrets === null) return connection.configuration;
  const owner = { organizationId: connection.organizationId, connectionId: connection.id };
  return { ...connection.configuration, ...services.store.secrets.unseal(connection.secrets, owner) };
}

/** Configuration as it is stored: settings in clear, secrets sealed to their owner. */
export function sealConfiguration(
  services: ScopedServices,
  definition: ConnectorDefinition<unknown>,
  configuration: Configuration,
  owner: { readonly organizationId: string; readonly connectionId: string },
): { readonly configuration: string; readonly secrets: Buffer | null } {
  const entries = Object.entries(configuration);
  const secrets = entries.filter(([key]) => definition.secrets.includes(key));
  const settings = entries.filter(([key]) => !definition.secrets.includes(key));
  return {
    configuration: JSON.stringify(Object.fromEntries(settings)),
    secrets: secrets.length === 0 ? null : services.store.secrets.seal(Object.fromEntries(secrets), owner),
  };
}

/** Parses a configuration with its connector's schema. @throws `REQUEST_MALFORMED` naming the fields */
export function parseConfiguration(
  definition: ConnectorDefinition<unknown>,
  configuration: Configuration,
): Configuration {
  const result = definition.config.safeParse(configuration);
  // Every connector's configuration is an object: its schema is one of `z.object`.
  if (result.success) return result.data as Configuration;
  const misfits = toMisfits(result.error, ['configuration']);
  throw new SyncError(
    'REQUEST_MALFORMED',
    `The configuration does not fit type ${definition.type}: ${describeMisfits(misfits)}.`,
    {
      detail: { fields: misfits },
    },
  );
}

/** What a stored connection leads to. */
export interface OpenedConnection {
  readonly definition: ConnectorDefinition<unknown>;
  /** Secrets opened. Never to be answered or logged. */
  readonly configuration: Configuration;
  /** Whose files and addresses it may use. */
  readonly organizationId: string;
}

/** Opens what is stored of a connection; of a shared one what its parent has. */
export async function openStored(services: ScopedServices, connection: ConnectionRecord): Promise<OpenedConnection> {
  const origin = await findOrigin(services, connection);
  return {
    definition: definitionOf(services, origin),
    configuration: openConfiguration(services, origin),
    organizationId: origin.organizationId,
  };
}
