import {
  type Connector,
  type ConnectorContext,
  type ConnectorDefinition,
  hideRoot,
} from '../../connector-kit/index.ts';
import type { ConnectionRecord } from '../../store/index.ts';
import type { ScopedServices } from '../context.ts';
import { type Configuration, openStored, parseConfiguration } from './configuration.ts';

/** Opens the connector of a stored connection for as long as `work` takes. Errors are as {@link withoutRoot} makes them. */
export async function withConnector<T>(
  services: ScopedServices,
  connection: ConnectionRecord,
  work: (connector: Connector) => Promise<T>,
): Promise<T> {
  const { definition, configuration, organizationId } = await openStored(services, connection);
  return withConfigured(services, organizationId, definition, parseConfiguration(definition, configuration), work);
}

/** The same for a configuration that is not stored, or not yet. */
export function withConfigured<T>(
  services: ScopedServices,
  organizationId: string,
  definition: ConnectorDefinition<unknown>,
  configuration: Configuration,
  work: (connector: Connector) => Promise<T>,
): Promise<T> {
  return withoutRoot(services.connectorContext(organizationId), async (context) => {
    await using connector = await definition.connect(configuration, context);
    return await work(connector);
  });
}

/**
 * Does `work` on what lies in an organization's folder for files. Its errors name files as users do, from that folder on:
 * where it lies on the server is not for everybody who may try a connection.
 */
export async function withoutRoot<T>(
  context: ConnectorContext,
  work: (context: ConnectorContext) => Promise<T>,
): Promise<T> {
  try {
    return await work(context);
  } catch (error) {
    throw await hideRoot(error, context.filesRoot);
  }
}
