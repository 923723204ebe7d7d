import { stat } from 'node:fs/promises';
import { describeType, quotePath, quoteText, type Session } from '../../connector-kit/duckdb/index.ts';
import { type FieldDescription, type SchemaDescription, SyncError } from '../../core/index.ts';
import { proveFirstLines, withoutEmpty } from './first-lines.ts';
import { toFirstLook } from './reader.ts';
import type { FileTable, Format, Reading } from './tables.ts';

/** Types that JSON itself has. The rest of what DuckDB reads into strings would change their text. */
const JSON_TYPES: readonly string[] = ['BOOLEAN', 'BIGINT', 'HUGEINT', 'DOUBLE', 'JSON', 'VARCHAR'];
const TEXT_TYPES: readonly string[] = ['DATE', 'TIME', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'UUID'];

/** The fields of a table, from its files themselves. @throws `FILE_INVALID` */
export async function describeTable(session: Session, table: FileTable, reading: Reading): Promise<SchemaDescription> {
  const { format, header } = reading;
  const sizes = await sizesOf(table.files);
  const looked = { ...table, files: withoutEmpty(table.files, sizes) };
  const rows = await session.rows(`DESCRIBE SELECT * FROM ${toFirstLook(looked, reading)}`).catch((error: unknown) => {
    throw toInvalid(error, table, format);
  });
  const columns = rows.map((row) => ({ name: String(row.column_name), type: String(row.column_type) }));
  const names = columns.map(({ name }) => name);
  if (format === 'json') await refuseTwins(session, table, names);
  if (format === 'csv') await proveFirstLines(looked, names, header);
  return {
    id: toSchemaId(table.name),
    name: table.name,
    fields: columns.map(({ name, type }) => toField(name, format === 'json' ? toJsonType(type) : type)),
    primaryKey: [],
    estimatedRecords: format === 'parquet' ? await countRecords(session, table) : null,
    estimatedBytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
  };
}

/** The table's name, quoted where a dot in it would look like a schema's end. */
export function toSchemaId(name: string): string {
  return /[."]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

function toField(name: string, remoteType: string): FieldDescription {
  const { type, logicalType, canTrack, values } = describeType(remoteType);
  return {
    id: name,
    name,
    type,
    remoteType,
    logicalType,
    canTrack,
    isNullable: true,
    isPrimaryKey: false,
    ...(values === undefined ? {} : { values }),
  };
}

function toJsonType(type: string): string {
  if (JSON_TYPES.includes(type)) return type;
  return TEXT_TYPES.includes(type) ? 'VARCHAR' : 'JSON';
}

/** Of keys that differ in case, DuckDB gives the second another name, under which it then finds nothing. */
async function refuseTwins(session: Session, table: FileTable, names: readonly string[]): Promise<void> {
  const lower = new Set(names.map((name) => name.toLowerCase()));
  const twins = names.filter((name) => lower.has(name.toLowerCase().replace(/_\d+$/, '')) && /_\d+$/.test(name));
  for (const name of twins) {
    const [row] = await session.rows(
      `SELECT 1 FROM read_json_objects([${toList(table)}]) WHERE list_contains(json_keys(json), ${quoteText(name)}) LIMIT 1`,
    );
    if (row !== undefined) continue;
    throw new SyncError(
      'FILE_INVALID',
      `The records of ${table.name} have two keys that differ only in case from ${name.replace(/_\d+$/, '')}, which DuckDB does not tell apart. Rename one of them.`,
    );
  }
}

async function countRecords(session: Session, table: FileTable): Promise<number> {
  const [row] = await session.rows(
    `SELECT sum(num_rows)::VARCHAR AS records FROM parquet_file_metadata([${toList(table)}])`,
  );
  return Number(row?.records ?? 0);
}

function toList({ files }: FileTable): string {
  return files.map(quotePath).join(', ');
}

/** A file that is gone by now counts as empty: the image tells later. */
async function sizesOf(files: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const sizeOf = (file: string) =>
    stat(file).then(
      ({ size }) => size,
      () => 0,
    );
  return new Map(await Promise.all(files.map(async (file) => [file, await sizeOf(file)] as const)));
}

function toInvalid(error: unknown, { name }: FileTable, format: Format): unknown {
  if (!(error instanceof SyncError) || (error.kind !== 'data' && error.code !== 'FORMAT_CORRUPT')) return error;
  const line = typeof error.detail.line === 'number' ? `, beginning with line ${error.detail.line}` : '';
  return new SyncError(
    'FILE_INVALID',
    `Reading ${name} failed: a file of it is no ${format} that DuckDB can read${line}. Mend it, or correct the connection's format.`,
    { cause: error },
  );
}
