import { isAbort, SyncError } from '../../core/index.ts';

/** What DuckDB was asked to do, in words that stand in an error message: `Opening the file`. */
export type Action = string;

interface Rule {
  readonly pattern: RegExp;
  readonly toError: (match: RegExpExecArray, action: Action, path: string) => SyncError;
}

const OUT_OF_MEMORY = /^Out of Memory Error|failed to (pin|allocate)|could not allocate/;

/** First match wins. DuckDB puts record values behind the first line and into some first lines, so none is passed on. */
const RULES: readonly Rule[] = [
  {
    pattern: /Could not set lock on file .*?(?:\(PID (\d+)\)|$)/m,
    toError: (match, action, path) => fileLocked(action, path, match[1]),
  },
  {
    pattern: /not a valid DuckDB database file|Corrupt database file|we can only read versions|Is a directory/,
    toError: (match, action, path) =>
      new SyncError(
        'FILE_INVALID',
        `${action} ${path} failed: DuckDB says "${match[0]}". Name a DuckDB database of a version that this Millrace reads, or a path where no file is yet.`,
      ),
  },
  {
    pattern:
      /Malformed JSON in file .*?(at byte \d+ in line \d+)|No magic bytes found at end of file|too small to be a Parquet file|Error when sniffing file|This file is not utf-8 encoded|Input is not a GZIP stream|Invalid Error: (?:TProtocolException|don't know what type)/,
    toError: (match, action, path) =>
      new SyncError(
        'FILE_INVALID',
        `${action} ${path} failed: DuckDB says "${match[1] === undefined ? match[0] : `malformed JSON ${match[1]}`}". Mend the file, or correct the connection's format.`,
      ),
  },
  {
    // A schema of a catalog's own name: every table in it would have to be named with the catalog before it.
    pattern: /Ambiguous reference to catalog or schema "([^"]*)"/,
    toError: (match, action, path) =>
      new SyncError(
        'REQUEST_REFUSED',
        `${action} ${path} failed: the schema has the name of the file, or one that DuckDB keeps for itself ("${match[1]}"). Choose another destination schema.`,
      ),
  },
  {
    pattern: /database does not exist/,
    toError: (_, action, path) =>
      new SyncError(
        'CONN_DATABASE_MISSING',
        `${action} ${path} failed: there is no such file. Put it there, or correct the connection's path.`,
      ),
  },
  {
    pattern: /No space left on device|ENOSPC|max_temp_directory_size/,
    toError: (_, action, path) =>
      new SyncError(
        'DISK_FULL',
        `${action} ${path} failed: the disk is full. Free space beside the file, then start again.`,
      ),
  },
  {
    pattern: /Input\/output error|\bEIO\b/,
    toError: (_, action, path) =>
      new SyncError(
        'DISK_FAILED',
        `${action} ${path} failed: the disk answered with an input/output error. Look at the log of the machine and at the disk, then start again.`,
      ),
  },
  {
    pattern: /Permission denied|Read-only file system|Operation not permitted|EACCES|EROFS|EPERM/,
    toError: (match, action, path) =>
      new SyncError(
        'CONN_PRIVILEGE_MISSING',
        `${action} ${path} failed: "${match[0]}". The user of the Millrace process must be able to write the file and its folder.`,
      ),
  },
  {
    pattern: /^FATAL Error|database has been invalidated/,
    toError: (match, action, path) =>
      new SyncError(
        'CONN_LOST',
        `${action} ${path} failed: DuckDB gave the open file up. It is opened again by itself.`,
        {
          detail: { isFatal: true, isMemory: OUT_OF_MEMORY.test(match.input) },
        },
      ),
  },
  {
    pattern: OUT_OF_MEMORY,
    toError: (_, action, path) =>
      new SyncError(
        'MEMORY_EXHAUSTED',
        `${action} ${path} failed: DuckDB reached its memory limit. Leave large fields out of the sync, or run Millrace on a machine with more memory.`,
        { detail: { isMemory: true } },
      ),
  },
  {
    pattern: /^INTERRUPT Error/,
    toError: () => new SyncError('CANCELED', 'The work was cancelled.'),
  },
  {
    pattern: /write-write conflict|Conflict on (tuple|update)/,
    toError: (_, action, path) =>
      new SyncError(
        'CONN_LOST',
        `${action} ${path} failed: another transaction wrote the same records. It is tried again by itself.`,
        { detail: { isConflict: true } },
      ),
  },
  {
    pattern: /Expected Number of Columns|Parallel CSV Reader|unterminated quote|Maximum line size/i,
    toError: (match, action, path) =>
      new SyncError('FORMAT_CORRUPT', `${action} ${path} failed: DuckDB's CSV reader says "${match[0]}". Report it.`),
  },
  {
    pattern: /Error when converting column "c(\d+)".*? to '([^']*)'/s,
    toError: (match, action, path) =>
      new SyncError(
        'RECORD_REFUSED',
        `${action} ${path} failed: a value of the column at position ${match[1]} is no ${match[2]}.`,
      ),
  },
  {
    pattern: /when casting from source column c(\d+)/,
    toError: (match, action, path) =>
      new SyncError(
        'RECORD_REFUSED',
        `${action} ${path} failed: a value of the column at position ${match[1]} does not fit its type.`,
      ),
  },
  {
    pattern: /^Conversion Error|^Out of Range Error|^Invalid Input Error/,
    toError: (_, action, path) =>
      new SyncError('RECORD_REFUSED', `${action} ${path} failed: a value does not fit its column's type.`),
  },
  {
    pattern: /^Constraint Error: (NOT NULL|CHECK) constraint failed[^\n]*/,
    toError: (match) => new SyncError('RECORD_REFUSED', match[0].replace(/^Constraint Error: /, '')),
  },
  {
    // At the end of a statement or of the transaction.
    pattern: /^(?:Constraint Error|TransactionContext Error: Failed to commit): .*?(foreign key|primary key|unique)/i,
    toError: (match) =>
      new SyncError('RECORD_REFUSED', `The table's ${match[1]?.toLowerCase()} constraint was violated.`),
  },
];

