import { constants, existsSync } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { choosePath, resolveFilePath, runQuery, toSyncError } from '../../connector-kit/duckdb/index.ts';
import {
  type Capabilities,
  type Connector,
  type ConnectorContext,
  type ConnectorDefinition,
  configureTables,
} from '../../connector-kit/index.ts';
import { createDestination } from './destination.ts';
import { FileLeases } from './leases.ts';
import { DuckdbSource } from './source.ts';
import { createTargetCatalogue } from './target.ts';

/** Settings of a DuckDB connection. */
export interface DuckdbConfig {
  /** Relative to the organization's files folder, or absolute inside it. */
  readonly path: string;
}

const MIB = 1024 * 1024;

const config = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(1024)
    .describe('Database file, relative to the folder for files of connections. It is made when it does not exist.'),
});

const TARGET_MODES = [
  ['create', true],
  ['update', true],
  ['updateOrCreate', true],
  ['replace', false],
  ['append', false],
  ['remove', true],
] as const;

const capabilities: Capabilities = {
  source: { supportsTrackingFields: true, supportsUserFields: true, placement: 'owner', configuration: {} },
  destination: {
    modes: ['replicate', 'snapshot'],
    resyncModes: ['refetch', 'resync', 'rebuild'],
    configuration: configureTables('main', ['table_prefix', 'truncate_existing', 'hard_deletes']),
    placement: 'owner',
    segmentBytes: 64 * MIB,
    maxNameBytes: null,
    reservedSchemas: /^(pg_catalog|information_schema|__millrace)$/i,
    distinguishesCase: false,
  },
  target: {
    modes: TARGET_MODES.map(([id, requiresIdentity]) => ({
      id,
      requiresIdentity,
      supportsPerFieldMode: false,
      supportsTargetFilters: false,
    })),
  },
};

/** A DuckDB database file, as either side of a bulk sync. */
export const duckdb: ConnectorDefinition<DuckdbConfig> = {
  type: 'duckdb',
  label: 'DuckDB file',
  config,
  secrets: [],
  capabilities,
  choices: { path: choosePath(true, (name, isFolder) => !isFolder && /\.(duckdb|ddb|db)$/i.test(name)) },
  placeKeys: ['path'],
  ownerKey: ({ path }, { filesRoot }) => resolveFilePath(path, filesRoot),
  async connect({ path }, context) {
    return createConnector(resolveFilePath(path, context.filesRoot), context);
  },
};

/** The file is opened by the first call that needs it and stays open until the connector is disposed. */
function createConnector(path: string, context: ConnectorContext): Connector {
  const leases = new FileLeases(path, context.filesRoot);
  return {
    check: (signal) => checkFile(path, leases, signal),
    source: new DuckdbSource(path, leases, context.credit),
    destination: createDestination(path, (mode) => leases.get(mode), context),
    target: createTargetCatalogue(path, (mode) => leases.get(mode)),
    models: { readQuery: (text, limits, signal) => runQuery(path, text, limits, signal) },
    [Symbol.asyncDispose]: () => leases[Symbol.asyncDispose](),
  };
}

/** A test of a connection makes the folder but no file. A file that cannot be written can be a source still. */
async function checkFile(path: string, leases: FileLeases, signal: AbortSignal): Promise<void> {
  try {
    if (!existsSync(path)) {
      await mkdir(dirname(path), { recursive: true });
      return await access(dirname(path), constants.W_OK);
    }
    await access(path, constants.R_OK);
  } catch (error) {
    throw toSyncError(error, 'Opening', path);
  }
  await (await leases.get('look')).exclusive('Opening', (session) => session.rows('SELECT 1'), signal);
}
