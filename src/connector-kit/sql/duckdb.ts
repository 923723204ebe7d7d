import { type FieldDescription, type FilterElement, toElementField, toFilterKind } from '../../core/index.ts';
import type { SqlDialect } from './dialect.ts';
import { quoteText } from './quote.ts';

/** DuckDB, for the types that its catalogue prints and for the values of users' fields. */
export const DUCKDB: SqlDialect = {
  toOperand(field, column) {
    const kind = toFilterKind(field);
    if (kind === 'text') return toText(field, column);
    const type = kind === 'number' ? toNumberType(field) : null;
    return type !== null && type !== field.remoteType && isConverted(type) ? `CAST(${column} AS ${type})` : column;
  },
  toLiteral: (field, text) => {
    const type = toFilterKind(field) === 'number' ? toNumberType(field) : toLiteralType(field);
    return type === null ? quoteText(text) : `CAST(${quoteText(text)} AS ${type})`;
  },
  toText,
  quoteText,
  // Its order is that of the bytes, unless the column says otherwise.
  toBytewise: (text) => text,
  like: (text, pattern) => `${text} LIKE ${quoteText(pattern)} ESCAPE '\\'`,
  trim: (text, characters) => `trim(${text}, ${quoteText(characters)})`,
  hasElement: (field, column, element) =>
    toFilterKind(field) === 'json' ? hasJsonElement(column, element) : hasElement(field, column, element),
};

/** Without the column's collation, which may ignore case or accents in every comparison. */
function toText(field: Pick<FieldDescription, 'remoteType'>, column: string): string {
  const isText = field.remoteType === 'VARCHAR' || field.remoteType === 'text';
  return `${isText ? column : `CAST(${column} AS VARCHAR)`} COLLATE "C"`;
}

const ANY_SIZE = 'BIGNUM';
const ANY_NUMBER = 'DOUBLE';
const WIDE: readonly string[] = ['UBIGINT', 'HUGEINT', 'UHUGEINT'];

/** Wide enough for every value of the column and for every literal that the filters' reading lets through. */
function toNumberType({ logicalType, remoteType }: FieldDescription): string {
  if (logicalType.kind === 'integer') return 'BIGINT';
  if (logicalType.kind === 'float') return logicalType.bits === 32 ? 'FLOAT' : 'DOUBLE';
  if (logicalType.kind !== 'decimal') return remoteType === ANY_SIZE ? ANY_SIZE : ANY_NUMBER;
  return WIDE.includes(remoteType) ? remoteType : `DECIMAL(${logicalType.precision},${logicalType.scale})`;
}

/** Columns of other types are compared as these by a cast on both sides. */
function isConverted(type: string): boolean {
  return type === ANY_SIZE || type === ANY_NUMBER;
}

/** Null for text, which literals are by themselves. */
function toLiteralType({ logicalType }: FieldDescription): string | null {
  switch (logicalType.kind) {
    case 'boolean':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return logicalType.kind.toUpperCase();
    default:
      return null;
  }
}

/** By the elements' text, which for all but floats is one per value. */
function hasElement(field: FieldDescription, column: string, { type, text }: FilterElement): string {
  const element = toElementField(field);
  const brackets = /(\[\d*\])+$/.exec(field.remoteType)?.[0] ?? '[]';
  const depth = brackets.split('[').length - 1;
  const isFloat = element.logicalType.kind === 'float';
  const list = `CAST(${column} AS ${isFloat ? ANY_NUMBER : 'VARCHAR'}${'[]'.repeat(depth)})`;
  const flat = 'flatten('.repeat(depth - 1) + list + ')'.repeat(depth - 1);
  const wanted = type === 'boolean' ? String(text === 't') : toDecimalText(element.remoteType, text);
  return `list_contains(${flat}, ${isFloat ? toFloatLiteral(element, text) : quoteText(wanted)})`;
}

/** A float of 32 bits is compared after it was widened, on both sides. */
function toFloatLiteral({ logicalType }: Pick<FieldDescription, 'logicalType'>, text: string): string {
  const literal = `CAST(${quoteText(text)} AS ${logicalType.kind === 'float' && logicalType.bits === 32 ? 'FLOAT' : 'DOUBLE'})`;
  return `CAST(${literal} AS DOUBLE)`;
}

/** As DuckDB prints a decimal: all digits of its scale, and no zero before the point where none can stand there. */
function toDecimalText(type: string, text: string): string {
  const [, precision, scaleText] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (scaleText === undefined) return text;
  const scale = Number(scaleText);
  const [whole = '', fraction = ''] = text.split('.');
  if (scale === 0 || fraction.length > scale) return text;
  return `${precision === scaleText ? whole.replace(/0$/, '') : whole}.${fraction.padEnd(scale, '0')}`;
}

const JSON_TYPES = {
  text: "'VARCHAR'",
  uuid: "'VARCHAR'",
  boolean: "'BOOLEAN'",
  number: "'UBIGINT', 'BIGINT', 'HUGEINT', 'DOUBLE'",
} as const;

/** JSON's numbers are doubles here. What is no list has no elements. */
function hasJsonElement(column: string, { type, text }: FilterElement): string {
  const value = "element ->> '$'";
  const wanted = type === 'boolean' ? String(text === 't') : text;
  const isEqual =
    type === 'number'
      ? `TRY_CAST(${value} AS DOUBLE) = CAST(${quoteText(text)} AS DOUBLE)`
      : `(${value}) = ${quoteText(wanted)}`;
  const elements = `(SELECT unnest(json_extract(${column}, '$[*]')) AS element)`;
  const found = `SELECT 1 FROM ${elements} WHERE json_type(element) IN (${JSON_TYPES[type]}) AND ${isEqual}`;
  return `CASE WHEN ${column} IS NOT NULL THEN EXISTS (${found}) END`;
}
