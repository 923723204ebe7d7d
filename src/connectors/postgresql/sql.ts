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
export function toColumn(field: Pick<FieldDescription, 'id' | 'userPath' | 'remoteType'>): string {
  const [holder, ...path] = field.userPath ?? [];
  return holder === undefined ? quoteName(field.id) : toUserColumn(holder, path, field.remoteType);
}

/** A value inside of JSON as its declared type; JSON's null and a missing key are NULL. */
function toUserColumn(holder: string, path: readonly string[], type: string): string {
  const json = `${quoteName(holder)}::jsonb`;
  const place = `ARRAY[${path.map(quoteText).join(', ')}]::text[]`;
  if (type === 'jsonb') return `nullif(${json} #> ${place}, 'null')`;
  return `(${json} #>> ${place})::${type}`;
}
