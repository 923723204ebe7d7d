import type { TableName } from '../load.ts';

/** An identifier in SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text literal in SQL. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A table's name in SQL, with its schema. */
export function quoteTable(table: TableName): string {
  return `${quoteName(table.schema)}.${quoteName(table.name)}`;
}

/** A path that `read_csv` must not take for a pattern, as a literal. */
export function quotePath(path: string): string {
  return quoteText(path.replace(/[[\]*?]/g, '[$&]'));
}
