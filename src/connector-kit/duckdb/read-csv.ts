import type { LoadColumn } from '../load.ts';
import { quoteName, quotePath, quoteText } from './sql.ts';
import { codecOf } from './types.ts';

/** A csv file of whole records. */
export interface CsvFile {
  readonly path: string;
  /** Bytes of its longest record. */
  readonly longestRecord: number;
}

/**
 * `typed`: DuckDB's reader converts while it parses, in parallel.
 * `text`: it reads text on one thread, and SQL converts: every form that a source prints, and for a second look at
 * records that the first way refused.
 */
export type ReadingWay = 'typed' | 'text';

/** DuckDB's own default for the longest line; a longer one needs larger buffers. */
const DEFAULT_LINE_BYTES = 2_000_000;
/** Two threads share a 64 MiB segment evenly; the default of 32 MB leaves one of them idle at the end. */
const BUFFER_BYTES = 8 * 1024 * 1024;

const FORMAT = `header = false, auto_detect = false, delim = ',', quote = '"', escape = '"', new_line = '\\n', nullstr = '', allow_quoted_nulls = false`;

/** A SELECT list that makes the columns' values, to stand before `readCsv`'s table function. */
export function selectCsv(columns: readonly LoadColumn[], way: ReadingWay): string {
  return columns
    .map(({ logicalType }, i) => {
      const codec = codecOf(logicalType);
      return way === 'typed' ? codec.fromCsv(csvColumn(i)) : codec.fromText(csvColumn(i));
    })
    .join(', ');
}

/** A table function that gives the file's fields as columns named by `csvColumn`; `before` names columns that stand in front. */
export function readCsv(
  file: CsvFile,
  columns: readonly LoadColumn[],
  way: ReadingWay,
  before: readonly string[] = [],
): string {
  const fields = [
    ...before.map((name) => `${quoteText(name)}: 'VARCHAR'`),
    ...columns.map(
      ({ logicalType }, i) => `'c${i}': ${quoteText(way === 'typed' ? codecOf(logicalType).csvType : 'VARCHAR')}`,
    ),
  ];
  const longest = Math.max(DEFAULT_LINE_BYTES, file.longestRecord + 1);
  const sizes = `max_line_size = ${longest}, buffer_size = ${Math.max(BUFFER_BYTES, 2 * longest)}`;
  const parallel = way === 'typed' ? 'true' : 'false';
  return `read_csv(${quotePath(file.path)}, columns = {${fields.join(', ')}}, ${FORMAT}, ${sizes}, parallel = ${parallel})`;
}

/** The name of the field at a position, counted from 0. */
export function csvColumn(position: number): string {
  return quoteName(`c${position}`);
}
