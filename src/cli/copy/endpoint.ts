import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { UsageError } from '../usage-error.ts';
import { parsePostgresUrl } from './postgres-url.ts';

/** One end of a copy. */
export type Endpoint =
  | { readonly kind: 'saved'; readonly idOrName: string }
  | {
      readonly kind: 'new';
      /** Connection type. */
      readonly type: string;
      readonly configuration: Readonly<Record<string, unknown>>;
      /** Absolute path of the file, folder or pattern on this machine; null where it is none. */
      readonly path: string | null;
    };

export type Side = 'from' | 'to';

/** `type:path` says what a path is where its name does not. */
const EXPLICIT = /^(duckdb|parquet|csv|json|connection):(.+)$/s;

const FORMATS: Readonly<Record<string, string>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.parquet': 'parquet',
  '.pq': 'parquet',
  '.json': 'json',
  '.jsonl': 'json',
  '.ndjson': 'json',
};
const DATABASE_ENDINGS = new Set(['.duckdb', '.ddb']);

/**
 * Understands an argument of `copy`: a PostgreSQL URL, a DuckDB file, files or a folder, or a saved connection.
 * @param folder that relative paths start from, absolute; null where paths are those of another machine
 * @throws `UsageError` saying how to write it
 */
export function parseEndpoint(text: string, side: Side, folder: string | null): Endpoint {
  if (/^postgres(ql)?:/i.test(text)) return { kind: 'new', ...parsePostgresUrl(text), path: null };
  const [, type, value = ''] = EXPLICIT.exec(text) ?? [];
  if (type === 'connection') return { kind: 'saved', idOrName: value };
  if (type !== undefined) return toFile(type, value, side, folder);
  const scheme = /^([a-z][a-z0-9+]*):\/\//i.exec(text)?.[1];
  if (scheme !== undefined) {
    throw new UsageError(
      `${side}: "${scheme}://" is nothing that copy knows: write postgresql://user@host/database, or a path.`,
    );
  }
  if (DATABASE_ENDINGS.has(extname(text).toLowerCase())) return toFile('duckdb', text, side, folder);
  const format = formatOf(text);
  if (format !== undefined) return toFile(format, text, side, folder);
  if (text.includes('/') || /^\.+$/.test(text) || (folder !== null && isFolder(resolve(folder, text)))) {
    return side === 'to' ? toFile('parquet', text, side, folder) : toFolder(text, folder);
  }
  return { kind: 'saved', idOrName: text };
}

/**
 * CSV files to read, with what their first lines hold.
 * @param header as the connection's setting: `true`, `false` or `auto`; undefined = what the end says already
 * @throws `UsageError` where the end is none of CSV files
 */
export function withHeader(end: Endpoint, header: string | undefined): Endpoint {
  if (header === undefined) return end;
  if (end.kind === 'saved' || end.type !== 'files' || end.configuration.format !== 'csv')
    throw new UsageError('--header is for CSV files to read, and <from> is something else.');
  const setting = header === 'auto' ? header : header === 'true';
  return { ...end, configuration: { ...end.configuration, header: setting } };
}

/** The connection for a path of a known kind. */
function toFile(kind: string, text: string, side: Side, folder: string | null): Endpoint {
  const path = folder === null ? text : toRealPath(resolve(folder, text));
  if (kind === 'duckdb') {
    if (side === 'from' && folder !== null && !existsSync(path))
      throw new UsageError(`from: there is no file ${path}.`);
    return { kind: 'new', type: 'duckdb', configuration: { path }, path };
  }
  if (side === 'from') return { kind: 'new', type: 'files', configuration: { path, format: kind }, path };
  if (kind === 'json')
    throw new UsageError(
      'to: json files cannot be written; name a folder for Parquet or CSV, a .duckdb file or a database.',
    );
  if (formatOf(text) !== undefined) {
    const named = `${kind === 'csv' ? 'csv:' : ''}${join(dirname(text), stem(text))}/`;
    throw new UsageError(
      `to: ${kind === 'csv' ? 'CSV' : 'Parquet'} is written into a folder, with a folder for each table in it: name one, such as ${named}.`,
    );
  }
  return { kind: 'new', type: 'parquet', configuration: { path, ...(kind === 'csv' ? { format: kind } : {}) }, path };
}

/** A folder to read, by the one kind of file that is in it. */
function toFolder(text: string, folder: string | null): Endpoint {
  if (folder === null || text.includes('*'))
    throw new UsageError(`from: say what is in ${text}: csv:${text}, json:${text} or parquet:${text}.`);
  const path = resolve(folder, text);
  if (!isFolder(path)) throw new UsageError(`from: there is no folder ${path}.`);
  const found = findFormats(path);
  const [format, second] = found;
  if (format === undefined) throw new UsageError(`from: ${path} holds no CSV, JSON or Parquet files.`);
  if (second === undefined) return toFile(format, text, 'from', folder);
  throw new UsageError(
    `from: ${path} holds ${[...found].join(' and ')} files: say which with ${format}:${text} or ${second}:${text}.`,
  );
}

/** Formats of the files below a folder, links followed once. What tools keep for themselves begins with `.` or `_`. */
function findFormats(path: string, seen: Set<string> = new Set(), found: Set<string> = new Set()): Set<string> {
  const real = realpathSync(path);
  if (seen.has(real)) return found;
  seen.add(real);
  for (const name of readdirSync(path).filter((entry) => !/^[._]/.test(entry))) {
    const format = formatOf(name);
    if (isFolder(join(path, name))) findFormats(join(path, name), seen, found);
    else if (format !== undefined) found.add(format);
  }
  return found;
}

function formatOf(name: string): string | undefined {
  return FORMATS[extname(name.replace(/\.gz$/i, '')).toLowerCase()];
}

function stem(text: string): string {
  const name = basename(text).replace(/\.gz$/i, '');
  return basename(name, extname(name));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Links resolved as far as the path exists, as the server does it. A pattern never exists. */
function toRealPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return dirname(path) === path ? path : join(toRealPath(dirname(path)), basename(path));
  }
}
