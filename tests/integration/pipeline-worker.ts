import { workerData } from 'node:worker_threads';
import { z } from 'zod';
import {
  type Connector,
  type ConnectorContext,
  type ConnectorDefinition,
  type CreditAccount,
  MemoryCredit,
} from '../../src/connector-kit/index.ts';
import { SyncError } from '../../src/core/index.ts';
import { servePipelines } from '../../src/engine/pipeline/index.ts';
import { csvChunk, MemoryLoad } from '../setup/memory-load.ts';

// Entry of pipeline threads whose systems live in memory and fail as their configuration says.

const config = z.object({
  /** Records that the source has. */
  records: z.number().default(0),
  fails: z.enum(['never', 'connect', 'open', 'write', 'thread']).default('never'),
});
type Config = z.infer<typeof config>;

/** Connectors that this thread holds open. */
let open = 0;

const memory: ConnectorDefinition<Config> = {
  type: 'memory',
  label: 'Memory',
  config,
  secrets: [],
  capabilities: {},
  connect: async ({ records, fails }) => {
    if (fails === 'connect') throw new SyncError('CONN_UNREACHABLE', 'Nothing answers.');
    open += 1;
    return {
      ...reading(records),
      ...writing(fails),
      target: counting(),
      check: async () => {},
      [Symbol.asyncDispose]: async () => {
        open -= 1;
      },
    };
  },
};

function reading(records: number): Pick<Connector, 'source'> {
  const read = async function* (_: unknown, signal: AbortSignal) {
    for (let id = 1; id <= records; id += 1) {
      yield { chunk: csvChunk([`${id},name\n`]) };
      // Lets an abort arrive between two chunks.
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
  };
  // Only `read` is asked of a source in a pipeline thread.
  return { source: { read } as unknown as NonNullable<Connector['source']> };
}

function writing(fails: Config['fails']): Pick<Connector, 'destination'> {
  const open = async () => {
    if (fails === 'open') throw new SyncError('CONN_PATH_REFUSED', 'The file lies outside.');
    const load = new MemoryLoad();
    load.beforeWrite = async () => {
      if (fails === 'write') throw new SyncError('DISK_FULL', 'The disk is full.');
      if (fails === 'thread') process.exit(3);
    };
    return load;
  };
  // Only `open` is asked of a destination in a pipeline thread.
  return { destination: { open } as unknown as NonNullable<Connector['destination']> };
}

/** Tells how many connectors are open. */
function counting(): NonNullable<Connector['target']> {
  return {
    listObjects: async () => [{ id: String(open), name: 'open' }],
    describeFields: async () => null,
    toObjectId: () => '',
    creationProperties: async () => [],
  };
}

servePipelines({
  connectors: new Map([['memory', memory as unknown as ConnectorDefinition<unknown>]]), // parses its own configuration
  contextFor: (organizationId) => ({ organizationId }) as ConnectorContext, // `memory` reads nothing of it
  failpoint: () => {},
  credit: new MemoryCredit((workerData as { readonly credit: CreditAccount }).credit), // the thread pool's own
});
