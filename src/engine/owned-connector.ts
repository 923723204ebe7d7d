import { randomUUID } from 'node:crypto';
import type {
  BulkDestination,
  BulkSource,
  Connector,
  ConnectorContext,
  ConnectorDefinition,
  ModelTargetCatalogue,
} from '../connector-kit/index.ts';
import { SyncError } from '../core/index.ts';
import type { ConnectionSpec } from './pipeline/jobs.ts';
import type { ThreadPool } from './pipeline/thread-pool.ts';

/** What is owned, and the threads that its owner is one of. */
interface Route {
  readonly spec: ConnectionSpec;
  readonly key: string;
  readonly threads: ThreadPool;
}

/**
 * The same definition for use outside the owner thread: whatever touches the owned thing is done by its owner, so that
 * a test of a connection or a plan never opens the file a second time in this process.
 */
export function routeToOwner<Config>(
  definition: ConnectorDefinition<Config>,
  threads: ThreadPool,
): ConnectorDefinition<Config> {
  const { ownerKey } = definition;
  const { source, destination } = definition.capabilities;
  const isOwned = source?.placement === 'owner' || destination?.placement === 'owner';
  if (!isOwned || ownerKey === undefined) return definition;
  return {
    ...definition,
    async connect(config, context) {
      const connector = await definition.connect(config, context);
      const spec = toSpec(definition, config, context);
      return routed(connector, { spec, key: ownerKey(config, context), threads });
    },
  };
}

function routed(connector: Connector, route: Route): Connector {
  const { source, destination, models } = connector;
  const { spec, key, threads } = route;
  return {
    check: async (signal) => {
      await threads.run({ kind: 'check', destination: spec }, key, signal);
    },
    ...(source === undefined ? {} : { source: routedSource(source, route) }),
    ...(destination === undefined ? {} : { destination: routedDestination(destination, route) }),
    ...(connector.target === undefined ? {} : { target: routedTarget(connector.target, route) }),
    // Queries have a process of their own; tables are read by the source.
    ...(models?.readQuery === undefined ? {} : { models: { readQuery: models.readQuery } }),
    async [Symbol.asyncDispose]() {
      await threads.release(spec.holder);
      await connector[Symbol.asyncDispose]();
    },
  };
}

function routedSource(source: BulkSource, { spec, key, threads }: Route): BulkSource {
  return {
    offer: (fields, asText) => source.offer(fields, asText),
    discover: (signal) => threads.run({ kind: 'discover', source: spec }, key, signal),
    sample: (schemaId, limit, signal) => threads.run({ kind: 'sample', source: spec, schemaId, limit }, key, signal),
    async openSnapshot(signal) {
      const ref = await threads.run({ kind: 'openSnapshot', source: spec }, key, signal);
      const close = () => threads.run({ kind: 'closeSnapshot', source: spec, token: ref.token }, key, NEVER);
      return {
        ...ref,
        async [Symbol.asyncDispose]() {
          await close();
        },
      };
    },
    planSegments: (request, signal) => threads.run({ kind: 'planSegments', source: spec, request }, key, signal),
    planTracking: (request, signal) => threads.run({ kind: 'planTracking', source: spec, request }, key, signal),
    // biome-ignore lint/correctness/useYield: it only refuses
    async *read() {
      throw outside(spec, 'read');
    },
  };
}

const NEVER = new AbortController().signal;

function routedDestination(destination: BulkDestination, { spec, key, threads }: Route): BulkDestination {
  return {
    defaultSchema: destination.defaultSchema,
    accept: (offer) => destination.accept(offer),
    inspect: (table, signal) => threads.run({ kind: 'inspect', destination: spec, table }, key, signal),
    preview: (load, state, signal) => threads.run({ kind: 'preview', destination: spec, load, state }, key, signal),
    open: () => Promise.reject(outside(spec, 'written')),
  };
}

function routedTarget(target: ModelTargetCatalogue, { spec, key, threads }: Route): ModelTargetCatalogue {
  return {
    toObjectId: (properties) => target.toObjectId(properties),
    listObjects: (signal) => threads.run({ kind: 'listTargets', target: spec }, key, signal),
    describeFields: (objectId, signal) => threads.run({ kind: 'describeTarget', target: spec, objectId }, key, signal),
    creationProperties: (signal) => threads.run({ kind: 'listTargetProperties', target: spec }, key, signal),
  };
}

function outside(spec: ConnectionSpec, how: 'read' | 'written'): SyncError {
  return new SyncError(
    'INTERNAL',
    `Connections of type ${spec.type} are ${how} by their owner thread only. Report it.`,
  );
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
