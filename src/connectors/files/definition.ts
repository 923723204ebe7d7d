import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { z } from 'zod';
import { choosePath, toSyncError } from '../../connector-kit/duckdb/index.ts';
import type { Capabilities, Connector, ConnectorContext, ConnectorDefinition } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';
import { resolvePlace } from './place.ts';
import { FilesSource } from './source.ts';
import { type Format, fitsFormat, listTables, type Reading } from './tables.ts';

/** Settings of a connection to plain files. */
export interface FilesConfig {
  /** Relative to the organization's files folder, or absolute inside it. */
  readonly path: string;
  readonly format: Format;
  /** Absent = `auto`. */
  readonly header?: Reading['header'] | undefined;
}

const config = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .max(1024)
      .describe(
        'A file, a folder, or a pattern with * and **, relative to the folder for files of connections. Each file or folder in a folder is a table; all files of a pattern are one.',
      ),
    format: z
      .enum(['csv', 'parquet', 'json'])
      .describe('What the files hold. JSON: one record a line, or an array of records.'),
    header: z
      .union([z.boolean(), z.literal('auto')], { error: 'must be true, false or "auto"' })
      .optional()
      .describe(
        'CSV only: true when the first line of every file holds names, false when none does, auto to find out (the default).',
      ),
  })
  .refine(({ format, header }) => header === undefined || format === 'csv', {
    path: ['header'],
    error: 'only CSV files have a header',
  });

const capabilities: Capabilities = {
  source: { supportsTrackingFields: true, supportsUserFields: true, placement: 'owner', configuration: {} },
};

/** CSV, Parquet or JSON files, as a bulk source. */
export const files: ConnectorDefinition<FilesConfig> = {
  type: 'files',
  label: 'Files (CSV, Parquet, JSON)',
  config,
  secrets: [],
  capabilities,
  choices: {
    path: choosePath(false, (name, isFolder, { format }) => isFolder || fitsFormat(name, format)),
  },
  // One DuckDB reads them all: a second would take as much memory again.
  ownerKey: ({ path, format }, { filesRoot }) => `${format} files ${resolvePlace(path, filesRoot).path}`,
  async connect(given, context) {
    return createConnector(given, context);
  },
};

function createConnector(
  { path, format, header = 'auto' }: FilesConfig,
  { filesRoot, credit }: ConnectorContext,
): Connector {
  const place = resolvePlace(path, filesRoot);
  const source = new FilesSource({ place, format, header, filesRoot, credit });
  return {
    source,
    async check(signal) {
      await access(place.path, constants.R_OK).catch((error: unknown) => {
        throw toMissing(error, place.path);
      });
      if ((await listTables(place, format, filesRoot)).length === 0) throw nothingThere(path, format);
      // Their contents are looked at, too: what is no such file shows now.
      await source.prove(signal);
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

function toMissing(error: unknown, path: string): SyncError {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  if (!isMissing) return toSyncError(error, 'Opening', path);
  return new SyncError(
    'CONN_DATABASE_MISSING',
    `Opening ${path} failed: there is no such file or folder. Put it there, or correct the connection's path.`,
  );
}

function nothingThere(path: string, format: string): SyncError {
  return new SyncError(
    'CONN_DATABASE_MISSING',
    `Looking for ${format} files at ${JSON.stringify(path)} failed: there are none. Put them there, or correct the connection's path or format.`,
  );
}
