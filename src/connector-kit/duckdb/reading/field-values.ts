import type { FieldDescription, SchemaDescription } from '../../../core/index.ts';
import { SyncError } from '../../../core/index.ts';
import { quoteName } from '../sql.ts';
import { codecOf } from '../types.ts';
import { describeType } from './column-types.ts';
import { jsonAt, textAt } from './json-text.ts';

type Schema = Pick<SchemaDescription, 'id' | 'fields'>;

const NUMBER = String.raw`\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*|NaN|[+-]?Infinity`;

/** SQL of the values of a field, as filters ask about them: a column, or what lies inside of the JSON of one. */
export function toColumn(schema: Schema, field: FieldDescription): string {
  const [holder, ...path] = field.userPath ?? [];
  return holder === undefined ? quoteName(field.id) : toUserColumn(toJsonText(schema, holder), path, field);
}

/** SQL of a field's text in the wire format `csv`. @throws `SOURCE_CHANGED` when the schema has no such field */
export function toWireText(schema: Schema, id: string): string {
  const field = findField(schema, id);
  if (field.userPath === undefined) return describeType(field.remoteType).toWire(quoteName(id));
  return once(toColumn(schema, field), codecOf(field.logicalType).toCanonical);
}

/** For people: what a field that a user added becomes on the way. Null for all others. */
export function describeUserField({ id, userPath, logicalType }: FieldDescription, isText: boolean): string | null {
  if (userPath === undefined) return null;
  const kind = logicalType.kind === 'timestamptz' ? 'timestamp with time zone' : logicalType.kind;
  return `${id}: ${userPath.join('.')} as ${isText ? 'text' : kind}`;
}

/** A column of JSON, of text that holds some, or of nested values. */
function toJsonText(schema: Schema, holder: string): string {
  return describeType(findField(schema, holder).remoteType).toWire(quoteName(holder));
}

/** A value that is none of its declared type stops the reading. */
function toUserColumn(json: string, path: readonly string[], { type, logicalType }: FieldDescription): string {
  switch (logicalType.kind) {
    case 'json':
      return `CAST(${jsonAt(json, path)} AS JSON)`;
    case 'boolean':
    case 'timestamptz':
      return `CAST(${textAt(json, path)} AS ${logicalType.kind.toUpperCase()})`;
    default:
      return type === 'number' ? once(textAt(json, path), toNumberText) : textAt(json, path);
  }
}

/** No type of DuckDB has as many digits as a number in JSON may have, so it stays the text that it is. */
function toNumberText(text: string): string {
  return `CASE WHEN regexp_full_match(${text}, '${NUMBER}') THEN trim(${text}) WHEN ${text} IS NOT NULL THEN error('no number') END`;
}

/** Keeps DuckDB from computing a value anew wherever an expression names it. */
function once(value: string, use: (name: string) => string): string {
  return `list_transform([${value}], lambda v: ${use('v')})[1]`;
}

function findField({ id: schemaId, fields }: Schema, id: string): FieldDescription {
  const field = fields.find((described) => described.id === id);
  if (field !== undefined) return field;
  throw new SyncError('SOURCE_CHANGED', `${schemaId} has no field ${id} any more. Refresh the connection’s schemas.`);
}
