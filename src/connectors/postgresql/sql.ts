import type { TableName } from '../../connector-kit/index.ts';
import type { FieldDescription } from '../../core/index.ts';

/** A name as SQL takes it, whatever it holds. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string as SQL takes it; sessions keep `standard_conforming_strings` on. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `"schema"."table"` */
export function quoteTable(table: TableName): string {
  return `${quoteName(table.schema)}.${quoteName(table.name)}`;
}

/** The values of a source's field: as they are sent, and as filters ask about them. */
export function toColumn(field: Pick<FieldDescription, 'id'>): string {
  return quoteName(field.id);
}
