import type { ConnectionBody } from '../../contract/index.ts';
import type { Connection, ConnectionType } from '../../operations/index.ts';
import { toActorBody } from './actors.ts';

/** A connection on the wire. */
export function toConnectionBody(connection: Connection): ConnectionBody {
  const { type } = connection;
  return {
    id: connection.id,
    name: connection.name,
    type: { id: type.id, name: type.name, operations: [...type.operations] },
    organization_id: connection.organizationId,
    configuration: { ...connection.configuration },
    policies: connection.policies,
    ...(connection.healthcheckInterval === null ? {} : { healthcheck_interval: connection.healthcheckInterval }),
    ...(connection.parentConnectionId === null ? {} : { parent_connection_id: connection.parentConnectionId }),
    saved: true,
    status: connection.status,
    ...(connection.statusError === null ? {} : { status_error: connection.statusError }),
    created_at: connection.createdAt.toISOString(),
    created_by: toActorBody(connection.createdBy),
    updated_at: connection.updatedAt.toISOString(),
    updated_by: toActorBody(connection.updatedBy),
  };
}

/** A connection type on the wire. */
export function toConnectionTypeBody(type: ConnectionType) {
  return {
    id: type.id,
    name: type.name,
    use_oauth: false,
    capabilities: {
      source: type.isSource,
      destination: type.isDestination,
      enrichment: false,
      orchestration: false,
    },
    configurationForm: { jsonschema: { ...type.schema }, uischema: {} },
  };
}
