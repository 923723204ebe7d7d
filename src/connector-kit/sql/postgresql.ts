import { type FieldDescription, type FilterElement, toElementField, toFilterKind } from '../../core/index.ts';
import type { SqlDialect } from './dialect.ts';

const TEXTS: readonly string[] = ['text', 'character varying'];
const NUMBERS: readonly string[] = ['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision'];

/** PostgreSQL, and what speaks its SQL. For sessions whose client encoding is UTF-8. */
export const POSTGRESQL: SqlDialect = {
  toOperand(field, column) {
    const kind = toFilterKind(field);
    if (kind === 'text') return toText(field, column);
    if (kind !== 'number' || NUMBERS.includes(toBase(field.remoteType))) return column;
    // Money has a cast of its own; numbers of the system (oid, xid …) have their print only.
    return field.remoteType === 'money' ? `${column}::numeric` : `${column}::text::numeric`;
  },
  toLiteral: (field, text) => {
    const type = toLiteralType(field);
    return type === null ? quoteText(text) : `${quoteText(text)}::${type}`;
  },
  toText,
  quoteText,
  toBytewise: (text) => `${text} COLLATE "C"`,
  like: (text, pattern) => `${text} COLLATE "C" LIKE ${quoteText(pattern)}`,
  trim: (text, characters) => `btrim(${text}, ${quoteText(characters)}) COLLATE "C"`,
  hasElement: (field, column, element) =>
    toFilterKind(field) === 'json' ? hasJsonElement(field, column, element) : hasElement(field, column, element),
};

/** A text literal that means the same with `standard_conforming_strings` on and off. */
function quoteText(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

function toText(field: Pick<FieldDescription, 'remoteType'>, column: string): string {
  return TEXTS.includes(toBase(field.remoteType)) ? column : `${column}::text`;
}

function toBase(remoteType: string): string {
  return remoteType.replace(/\(.*?\)/, '');
}

/** Without precision, which would round; null for text, which literals are by themselves. */
function toLiteralType(field: FieldDescription): string | null {
  switch (field.logicalType.kind) {
    case 'integer':
      return 'bigint';
    case 'decimal':
      return 'numeric';
    case 'float':
      return field.logicalType.bits === 32 ? 'real' : 'double precision';
    case 'boolean':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return field.logicalType.kind;
    default:
      return toFilterKind(field) === 'number' ? 'numeric' : null;
  }
}

/** Arrays of other types are compared by the text of their elements. `@>` does not mind NULL among them. */
function hasElement(field: FieldDescription, column: string, { type, text }: FilterElement): string {
  const base = toBase(toElementField(field).remoteType);
  const isKept =
    base === 'real' || base === 'double precision' || base === 'boolean' || base === 'uuid' || base === 'text';
  const shared = type === 'number' ? 'numeric' : 'text';
  const list = isKept ? column : `${column}::${shared}[]`;
  return `${list} @> ARRAY[${quoteText(text)}]::${isKept ? base : shared}[]`;
}

/** Containment of a list in what is no list is false. */
function hasJsonElement(field: FieldDescription, column: string, { type, text }: FilterElement): string {
  const json = type === 'text' ? JSON.stringify(text) : type === 'boolean' ? String(text === 't') : text;
  const operand = field.remoteType === 'jsonb' ? column : `${column}::jsonb`;
  return `${operand} @> ${quoteText(`[${json}]`)}::jsonb`;
}
