import { createHash, type Hash } from 'node:crypto';
import { SyncError } from '../../core/index.ts';

/** Raised when a reader of the old layout would misread the new one. */
export const BACKUP_VERSION = 1;

/** First line of a backup. */
export interface BackupHeader {
  readonly millraceBackup: number;
  /** ISO 8601, by the database's clock. */
  readonly createdAt: string;
  /** Of the program that wrote it. */
  readonly millrace: string;
  /** What the tables look like. */
  readonly migrations: readonly { readonly number: number; readonly name: string; readonly checksum: string }[];
  /** Hexadecimal; tells whether a master key is the one that the secrets were sealed under. */
  readonly keyCheck: string;
  /** Base64; null unless it was asked for. */
  readonly masterKey: string | null;
  /** API keys of the command line as its file holds them, in clear; null unless they were asked for. */
  readonly commandLine: unknown;
}

/** In front of a table's rows. */
export interface TableHeader {
  readonly table: string;
  readonly columns: readonly string[];
}

/** Behind a table's rows. */
export interface TableEnd {
  readonly table: string;
  readonly rows: number;
  readonly sha256: string;
}

/** Last line: without it the file was cut off. */
export interface BackupEnd {
  readonly tables: number;
  readonly rows: number;
}

/**
 * What a line is. The file is compressed by gzip; in it, lines that begin with `#` and a word describe, and each other
 * line is one row as a JSON object. So it can be read without us: `zcat FILE | grep -v '^#'`.
 */
export type BackupLine =
  | ({ readonly kind: 'backup' } & BackupHeader)
  | ({ readonly kind: 'table' } & TableHeader)
  | { readonly kind: 'row'; readonly text: string }
  | ({ readonly kind: 'end-of-table' } & TableEnd)
  | ({ readonly kind: 'end' } & BackupEnd);

/** One descriptive line, without its end. */
export function toLine(line: Exclude<BackupLine, { readonly kind: 'row' }>): string {
  const { kind, ...facts } = line;
  return `#${kind} ${JSON.stringify(facts)}`;
}

const KINDS = ['backup', 'table', 'end-of-table', 'end'];

/** @throws `BACKUP_INVALID` */
export function parseLine(text: string): BackupLine {
  if (!text.startsWith('#')) return { kind: 'row', text };
  const space = text.indexOf(' ');
  const kind = text.slice(1, space);
  try {
    const facts: unknown = JSON.parse(text.slice(space + 1));
    // Written by `toLine`; what was changed since does not fit the checksums.
    if (KINDS.includes(kind) && typeof facts === 'object' && facts !== null) return { kind, ...facts } as BackupLine;
  } catch {
    // The same as a kind that we do not know.
  }
  throw damaged('a line in it is none of a backup');
}

/** Over a table's rows with their ends of line. */
export function createRowHash(): { add(row: string): void; digest(): string } {
  const hash: Hash = createHash('sha256');
  return { add: (row) => void hash.update(row).update('\n'), digest: () => hash.digest('hex') };
}

/** @param cause what the database said; it can hold values, so the message does not */
export function damaged(why: string, cause?: unknown): SyncError {
  const message = `The file is no whole backup: ${why}. Nothing was restored. Take another one.`;
  return new SyncError('BACKUP_INVALID', message, { cause });
}
