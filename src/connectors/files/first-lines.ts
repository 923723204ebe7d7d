import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
import { SyncError } from '../../core/index.ts';
import type { FileTable, Reading } from './tables.ts';

/** Enough for the names of some thousand columns; a longer line is not judged. */
const HEAD_BYTES = 256 * 1024;
const SEPARATORS = [',', ';', '\t', '|'] as const;
const QUOTED = /"(?:[^"]|"")*"/g;

/**
 * Refuses CSV files whose lines DuckDB's look at them takes for something else than they are, without a word: lines with
 * unlike numbers of fields for a single column, an empty line for names, and values in some files where others have names.
 * @param columns that DuckDB found, by their names
 * @throws `FILE_INVALID`
 */
export async function proveFirstLines(
  table: FileTable,
  columns: readonly string[],
  header: Reading['header'],
): Promise<void> {
  const { name, files } = table;
  const ofFolders = new Set(table.isPartitioned ? files.flatMap(toPartitionKeys) : []);
  const names = columns.filter((column) => !ofFolders.has(column));
  const lines: FirstLine[] = [];
  for (const file of files) {
    const text = await readFirstLine(file);
    if (text !== null && text !== '') lines.push({ file, text });
    if (text === '' && names.length > 1) throw refused(file, name, 'begins with an empty line');
  }
  for (const { file, text } of lines) {
    const isOneField = header === false ? names.length === 1 : names.includes(text.trim());
    if (hasSeparator(text) && isOneField)
      throw refused(
        file,
        name,
        'has lines with unlike numbers of fields near its beginning, or a quote without an end',
      );
  }
  if (header === 'auto' && lines.length > 1) proveHeadings(name, lines, names);
}

function toPartitionKeys(path: string): readonly string[] {
  return [...path.matchAll(/([^/=]+)=[^/]*\//g)].map(([, key = '']) => key);
}

/** Files of one table that are of no size, which have no columns to look at. */
export function withoutEmpty(files: readonly string[], sizes: ReadonlyMap<string, number>): readonly string[] {
  const filled = files.filter((file) => sizes.get(file) !== 0);
  return filled.length === 0 ? files : filled;
}

interface FirstLine {
  readonly file: string;
  readonly text: string;
}

function proveHeadings(name: string, lines: readonly FirstLine[], names: readonly string[]): void {
  const known = new Set(names.map((column) => column.toLowerCase()));
  const isUnnamed = (column: string) => /^column\d+$/.test(column);
  if (!names.includes('column0') || names.every(isUnnamed)) return;
  const headless = lines.find(({ text }) => !isHeading(text, known));
  if (headless !== undefined)
    throw refused(headless.file, name, 'begins with values where other files of the table begin with names');
}

/** Whether the line's fields are all names of columns, in either case. */
function isHeading(text: string, known: ReadonlySet<string>): boolean {
  return SEPARATORS.some((separator) => {
    const named = split(text, separator).filter((field) => field !== '');
    return named.length > 0 && named.every((field) => known.has(field.toLowerCase()));
  });
}

function split(text: string, separator: string): readonly string[] {
  const quoted: string[] = [];
  const bare = text.replaceAll(QUOTED, (part) => `\0${quoted.push(part.slice(1, -1).replaceAll('""', '"')) - 1}\0`);
  return bare
    .split(separator)
    .map((field) => field.replaceAll(/\0(\d+)\0/g, (_, place: string) => quoted[Number(place)] ?? '').trim());
}

function hasSeparator(text: string): boolean {
  const bare = text.replaceAll(QUOTED, '');
  return SEPARATORS.some((separator) => bare.includes(separator));
}

/** Without its end and the mark of byte order; null for a file without any, and for a very long line. */
async function readFirstLine(path: string): Promise<string | null> {
  const head = await readHead(path);
  const text = new TextDecoder().decode(head);
  const end = text.search(/[\r\n]/);
  return end < 0 && (text === '' || head.length >= HEAD_BYTES) ? null : text.slice(0, end < 0 ? undefined : end);
}

async function readHead(path: string): Promise<Uint8Array> {
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  const head = buffer.subarray(0, bytesRead);
  if (!/\.gz$/i.test(path) || bytesRead === 0) return head;
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    throw new SyncError('FILE_INVALID', `Opening ${basename(path)} failed: it is not packed by gzip. Mend the file.`, {
      cause: error,
    });
  }
}

function refused(file: string, table: string, why: string): SyncError {
  return new SyncError(
    'FILE_INVALID',
    `Reading ${table} failed: its file ${basename(file)} ${why}. Mend the file, or take it out of the connection's folder.`,
  );
}
