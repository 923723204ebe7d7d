import type { Json } from '@duckdb/node-api';
import { describeType, type Session } from '../../connector-kit/duckdb/index.ts';
import type { FieldAssociation, FieldDescription, SchemaDescription } from '../../core/index.ts';
import { toSchemaId } from './schema-id.ts';

type Row = Readonly<Record<string, Json>>;

/** Of the open file, without the system's own and without Millrace's. */
const OURS = `database_name = current_database() AND schema_name <> '__millrace'`;

const TABLES = `
  SELECT schema_name, table_name, estimated_size::VARCHAR AS records, sql FROM duckdb_tables()
  WHERE ${OURS} AND NOT internal AND NOT temporary AND NOT starts_with(table_name, '__millrace_')
  UNION ALL
  SELECT schema_name, view_name, NULL, NULL FROM duckdb_views() WHERE ${OURS} AND NOT internal AND NOT temporary
  ORDER BY schema_name, table_name`;

const COLUMNS = `
  SELECT schema_name, table_name, column_name, data_type, is_nullable, column_default FROM duckdb_columns()
  WHERE ${OURS} AND NOT internal ORDER BY column_index`;

const KEYS = `
  SELECT schema_name, table_name, constraint_type, constraint_name, constraint_column_names AS columns,
    referenced_table, referenced_column_names AS referenced
  FROM duckdb_constraints() WHERE ${OURS} AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY')`;

/** Bytes of the whole file; DuckDB does not tell a table's share without reading its blocks. */
const FILE_BYTES = 'SELECT (block_size * used_blocks)::VARCHAR AS bytes FROM pragma_database_size() LIMIT 1';

/** Every table and view of the file: a handful of statements, however many there are. */
export async function discoverSchemas(session: Session): Promise<readonly SchemaDescription[]> {
  const tables = await session.rows(TABLES);
  const columns = Map.groupBy(await session.rows(COLUMNS), idOf);
  const keys = Map.groupBy(await session.rows(KEYS), idOf);
  const [file] = await session.rows(FILE_BYTES);
  const records = tables.reduce((sum, table) => sum + Number(table.records ?? 0), 0);
  const bytesPerRecord = records === 0 ? 0 : Number(file?.bytes ?? 0) / records;
  return tables.map((table) => {
    const id = idOf(table);
    return toSchema(table, columns.get(id) ?? [], keys.get(id) ?? [], bytesPerRecord);
  });
}

function toSchema(
  table: Row,
  columns: readonly Row[],
  keys: readonly Row[],
  bytesPerRecord: number,
): SchemaDescription {
  const primaryKey = namesOf(keys.find((key) => key.constraint_type === 'PRIMARY KEY')?.columns);
  const associations = listAssociations(String(table.schema_name), keys);
  const records = table.records === null ? null : Number(table.records);
  return {
    id: idOf(table),
    name: String(table.table_name),
    fields: columns.map((column) => toField(column, String(table.sql ?? ''), primaryKey, associations)),
    primaryKey,
    estimatedRecords: records,
    estimatedBytes: records === null ? null : Math.round(records * bytesPerRecord),
  };
}

function toField(
  column: Row,
  tableSql: string,
  primaryKey: readonly string[],
  associations: ReadonlyMap<string, FieldAssociation>,
): FieldDescription {
  const name = String(column.column_name);
  const remoteType = String(column.data_type);
  const { type, logicalType, canTrack, values } = describeType(remoteType);
  const isGenerated = column.column_default !== null && isGeneratedIn(tableSql, name, remoteType);
  const association = associations.get(name);
  return {
    id: name,
    name,
    type,
    remoteType,
    logicalType,
    canTrack: canTrack && !isGenerated,
    isNullable: column.is_nullable === true,
    isPrimaryKey: primaryKey.includes(name),
    ...(isGenerated ? { isGenerated } : {}),
    ...(association === undefined ? {} : { association }),
    ...(values === undefined ? {} : { values }),
  };
}

/** The catalogue tells a generated column from one with a default only in the table's definition. */
function isGeneratedIn(tableSql: string, name: string, type: string): boolean {
  const quoted = `"${name.replaceAll('"', '""')}"`;
  return [name, quoted].some((written) => tableSql.includes(`${written} ${type} GENERATED ALWAYS AS(`));
}

/** A foreign key lies within one schema of the file, and names the table without it. */
function listAssociations(schema: string, keys: readonly Row[]): ReadonlyMap<string, FieldAssociation> {
  const found = new Map<string, FieldAssociation>();
  for (const key of keys) {
    if (key.constraint_type !== 'FOREIGN KEY') continue;
    const referenced = namesOf(key.referenced);
    const name = String(key.constraint_name);
    const referenceTo = [toSchemaId({ schema, name: String(key.referenced_table) })];
    namesOf(key.columns).forEach((column, i) => {
      found.set(column, { id: name, name, referenceTo, referencedField: referenced[i] ?? '' });
    });
  }
  return found;
}

function idOf(row: Row): string {
  return toSchemaId({ schema: String(row.schema_name), name: String(row.table_name) });
}

function namesOf(list: Json | undefined): readonly string[] {
  return Array.isArray(list) ? list.map(String) : [];
}
