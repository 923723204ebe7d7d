import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SyncError } from '../../core/index.ts';
import { readFileIfAny, writePrivateFile } from '../private-file.ts';
import type { Place } from './place.ts';

/** Passwords of the two users that every embedded server has; made once, kept in a private file. */
export interface Secrets {
  /** User `postgres`, for setting up databases and users. */
  readonly superuserPassword: string;
  /** User `millrace`, owner of the database `millrace`, bound by row-level security. */
  readonly password: string;
}

/** Reads the passwords, or makes them while there are no data that older ones would lock away. */
export function findSecrets(place: Place): Secrets {
  const path = join(place.stateFolder, 'passwords.json');
  const text = readFileIfAny(path);
  if (text !== undefined) return parseSecrets(text, path);
  if (existsSync(place.dataFolder)) throw unreadable(path);
  const secrets = { superuserPassword: createPassword(), password: createPassword() };
  writePrivateFile(path, JSON.stringify(secrets));
  return secrets;
}

/** Needs no escaping, neither in a URL nor in SQL. */
function createPassword(): string {
  return randomBytes(24).toString('base64url');
}

function parseSecrets(text: string, path: string): Secrets {
  try {
    // Both fields are checked below.
    const { superuserPassword, password } = JSON.parse(text) as Record<string, unknown>;
    if (typeof superuserPassword === 'string' && typeof password === 'string') return { superuserPassword, password };
  } catch {
    // The same as a file without the fields.
  }
  throw unreadable(path);
}

function unreadable(path: string): SyncError {
  return new SyncError(
    'EMBEDDED_DATABASE_FAILED',
    `Could not open the embedded database: its passwords in ${path} are missing or damaged. Restore that file.`,
  );
}
