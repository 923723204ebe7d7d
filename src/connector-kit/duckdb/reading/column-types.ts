import type { FieldDescription, FieldType, LogicalType, PickValue } from '../../../core/index.ts';
import { codecOf } from '../types.ts';
import { quoteTokens } from './json-text.ts';

/** What a column of a DuckDB type is in the platform's words, and how its values get into csv. */
export interface ColumnType extends Pick<FieldDescription, 'type' | 'logicalType' | 'canTrack' | 'values'> {
  /** What the values become on the way, as a declared conversion says it; null where nothing changes. */
  readonly convertedTo: string | null;
  /** SQL of a value's text in the wire format `csv` (docs/specs/canonical.md); NULL of NULL. */
  readonly toWire: (column: string) => string;
}

const TEXT: LogicalType = { kind: 'text' };
const asVarchar = (column: string) => `${column}::VARCHAR`;

function plain(type: FieldType, logicalType: LogicalType, canTrack = false): ColumnType {
  return { type, logicalType, canTrack, convertedTo: null, toWire: codecOf(logicalType).toCanonical };
}

/** A whole number of a type that no shared type is as wide as. */
function wideNumber(precision: number): ColumnType {
  return { ...plain('number', { kind: 'decimal', precision, scale: 0 }), toWire: asVarchar };
}

/** Whole numbers of a DuckDB type with fewer bits or no sign stand in the next type that holds all of them. */
function wholeNumber(bits: 16 | 32 | 64): ColumnType {
  return { ...plain('number', { kind: 'integer', bits }, true), toWire: asVarchar };
}

function asText(type: FieldType): ColumnType {
  return { type, logicalType: TEXT, canTrack: false, convertedTo: 'text', toWire: asVarchar };
}

/** A nested value. What `to_json` changes in it shows in the type's name; a field of such a name costs a word too many. */
function asJson(type: FieldType, name: string): ColumnType {
  const holdsFloats = /\b(FLOAT|DOUBLE)\b/.test(name);
  const changes = [
    ...(holdsFloats ? [', NaN and infinities as strings'] : []),
    ...(/\bJSON\b/.test(name) ? [', fractions inside JSON as 64-bit floats'] : []),
  ];
  const toJson = (column: string) => `to_json(${column})::VARCHAR`;
  return {
    type,
    logicalType: { kind: 'json' },
    canTrack: false,
    convertedTo: `json${changes.join('')}`,
    toWire: holdsFloats ? (column) => quoteFloatWords(toJson(column)) : toJson,
  };
}

/** For floats that are no numbers `to_json` writes words that JSON does not know. They become strings, as PostgreSQL makes them. */
function quoteFloatWords(json: string): string {
  const mayHoldSome = `contains(${json}, 'NaN') OR contains(${json}, 'Infinity')`;
  return `CASE WHEN ${mayHoldSome} THEN ${quoteTokens(json, '-?(?:NaN|Infinity)')} ELSE ${json} END`;
}

/** Times whose own print is the canonical text, whatever their unit: cast to another unit, the farthest would not fit. */
function timeOf(unit: string): ColumnType {
  const { toCanonical } = codecOf({ kind: 'timestamp' });
  const toWire = (column: string) =>
    toCanonical(column).replaceAll(/CAST\('0001-01-01' AS [A-Z ]+\)/g, `CAST('0001-01-01' AS ${unit})`);
  return { ...plain('datetime', { kind: 'timestamp' }, true), toWire };
}

/** 32-bit floats are widened before they are printed; DuckDB prints the shortest text that reads back. */
function floatOf(bits: 32 | 64): ColumnType {
  const toWire = (column: string) =>
    `CASE WHEN isfinite(${column}) THEN ${column}::DOUBLE::VARCHAR WHEN isnan(${column}) THEN 'NaN' ` +
    `WHEN ${column} > 0 THEN 'Infinity' WHEN ${column} < 0 THEN '-Infinity' END`;
  return { ...plain('number', { kind: 'float', bits }), toWire };
}

const TYPES: Readonly<Record<string, ColumnType>> = {
  BOOLEAN: plain('boolean', { kind: 'boolean' }),
  TINYINT: wholeNumber(16),
  UTINYINT: wholeNumber(16),
  SMALLINT: wholeNumber(16),
  USMALLINT: wholeNumber(32),
  INTEGER: wholeNumber(32),
  UINTEGER: wholeNumber(64),
  BIGINT: wholeNumber(64),
  UBIGINT: wideNumber(20),
  HUGEINT: wideNumber(39),
  UHUGEINT: wideNumber(39),
  FLOAT: floatOf(32),
  DOUBLE: floatOf(64),
  VARCHAR: plain('string', TEXT),
  BLOB: {
    ...plain('binary', { kind: 'bytes' }),
    toWire: (column) => `'\\x' || lower(hex(${column}))`,
  },
  UUID: plain('string', { kind: 'uuid' }),
  JSON: { ...plain('object', { kind: 'json' }), toWire: asVarchar },
  DATE: plain('datetime', { kind: 'date' }, true),
  TIME: plain('string', { kind: 'time' }),
  TIMESTAMP: plain('datetime', { kind: 'timestamp' }, true),
  TIMESTAMP_S: timeOf('TIMESTAMP_S'),
  TIMESTAMP_MS: timeOf('TIMESTAMP_MS'),
  'TIMESTAMP WITH TIME ZONE': plain('datetime', { kind: 'timestamptz' }, true),
  // The shared types end at microseconds.
  TIMESTAMP_NS: asText('datetime'),
  TIME_NS: asText('string'),
  BIGNUM: asText('number'),
};

/** A column's type by the name that DuckDB's catalogue gives it. A type that is not known travels as DuckDB's own print. */
export function describeType(name: string): ColumnType {
  const known = TYPES[name];
  if (known !== undefined) return known;
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(name);
  if (decimal !== null)
    return plain('number', { kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) });
  if (/\[\d*\]$/.test(name)) return asJson('array', name);
  if (/^(STRUCT|MAP|UNION)\(/.test(name)) return asJson('object', name);
  if (name.startsWith('ENUM(')) return { ...asText('string'), values: readEnumValues(name) };
  return asText('string');
}

/** The values in `ENUM('a', 'it''s')`. */
function readEnumValues(name: string): readonly PickValue[] {
  return [...name.matchAll(/'((?:[^']|'')*)'/g)].map((match) => {
    const value = (match[1] ?? '').replaceAll("''", "'");
    return { label: value, value };
  });
}