/** A driver or file system error as ours; `action` and `path` begin its message. Passes our own errors on. */
export function toSyncError(error: unknown, action: Action, path: string): SyncError {
  if (error instanceof SyncError) return error;
  if (isAbort(error)) return new SyncError('CANCELED', 'The work was cancelled.');
  const message = error instanceof Error ? error.message : String(error);
  for (const { pattern, toError } of RULES) {
    const match = pattern.exec(message);
    if (match !== null) return withLine(toError(match, action, path), message);
  }
  // The class of the error says what to look for; the rest of its text may hold record values.
  const kind = /^[A-Za-z ]+ Error/.exec(message)?.[0] ?? codeOf(error) ?? 'an unknown error';
  return new SyncError('INTERNAL', `${action} ${path} failed: DuckDB answered ${kind}${describe(message)}. Report it.`);
}

/** With what DuckDB's CSV reader says of the place: its line, and the file where it reads several. */
function withLine(error: SyncError, message: string): SyncError {
  const line = /^[A-Za-z ]+ Error: CSV Error on Line: (\d+)/.exec(message)?.[1];
  if (line === undefined) return error;
  const file = /^ {2}file = (?:.*\/)?(.+)$/m.exec(message)?.[1];
  const detail = { ...error.detail, line: Number(line), ...(file === undefined ? {} : { file }) };
  return new SyncError(error.code, error.message, { detail });
}

/** Another holder of the file: a process by its id, or another sync of this one. */
export function fileLocked(action: Action, path: string, pid: string | undefined): SyncError {
  if (pid === undefined || Number(pid) === process.pid)
    return new SyncError(
      'FILE_LOCKED',
      `${action} ${path} failed: another sync of this server has it open. Millrace tries again by itself.`,
    );
  return new SyncError(
    'FILE_LOCKED',
    `${action} ${path} failed: the process ${pid} has it open. Close it there; Millrace tries again by itself.`,
    { detail: { pid: Number(pid) } },
  );
}

/** True for an error that a second, more careful reading of the same csv may avoid. */
export function isReadingFailure(error: unknown): boolean {
  return error instanceof SyncError && (error.code === 'RECORD_REFUSED' || error.code === 'FORMAT_CORRUPT');
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null;
}

function describe(message: string): string {
  const isAboutNames = /^(Catalog|Binder|Parser|Dependency|INTERNAL|IO|TransactionContext) Error/.test(message);
  return isAboutNames ? `: ${(message.split('\n')[0] ?? '').replace(/^[A-Za-z ]+ Error: /, '')}` : '';
}
