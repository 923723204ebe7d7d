import { quoteName, quotePath, quoteText } from '../../connector-kit/duckdb/index.ts';
import type { FieldDescription } from '../../core/index.ts';
import type { FileTable, Reading } from './tables.ts';

/**
 * Everything is text, and the rules are RFC 4180's. What DuckDB would find out by itself can lose data: it takes lines that
 * do not fit for a heading or a comment, `007` for a number, and quotes of which its sample holds none for text.
 */
const CSV_OPTIONS = [
  'all_varchar = true',
  `quote = '"'`,
  `escape = '"'`,
  `nullstr = ''`,
  'allow_quoted_nulls = false',
  'skip = 0',
  `comment = ''`,
  'strict_mode = true',
  'null_padding = false',
  'ignore_errors = false',
  // A line longer than this stops the reading with an error.
  'max_line_size = 16777216',
  'buffer_size = 33554432',
].join(', ');

/** A table function over all files, for a first look at the columns. */
export function toFirstLook(table: FileTable, reading: Reading): string {
  if (reading.format !== 'json') return toFunction(table, reading);
  const { files } = table;
  // All records are looked at: a type that holds for a sample only would stop the reading later.
  return `read_json(${toList(files)}, sample_size = -1, maximum_sample_files = ${files.length}, maximum_depth = 2, union_by_name = true, ${toPartitions(table)})`;
}

/** Records of a single Parquet file by their places, `to` exclusive; null = up to the end. */
export interface RecordRange {
  readonly from: number;
  readonly to: number | null;
}

/** What stands behind FROM: these files of the table, with all its fields. */
export function toFrom(
  table: FileTable,
  reading: Reading,
  fields: readonly FieldDescription[],
  records: RecordRange | null = null,
): string {
  if (reading.format === 'json') {
    const columns = fields.map(({ id, remoteType }) => `${quoteText(id)}: ${quoteText(remoteType)}`).join(', ');
    return `read_json(${toList(table.files)}, columns = {${columns}}, ${toPartitions(table)})`;
  }
  // A file that lacks a column has NULLs there, also where none of these files has it.
  const none = fields.map(({ id, remoteType }) => `NULL::${remoteType} AS ${quoteName(id)}`).join(', ');
  return `(SELECT ${none} WHERE false UNION ALL BY NAME SELECT * FROM ${toFunction(table, reading)}${toPlaces(records)})`;
}

function toPlaces(records: RecordRange | null): string {
  if (records === null) return '';
  return ` WHERE file_row_number >= ${records.from}${records.to === null ? '' : ` AND file_row_number < ${records.to}`}`;
}

function toFunction(table: FileTable, { format, header }: Reading): string {
  const options = `union_by_name = true, ${toPartitions(table)}`;
  if (format === 'parquet') return `read_parquet(${toList(table.files)}, ${options})`;
  const names = header === 'auto' ? '' : `, header = ${header}`;
  return `read_csv(${toList(table.files)}, ${options}, ${CSV_OPTIONS}${names})`;
}

/** The values in the folders' names stay text: `01` is not 1. */
function toPartitions({ isPartitioned }: FileTable): string {
  return isPartitioned ? 'hive_partitioning = true, hive_types_autocast = false' : 'hive_partitioning = false';
}

function toList(files: readonly string[]): string {
  return `[${files.map(quotePath).join(', ')}]`;
}
