import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { z } from 'zod';
import {
  choosePath,
  type FileLease,
  leaseFile,
  resolveFilePath,
  toSyncError,
} from '../../connector-kit/duckdb/index.ts';
import {
  type Capabilities,
  type Connector,
  type ConnectorContext,
  type ConnectorDefinition,
  configureTables,
} from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { workFileOf } from './destination/layout.ts';
import { PART_FORMATS, type PartFormat } from './destination/part-format.ts';
import { createDestination } from './destination.ts';

/** Settings of a connection to a folder that is written. */
export interface ParquetConfig {
  /** Folder, relative to the organization's files folder, or absolute inside it. */
  readonly path: string;
  /** Absent = Parquet. */
  readonly format?: PartFormat | undefined;
}

const MIB = 1024 * 1024;

const config = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(1024)
    .describe('Folder, relative to the folder for files of connections. It is made when it does not exist.'),
  format: z.enum(PART_FORMATS).optional().describe('What the files are; Parquet when it is left out.'),
});

const capabilities: Capabilities = {
  destination: {
    modes: ['snapshot'],
    // All three are what every load does: read everything, write new files, exchange them in one step.
    resyncModes: ['refetch', 'resync', 'rebuild'],
    configuration: configureTables('', ['table_prefix']),
    placement: 'owner',
    // One file each. Readers would like larger ones, but twice as much of records of 1 MB breaks the memory limit.
    segmentBytes: 64 * MIB,
    // A folder's name may have 255 bytes, of which escapes take some.
    maxNameBytes: 200,
    // A folder of that name would be taken for the pointer to a table's files.
    reservedSchemas: /^current$/i,
    distinguishesCase: false,
  },
};

/** A folder of Parquet or CSV files, one folder for each table, as a bulk destination. */
export const parquet: ConnectorDefinition<ParquetConfig> = {
  type: 'parquet',
  label: 'Folder of Parquet or CSV files',
  config,
  secrets: [],
  capabilities,
  choices: { path: choosePath(true, (_name, isFolder) => isFolder) },
  placeKeys: ['path', 'format'],
  ownerKey: ({ path }, { filesRoot }) => resolveFilePath(path, filesRoot),
  async connect({ path, format = 'parquet' }, context) {
    return createConnector({ root: resolveFilePath(path, context.filesRoot), format }, context);
  },
};

/** The lock is taken by the first call that writes and held until the connector is disposed. */
function createConnector(
  place: { readonly root: string; readonly format: PartFormat },
  context: ConnectorContext,
): Connector {
  const { root } = place;
  let leased: Promise<FileLease> | null = null;
  const lease = () => {
    leased ??= openLease(root).catch((error: unknown) => {
      leased = null;
      throw error;
    });
    return leased;
  };
  return {
    check: (signal) => checkFolder(root, signal),
    destination: createDestination(place, lease, context),
    async [Symbol.asyncDispose]() {
      const held = leased;
      leased = null;
      // A failed opening has told its caller already.
      const file = await held?.catch(() => null);
      await file?.[Symbol.asyncDispose]();
    },
  };
}

/** A small database file that nobody looks into: DuckDB's lock on it keeps other processes from writing the folder. */
async function openLease(root: string): Promise<FileLease> {
  await makeFolder(root);
  return leaseFile(workFileOf(root));
}

/** Makes the folder and nothing in it. */
async function checkFolder(root: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await makeFolder(root);
}

async function makeFolder(root: string): Promise<void> {
  try {
    const found = await stat(root).catch(() => null);
    if (found !== null && !found.isDirectory()) throw noFolder(root);
    await mkdir(root, { recursive: true });
    await access(root, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw toSyncError(error, 'Opening', root);
  }
}

function noFolder(root: string): SyncError {
  return new SyncError(
    'FILE_INVALID',
    `Opening ${root} failed: there is a file of that name. Name a folder, or a path where nothing is yet.`,
  );
}
