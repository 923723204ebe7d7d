import { randomUUID } from 'node:crypto';
import type { Connector, ConnectorContext, ConnectorDefinition } from '../connector-kit/index.ts';
import { SyncError } from '../core/index.ts';
import type { ConnectionSpec } from './pipeline/jobs.ts';
import type { ThreadPool } from './pipeline/thread-pool.ts';

/**
 * The same definition for use outside the owner thread: whatever touches the owned thing is done by its owner, so that
 * a test of a connection or a plan never opens the file a second time in this process.
 */
export function routeToOwner<Config>(
  definition: ConnectorDefinition<Config>,
  threads: ThreadPool,
): ConnectorDefinition<Config> {
  const { ownerKey } = definition;
  if (definition.capabilities.destination?.placement !== 'owner' || ownerKey === undefined) return definition;
  return {
    ...definition,
    async connect(config, context) {
      const connector = await definition.connect(config, context);
      return routed(connector, toSpec(definition, config, context), ownerKey(config, context), threads);
    },
  };
}

function routed(connector: Connector, spec: ConnectionSpec, key: string, threads: ThreadPool): Connector {
  const { destination } = connector;
  return {
    check: async (signal) => {
      await threads.run({ kind: 'check', destination: spec }, key, signal);
    },
    ...(connector.source === undefined ? {} : { source: connector.source }),
    ...(destination === undefined
      ? {}
      : {
          destination: {
            defaultSchema: destination.defaultSchema,
            accept: (offer) => destination.accept(offer),
            inspect: (table, signal) => threads.run({ kind: 'inspect', destination: spec, table }, key, signal),
            open: () =>
              Promise.reject(
                new SyncError('INTERNAL', `A load into ${spec.type} was opened outside its owner thread.`),
              ),
          },
        }),
    async [Symbol.asyncDispose]() {
      await threads.release(spec.holder);
      await connector[Symbol.asyncDispose]();
    },
  };
}

function toSpec<Config>(
  definition: ConnectorDefinition<Config>,
  config: Config,
  context: ConnectorContext,
): ConnectionSpec {
  return {
    type: definition.type,
    // A connector's configuration is the plain object that its own schema parsed.
    config: config as Readonly<Record<string, unknown>>,
    organizationId: context.organizationId,
    holder: `check-${randomUUID()}`,
    applicationName: context.applicationName,
  };
}
