import {
  type Capabilities,
  type Connector,
  type ConnectorContext,
  type ConnectorDefinition,
  configureTables,
} from '../../connector-kit/index.ts';
import { checkAccess } from './check.ts';
import { postgresqlChoices } from './choices.ts';
import { createRoute, describeTransport } from './client/route.ts';
import { POSTGRESQL_SECRETS, type PostgresqlConfig, postgresqlConfig } from './config.ts';
import { PostgresqlDestination } from './destination.ts';
import { findLeftovers } from './leftovers.ts';
import { createModelReader } from './models.ts';
import { reach } from './reach.ts';
import { SessionPool } from './sessions.ts';
import { PostgresqlSource } from './source.ts';
import { createTargetCatalogue } from './target.ts';

const MODES = [
  ['create', true],
  ['update', true],
  ['updateOrCreate', true],
  ['replace', false],
  ['remove', true],
] as const;

const capabilities: Capabilities = {
  source: {
    supportsTrackingFields: true,
    supportsUserFields: true,
    configuration: { replication_slot: { type: 'string' } },
  },
  destination: {
    modes: ['replicate', 'snapshot'],
    resyncModes: ['refetch', 'resync', 'rebuild'],
    configuration: configureTables('public', ['table_prefix', 'truncate_existing', 'hard_deletes']),
    placement: 'worker',
    segmentBytes: 128 * 1024 * 1024,
    // NAMEDATALEN - 1
    maxNameBytes: 63,
    loadsPacks: true,
    analyzes: true,
    reservedSchemas: /^(pg_.*|information_schema|__millrace)$/s,
    distinguishesCase: true,
  },
  target: {
    modes: MODES.map(([id, requiresIdentity]) => ({
      id,
      requiresIdentity,
      supportsPerFieldMode: false,
      supportsTargetFilters: false,
    })),
  },
};

/** PostgreSQL 12 and later, as source and destination. */
export const postgresql: ConnectorDefinition<PostgresqlConfig> = {
  type: 'postgresql',
  label: 'PostgreSQL',
  config: postgresqlConfig,
  secrets: POSTGRESQL_SECRETS,
  capabilities,
  placeKeys: ['hostname', 'port', 'database', 'ssh', 'ssh_host', 'ssh_port'],
  choices: postgresqlChoices,
  connect: (config, context) => Promise.resolve(createConnector(config, context)),
};

function createConnector(config: PostgresqlConfig, context: ConnectorContext): Connector {
  const route = createRoute(config, context);
  const reading = new SessionPool({ config, context, route, side: 'source' });
  const writing = new SessionPool({ config, context, route, side: 'destination' });
  const source = new PostgresqlSource(reading);
  return {
    transport: describeTransport(config),
    source,
    destination: new PostgresqlDestination(writing, context),
    target: createTargetCatalogue(writing),
    models: createModelReader(reading),
    findLeftovers: (signal) => reading.use(signal, (session) => findLeftovers(session, signal)),
    reach: (signal) => reach({ config, context, route, side: 'source' }, signal),
    check: (signal) => reading.use(signal, (session) => checkAccess(session, config, signal)),
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]();
      await Promise.all([reading[Symbol.asyncDispose](), writing[Symbol.asyncDispose]()]);
      await route[Symbol.asyncDispose]();
    },
  };
}
