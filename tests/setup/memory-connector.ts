import { z } from 'zod';
import type { BulkSource, Connector, ConnectorDefinition } from '../../src/connector-kit/index.ts';
import { type SchemaDescription, SyncError } from '../../src/core/index.ts';

const config = z.strictObject({
  hostname: z.string().min(1),
  port: z.int().default(5432),
  password: z.string(),
});
type Config = z.infer<typeof config>;

/** A system that lives in this process, for tests of the control plane. It moves no data. */
export interface MemorySystem {
  readonly definition: ConnectorDefinition<unknown>;
  /** What it has; change it to change the system. */
  schemas: SchemaDescription[];
  /** The only password it takes. */
  password: string;
  /** Thrown by discovery when set. */
  failure: Error | undefined;
  /** Awaited by discovery: a test holds it here. */
  gate: Promise<void>;
  readonly discoveries: number;
}

const DATA_PLANE = new SyncError('INTERNAL', 'The memory system moves no data.');

/** Makes a source and destination of type `memory`. */
export function createMemorySystem(schemas: readonly SchemaDescription[]): MemorySystem {
  const state = { schemas: [...schemas], password: 'right', failure: undefined as Error | undefined, discoveries: 0 };
  const system: MemorySystem = Object.assign(state, {
    gate: Promise.resolve(),
    definition: {
      type: 'memory',
      label: 'Memory',
      config,
      secrets: ['password'],
      capabilities: {
        source: { supportsTrackingFields: true, configuration: {} },
        destination: {
          modes: ['replicate', 'snapshot'],
          resyncModes: ['refetch'],
          configuration: { schema: { default: 'public' }, advanced: { items: { truncate_existing: {} } } },
          placement: 'worker',
          segmentBytes: 1,
          maxNameBytes: 63,
          reservedSchemas: /^reserved$/,
          distinguishesCase: true,
        },
        target: {
          modes: [{ id: 'create', requiresIdentity: true, supportsPerFieldMode: true, supportsTargetFilters: false }],
        },
      },
      // The registry erases configuration types; the schema above made this value.
      connect: async (given) => connect(system, given as Config),
    } satisfies ConnectorDefinition<unknown>,
  });
  return system;
}

function connect(system: MemorySystem & { discoveries: number }, given: Config): Connector {
  const source: Pick<BulkSource, 'discover' | 'sample'> = {
    discover: async () => {
      system.discoveries += 1;
      await system.gate;
      if (system.failure !== undefined) throw system.failure;
      return system.schemas;
    },
    sample: async (schemaId, limit) => [{ schemaId, limit }],
  };
  return {
    check: async () => {
      if (given.hostname === 'nowhere')
        throw new SyncError('CONN_UNREACHABLE', 'Could not connect to nowhere: unknown host.');
      if (given.password !== system.password) throw new SyncError('CONN_AUTH_REFUSED', 'The password was refused.');
    },
    source: {
      ...source,
      offer: () => [],
      openSnapshot: () => Promise.reject(DATA_PLANE),
      planSegments: () => Promise.reject(DATA_PLANE),
      planTracking: () => Promise.reject(DATA_PLANE),
      read: () => {
        throw DATA_PLANE;
      },
    },
    target: {
      listObjects: async () => [{ id: 'public.people', name: 'people' }],
      describeFields: async (objectId) => (objectId === 'public.people' ? [] : null),
      toObjectId: ({ schema = '', name = '' }) => `${schema}.${name}`,
      creationProperties: async () => [
        { id: 'schema', title: 'Schema', values: [{ label: 'public', value: 'public' }] },
        { id: 'name', title: 'Table name' },
      ],
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
