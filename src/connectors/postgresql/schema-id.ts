import type { TableName } from '../../connector-kit/index.ts';
import { SyncError } from '../../core/index.ts';

/**
 * `schema.table`, the public id of a table. A part with a dot or a quote in it is quoted as in SQL, so that every id
 * names one table.
 */
export function toSchemaId(table: TableName): string {
  return `${toPart(table.schema)}.${toPart(table.name)}`;
}

/** The inverse of `toSchemaId`. @throws `SOURCE_CHANGED` for what is no such id */
export function fromSchemaId(id: string): TableName {
  const match = /^("(?:[^"]|"")+"|[^."]+)\.("(?:[^"]|"")+"|[^."]+)$/.exec(id);
  const schema = match?.[1];
  const name = match?.[2];
  if (schema === undefined || name === undefined) {
    throw new SyncError('SOURCE_CHANGED', `${id} is no table of PostgreSQL: write it as schema.table.`);
  }
  return { schema: fromPart(schema), name: fromPart(name) };
}

function toPart(name: string): string {
  return /[."]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

function fromPart(part: string): string {
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part;
}
