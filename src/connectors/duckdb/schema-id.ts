import { quoteTable } from '../../connector-kit/duckdb/index.ts';
import type { TableName } from '../../connector-kit/index.ts';
import { splitSchemaId } from '../../core/index.ts';

/** `schema.table`, the public id of a table; a part with a dot or a quote in it is quoted as in SQL. */
export function toSchemaId({ schema, name }: TableName): string {
  return `${toPart(schema)}.${toPart(name)}`;
}

/** The table of a schema id in SQL. */
export function toTable(schemaId: string): string {
  const { schema, name } = splitSchemaId(schemaId);
  return quoteTable({ schema: schema ?? 'main', name });
}

function toPart(name: string): string {
  return /[."]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
