import type { LogicalType } from '../../core/index.ts';

/** DuckDB's widest decimal. */
const MAX_PRECISION = 38;

/** How one column's values get from csv text into DuckDB and from there into canonical text; all are SQL. */
export interface ColumnCodec {
  /** As DuckDB itself prints the type, so that it can be compared with the catalogue's. */
  readonly type: string;
  /** The type that the CSV reader gives the field, and the expression that makes the column's value of it. */
  readonly csvType: string;
  readonly fromCsv: (csv: string) => string;
  /** The same from the field's text: slower, but for every form that a source prints. */
  readonly fromText: (text: string) => string;
  /** Canonical text (docs/specs/canonical.md); NULL of NULL. */
  readonly toCanonical: (column: string) => string;
}

const ZONED = 'TIMESTAMP WITH TIME ZONE';

const asIs = (expression: string) => expression;
const toVarchar = (column: string) => `${column}::VARCHAR`;

function plain(type: string, toCanonical: (column: string) => string = toVarchar): ColumnCodec {
  return { type, csvType: type, fromCsv: asIs, fromText: (text) => `CAST(${text} AS ${type})`, toCanonical };
}

const CODECS: Readonly<Record<Exclude<LogicalType['kind'], 'integer' | 'decimal' | 'float'>, ColumnCodec>> = {
  boolean: plain('BOOLEAN', (column) => `CASE WHEN ${column} THEN 't' WHEN NOT ${column} THEN 'f' END`),
  text: plain('VARCHAR', asIs),
  // Cast to BLOB, DuckDB would read `\xdead` as one byte and three letters.
  bytes: {
    type: 'BLOB',
    csvType: 'VARCHAR',
    fromCsv: (csv) => `unhex(substr(${csv}, 3))`,
    fromText: (text) => `unhex(substr(${text}, 3))`,
    toCanonical: (column) => `lower(hex(${column}))`,
  },
  uuid: plain('UUID'),
  json: plain('JSON'),
  date: dated('DATE', (text) => `replace(${text}, ' BC', ' (BC)')`),
  time: plain('TIME'),
  timestamp: dated('TIMESTAMP', moveEra),
  timestamptz: zoned(),
};

/** How the values of a logical type are stored. A decimal that DuckDB cannot hold is kept as text. */
export function codecOf(logicalType: LogicalType): ColumnCodec {
  if (logicalType.kind === 'integer') return plain({ 16: 'SMALLINT', 32: 'INTEGER', 64: 'BIGINT' }[logicalType.bits]);
  if (logicalType.kind === 'float') return plain(logicalType.bits === 32 ? 'FLOAT' : 'DOUBLE', floatToCanonical);
  if (logicalType.kind === 'decimal') return decimalCodec(logicalType.precision, logicalType.scale);
  return CODECS[logicalType.kind];
}

/** A negative scale means zeros before the point, a scale beyond the precision zeros behind it. */
function decimalCodec(precision: number, scale: number): ColumnCodec {
  const fraction = Math.max(scale, 0);
  const width = Math.max(precision - Math.min(scale, 0), fraction);
  if (width > MAX_PRECISION) return CODECS.text;
  const type = `DECIMAL(${width},${fraction})`;
  return width === fraction ? plain(type, pureFractionToCanonical) : plain(type);
}

/** Where all digits stand behind the point, DuckDB prints none before it. */
function pureFractionToCanonical(column: string): string {
  return `CASE WHEN ${column} < 0 THEN '-0' || substr(${column}::VARCHAR, 2) ELSE '0' || ${column}::VARCHAR END`;
}

function floatToCanonical(column: string): string {
  const infinity = `CASE WHEN ${column} > 0 THEN 'Infinity' ELSE '-Infinity' END`;
  return `CASE WHEN isnan(${column}) THEN 'NaN' WHEN isinf(${column}) THEN ${infinity} ELSE printf('%.16e', ${column}::DOUBLE) END`;
}

/** Sources print `0044-03-15 BC`, DuckDB `0044-03-15 (BC)`: its own cast of the former forgets the era in silence. */
function dated(type: string, toDuckdbText: (text: string) => string): ColumnCodec {
  return {
    type,
    csvType: type,
    fromCsv: asIs,
    fromText: (text) =>
      `CAST(CASE WHEN ends_with(${text}, ' BC') THEN ${toDuckdbText(text)} ELSE ${text} END AS ${type})`,
    toCanonical: (column) =>
      `CASE WHEN ${column} < CAST('0001-01-01' AS ${type}) AND isfinite(${column}) ` +
      `THEN replace(${column}::VARCHAR, ' (BC)', '') || ' BC' ELSE ${column}::VARCHAR END`,
  };
}

function moveEra(text: string): string {
  return `regexp_replace(${text}, '^([^ ]+) (.*) BC$', '\\1 (BC) \\2')`;
}

/**
 * The CSV reader makes NULL of every text that is no timestamp with a zone, without an error; one without a zone it refuses.
 * The wire has UTC, so both have the same number of microseconds. Casts between the two, and to text, are off by a
 * millisecond behind the year 287396, so they are left out, too.
 */
function zoned(): ColumnCodec {
  const { fromText } = dated(ZONED, moveEra);
  return {
    type: ZONED,
    csvType: 'TIMESTAMP',
    fromCsv: (csv) =>
      `CASE WHEN isfinite(${csv}) THEN make_timestamptz(epoch_us(${csv})) WHEN ${csv} > TIMESTAMP '2000-01-01' ` +
      `THEN CAST('infinity' AS ${ZONED}) WHEN ${csv} IS NOT NULL THEN CAST('-infinity' AS ${ZONED}) END`,
    fromText,
    toCanonical: (column) => {
      const moment = `make_timestamp(epoch_us(${column}))::VARCHAR`;
      const era = `replace(${moment}, ' (BC)', '') || '+00 BC'`;
      return (
        `CASE WHEN NOT isfinite(${column}) THEN ${column}::VARCHAR ` +
        `WHEN ${column} < CAST('0001-01-01' AS ${ZONED}) THEN ${era} ELSE ${moment} || '+00' END`
      );
    },
  };
}
