import { codecOf, describeType, quoteName, quotePath, quoteText } from '../../../connector-kit/duckdb/index.ts';

/** What the files of a folder hold. */
export const PART_FORMATS = ['parquet', 'csv'] as const;
export type PartFormat = (typeof PART_FORMATS)[number];

/** A column of a table's files. */
export interface PartColumn {
  readonly name: string;
  /** Of DuckDB, also where a file holds text alone. */
  readonly type: string;
}

/**
 * Row groups of DuckDB's own size, closed earlier where records are wide, so that writing one stays within the memory
 * limit. The file's name is ours already, so DuckDB needs none of its own.
 */
const PARQUET = `FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880, ROW_GROUP_SIZE_BYTES '32MB', USE_TMP_FILE false`;

const RFC_4180 = `DELIM ',', QUOTE '"', ESCAPE '"', NULLSTR ''`;
const CSV = `FORMAT csv, HEADER true, ${RFC_4180}, USE_TMP_FILE false`;
/** On one thread, which takes every line end in a value for what it is. Longer than any record that a load takes. */
const CSV_READING = `header = true, auto_detect = false, delim = ',', quote = '"', escape = '"', new_line = '\\n', nullstr = '', allow_quoted_nulls = false, max_line_size = 40000000, buffer_size = 80000000, parallel = false`;

/** The format of a file by its name; null for what is no file of a table. */
export function formatOf(name: string): PartFormat | null {
  return PART_FORMATS.find((format) => name.endsWith(`.${format}`)) ?? null;
}

/** SQL that writes the records of `from`, which has these columns, as one file. */
export function toCopy(format: PartFormat, columns: readonly PartColumn[], from: string, path: string): string {
  const values = columns.map(({ name, type }) => {
    const column = quoteName(name);
    return format === 'csv' ? `${toText(column, type)} AS ${column}` : column;
  });
  return `COPY (SELECT ${values.join(', ')} FROM ${from}) TO ${quoteText(path)} (${format === 'csv' ? CSV : PARQUET})`;
}

/** What stands behind FROM: files of one format, with these columns in this order and their types. Names of folders are no columns. */
export function readParts(paths: readonly string[], columns: readonly PartColumn[]): string {
  const list = `[${paths.map(quotePath).join(', ')}], hive_partitioning = false`;
  if (formatOf(paths[0] ?? '') !== 'csv') return `read_parquet(${list})`;
  const texts = columns.map((_, i) => `'c${i}': 'VARCHAR'`);
  const values = columns.map(({ name, type }, i) => `${codecOfType(type).fromText(`c${i}`)} AS ${quoteName(name)}`);
  return `(SELECT ${values.join(', ')} FROM read_csv(${list}, columns = {${texts.join(', ')}}, ${CSV_READING}))`;
}

/** As on the wire (docs/specs/canonical.md), but a 32-bit float with its own digits only: whoever reads it rounds it once. */
function toText(column: string, type: string): string {
  if (type !== 'FLOAT') return describeType(type).toWire(column);
  return describeType('DOUBLE').toWire(`${column}::VARCHAR::DOUBLE`);
}

function codecOfType(type: string) {
  return codecOf(describeType(type).logicalType);
}
