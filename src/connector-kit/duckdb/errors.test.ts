import { describe, expect, it } from 'vitest';
import { SyncError } from '../../core/index.ts';
import { toSyncError } from './errors.ts';

/** As DuckDB 1.5.5 and Node print them, record values included. */
const MESSAGES: readonly (readonly [string, string])[] = [
  [
    'IO Error: Could not set lock on file "/f/a.duckdb": Conflicting lock is held in /usr/bin/duckdb (PID 4711). See also https://duckdb.org/docs/stable/connect/concurrency',
    'FILE_LOCKED',
  ],
  ['IO Error: The file "/f/a.duckdb" exists, but it is not a valid DuckDB database file!', 'FILE_INVALID'],
  [
    'IO Error: Corrupt database file: computed checksum 4930934275390297862 does not match stored checksum 13381279445268027142 in block at location 0',
    'FILE_INVALID',
  ],
  ['IO Error: Could not read from file "/f": Is a directory', 'FILE_INVALID'],
  [
    'Binder Error: Ambiguous reference to catalog or schema "shop" - use a fully qualified path like "shop.shop"',
    'REQUEST_REFUSED',
  ],
  ['IO Error: Could not write file "/f/a.duckdb": No space left on device', 'DISK_FULL'],
  [
    'TransactionContext Error: Failed to commit: Could not write file "/f/a.duckdb.wal": No space left on device',
    'DISK_FULL',
  ],
  ['ENOSPC: no space left on device, write', 'DISK_FULL'],
  ['EIO: i/o error, fsync', 'DISK_FAILED'],
  ['IO Error: fsync failed! Input/output error', 'DISK_FAILED'],
  ["EACCES: permission denied, mkdir '/f/x'", 'CONN_PRIVILEGE_MISSING'],
  ['IO Error: Cannot open file "/f/a.duckdb": Permission denied', 'CONN_PRIVILEGE_MISSING'],
  ['Out of Memory Error: failed to pin block of size 256.0 KiB (305.0 MiB/305.1 MiB used)', 'MEMORY_EXHAUSTED'],
  [
    'TransactionContext Error: Failed to commit: failed to pin block of size 1.0 MiB (319.0 MiB/320.0 MiB used)',
    'MEMORY_EXHAUSTED',
  ],
  [
    'FATAL Error: Failed: database has been invalidated because of a previous fatal error. The database must be restarted prior to being used again.',
    'CONN_LOST',
  ],
  ['INTERRUPT Error: Interrupted!', 'CANCELED'],
  ['TransactionContext Error: Conflict on tuple deletion!', 'CONN_LOST'],
  [
    'Conversion Error: CSV Error on Line: 1\nOriginal Line: 7,secret\nError when converting column "c1". Could not convert string "secret" to \'TIMESTAMP\'\n\nColumn c1 is being converted as type TIMESTAMP',
    'RECORD_REFUSED',
  ],
  [
    'Conversion Error: Could not convert string "secret" to DECIMAL(6,2) when casting from source column c1\n\nLINE 1: SELECT …',
    'RECORD_REFUSED',
  ],
  [
    'Invalid Input Error: CSV Error on Line: 2\nOriginal Line: secret,2,3\nExpected Number of Columns: 2 Found: 3',
    'FORMAT_CORRUPT',
  ],
  [
    'Not implemented Error: The Parallel CSV Reader currently does not support a full read on this file. To correctly parse this file, please run with the single threaded error (i.e., parallel = false)',
    'FORMAT_CORRUPT',
  ],
  ['Constraint Error: NOT NULL constraint failed: p.e', 'RECORD_REFUSED'],
  ['Constraint Error: CHECK constraint failed on table p with expression CHECK((e > 0))', 'RECORD_REFUSED'],
  ['Constraint Error: Duplicate key "id: secret" violates primary key constraint.', 'RECORD_REFUSED'],
  ['Constraint Error: PRIMARY KEY or UNIQUE constraint violation: duplicate key "secret"', 'RECORD_REFUSED'],
  [
    'Constraint Error: Violates foreign key constraint because key "id: secret" is still referenced by a foreign key in a different table.',
    'RECORD_REFUSED',
  ],
  [
    'TransactionContext Error: Failed to commit: PRIMARY KEY or UNIQUE constraint violation: duplicate key "secret"',
    'RECORD_REFUSED',
  ],
  ['Catalog Error: Table with name nothere does not exist!\nDid you mean "secret"?', 'INTERNAL'],
  ['Mystery Error: secret', 'INTERNAL'],
  ['IO Error: Cannot open database "/f/a.duckdb" in read-only mode: database does not exist', 'CONN_DATABASE_MISSING'],
  ["Invalid Input Error: No magic bytes found at end of file '/f/secret.csv'", 'FILE_INVALID'],
  [
    'Invalid Input Error: Malformed JSON in file "/f/bad.json", at byte 7 in line 3: unexpected end of data. secret',
    'FILE_INVALID',
  ],
  [
    'Invalid Input Error: CSV Error on Line: 2\nOriginal Line: secret\nInvalid unicode (byte sequence mismatch) detected. This file is not utf-8 encoded.',
    'FILE_INVALID',
  ],
];

describe('toSyncError', () => {
  it('says in which line of a csv file an error is', () => {
    const [message] = MESSAGES.find(([text]) => text.includes('Expected Number of Columns')) ?? [];
    expect(toSyncError(new Error(message), 'Reading', '/f/a.csv').detail).toMatchObject({ line: 2 });
  });

  it.each(MESSAGES)('answers %j with %s, and never with record values', (message, code) => {
    const error = toSyncError(new Error(message), 'Loading', '/f/a.duckdb');
    expect(error.code).toBe(code);
    expect(error.message).not.toContain('secret');
    expect(error.cause).toBeUndefined();
  });

  it('names the process that holds the file', () => {
    const error = toSyncError(new Error(MESSAGES[0]?.[0]), 'Opening', '/f/a.duckdb');
    expect(error.message).toContain('process 4711');
    expect(error.detail).toEqual({ pid: 4711 });
  });

  it('passes on what is ours or an abort', () => {
    const ours = new SyncError('FENCE_LOST', 'lost');
    expect(toSyncError(ours, 'Loading', '/f')).toBe(ours);
    expect(toSyncError(AbortSignal.abort().reason, 'Loading', '/f').code).toBe('CANCELED');
  });
});
