import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { type FileLease, leaseFile, resolveFilePath, toSyncError } from '../../connector-kit/duckdb/index.ts';
import type { Capabilities, Connector, ConnectorContext, ConnectorDefinition } from '../../connector-kit/index.ts';
import { createDestination } from './destination.ts';

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

const capabilities: Capabilities = {
  destination: {
    modes: ['replicate', 'snapshot'],
    resyncModes: ['refetch', 'resync', 'rebuild'],
    configuration: {
      schema: { type: 'string', default: 'main' },
      // The public API shows switches without a default.
      mirror_schemas: { type: 'boolean' },
      advanced: {
        items: {
          table_prefix: { type: 'string' },
          truncate_existing: { type: 'boolean' },
          hard_deletes: { type: 'boolean' },
        },
      },
    },
    placement: 'owner',
    segmentBytes: 64 * MIB,
    maxNameBytes: null,
    reservedSchemas: /^(pg_catalog|information_schema|__millrace)$/i,
    distinguishesCase: false,
  },
};

/** A DuckDB database file as a bulk destination. */
export const duckdb: ConnectorDefinition<DuckdbConfig> = {
  type: 'duckdb',
  label: 'DuckDB file',
  config,
  secrets: [],
  capabilities,
  ownerKey: ({ path }, { filesRoot }) => resolveFilePath(path, filesRoot),
  async connect({ path }, context) {
    return createConnector(resolveFilePath(path, context.filesRoot), context);
  },
};

/** The file is opened by the first call that needs it and stays open until the connector is disposed. */
function createConnector(path: string, context: ConnectorContext): Connector {
  let leased: Promise<FileLease> | null = null;
  const lease = () => {
    leased ??= leaseFile(path).catch((error: unknown) => {
      leased = null;
      throw error;
    });
    return leased;
  };
  return {
    check: (signal) => checkFile(path, lease, signal),
    destination: createDestination(path, lease, context),
    async [Symbol.asyncDispose]() {
      const held = leased;
      leased = null;
      // A failed opening has told its caller already.
      const file = await held?.catch(() => null);
      await file?.[Symbol.asyncDispose]();
    },
  };
}

/** A test of a connection makes the folder but no file. */
async function checkFile(path: string, lease: () => Promise<FileLease>, signal: AbortSignal): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await access(dirname(path), constants.W_OK);
    const exists = await stat(path).then(
      () => true,
      () => false,
    );
    if (!exists) return;
    await access(path, constants.W_OK);
  } catch (error) {
    throw toSyncError(error, 'Opening', path);
  }
  await (await lease()).exclusive('Opening', (session) => session.rows('SELECT 1'), signal);
}
