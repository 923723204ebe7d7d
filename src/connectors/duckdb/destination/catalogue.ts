import { quoteText, type Session } from '../../../connector-kit/duckdb/index.ts';
import type { TableName } from '../../../connector-kit/index.ts';

/** A table as DuckDB's catalogue describes it. */
export interface CatalogueTable {
  /** The names as they were written when the table was made. */
  readonly table: TableName;
  readonly isView: boolean;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly primaryKey: readonly string[];
  /** Constraints, indexes, defaults or comments that a swap by rename would lose. */
  readonly hasRules: boolean;
  /** Columns that take no NULL and have no default. */
  readonly required: readonly string[];
  /** The type of a column, whose name is looked up as DuckDB does, without regard to case; undefined = there is none. */
  typeOf(column: string): string | undefined;
  /** True for a column under a constraint or an index, whose type DuckDB does not change. */
  isBound(column: string): boolean;
}

/** Looks a table or view up, without regard to case as DuckDB does; null when there is none. */
export async function findTable(session: Session, table: TableName): Promise<CatalogueTable | null> {
  const [found] = await session.rows(
    `SELECT schema_name, table_name, false AS is_view, comment FROM duckdb_tables() WHERE ${matches(table)} ` +
      `UNION ALL SELECT schema_name, view_name, true, comment FROM duckdb_views() WHERE ${matches(table, 'view_name')}`,
  );
  if (found === undefined) return null;
  const columns = await session.rows(
    `SELECT column_name, data_type, column_default, is_nullable, comment FROM duckdb_columns() WHERE ${matches(table)} ORDER BY column_index`,
  );
  const constraints = await session.rows(
    `SELECT constraint_type, constraint_column_names FROM duckdb_constraints() WHERE ${matches(table)}`,
  );
  const indexes = await session.rows(`SELECT expressions FROM duckdb_indexes() WHERE ${matches(table)}`);
  const key = constraints.find((row) => row.constraint_type === 'PRIMARY KEY')?.constraint_column_names;
  const types = new Map(columns.map((row) => [String(row.column_name).toLowerCase(), String(row.data_type)]));
  const bound = constraints
    .filter((row) => row.constraint_type !== 'NOT NULL')
    .flatMap((row) => (Array.isArray(row.constraint_column_names) ? row.constraint_column_names : []))
    .map((name) => String(name).toLowerCase());
  // The text of a list of expressions, such as `[id, 'lower("name")']`.
  const indexed = indexes.flatMap((row) =>
    String(row.expressions)
      .toLowerCase()
      .split(/[^\p{L}\p{N}_]+/u),
  );
  return {
    table: { schema: String(found.schema_name), name: String(found.table_name) },
    isView: found.is_view === true,
    columns: columns.map((row) => ({ name: String(row.column_name), type: String(row.data_type) })),
    primaryKey: Array.isArray(key) ? key.map(String) : [],
    hasRules:
      constraints.length > 0 ||
      indexes.length > 0 ||
      columns.some((row) => row.column_default !== null) ||
      [found, ...columns].some((row) => row.comment !== null),
    required: columns
      .filter((row) => row.is_nullable === false && row.column_default === null)
      .map((row) => String(row.column_name)),
    typeOf: (column) => types.get(column.toLowerCase()),
    isBound: (column) => bound.includes(column.toLowerCase()) || indexed.includes(column.toLowerCase()),
  };
}

/** The tables of any schema whose names begin with a prefix. */
export async function findTablesByPrefix(session: Session, prefix: string): Promise<TableName[]> {
  const rows = await session.rows(
    `SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database() AND starts_with(table_name, ${quoteText(prefix)})`,
  );
  return rows.map((row) => ({ schema: String(row.schema_name), name: String(row.table_name) }));
}

function matches(table: TableName, nameColumn = 'table_name'): string {
  return (
    `database_name = current_database() AND lower(schema_name) = lower(${quoteText(table.schema)}) ` +
    `AND lower(${nameColumn}) = lower(${quoteText(table.name)})`
  );
}
