import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { link, open, readFile, rename, rm, unlink } from 'node:fs/promises';
import { SyncError } from '../core/index.ts';

/** Where the key that wraps all others comes from. The variable wins over the file. */
export interface MasterKeySource {
  /** Value of MILLRACE_ENCRYPTION_KEY: 32 bytes as 64 hex digits or in base64; null when unset. */
  readonly environment: string | null;
  /** Absolute path, usually `$MILLRACE_HOME/master.key`. */
  readonly file: string;
}

/** A master key, and those that records and purposes get, have so many bytes. */
export const KEY_BYTES = 32;

/** True when secrets of the installation with that key check value were sealed under this key. */
export function isKeyOf(masterKey: Buffer, keyCheck: Buffer): boolean {
  const own = keyCheckOf(masterKey);
  return own.length === keyCheck.length && timingSafeEqual(own, keyCheck);
}

/** The master key as it is set; undefined where there is none. @throws `CONFIG_INVALID` when it is not one */
export async function readMasterKey(source: MasterKeySource): Promise<Buffer | undefined> {
  return source.environment === null
    ? readKeyFile(source.file)
    : parseKey(source.environment, 'MILLRACE_ENCRYPTION_KEY');
}

/** Written under another name, flushed, then linked: a crash leaves a whole key or none, and a key that is there wins. */
export async function storeMasterKey(file: string, masterKey: Buffer): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${masterKey.toString('base64')}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await link(draft, file).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  await unlink(draft);
}

/**
 * The master key that secrets of an installation were sealed under; a new one where there is no installation yet.
 * @param keyCheck of the installation; null = there is none
 * @throws `MASTER_KEY_MISMATCH` when the key is missing or another one. It is never made anew over an existing installation
 */
export async function findMasterKey(source: MasterKeySource, keyCheck: Buffer | null): Promise<Buffer> {
  const given = await readMasterKey(source);
  if (keyCheck === null) return given ?? createKeyFile(source.file);
  if (given !== undefined && isKeyOf(given, keyCheck)) return given;
  const next = source.environment === null ? await readKeyFile(nextFileOf(source)) : undefined;
  if (next === undefined || !isKeyOf(next, keyCheck)) throw mismatch(source, given);
  // An exchange of the key was interrupted behind its commit: this is the end of it.
  await promoteNextKey(source);
  return next;
}

function mismatch({ file }: MasterKeySource, given: Buffer | undefined): SyncError {
  return new SyncError(
    'MASTER_KEY_MISMATCH',
    given === undefined
      ? `The master key is missing: ${file} does not exist and MILLRACE_ENCRYPTION_KEY is not set. Restore the key that belongs to this metadata database; without it the stored secrets cannot be opened.`
      : `The master key does not open this metadata database's secrets. Restore the key that belongs to it in MILLRACE_ENCRYPTION_KEY or ${file}.`,
  );
}

/** Puts a new key beside the one in use, whole and on the disk before it answers. */
export async function prepareNextKey(source: MasterKeySource): Promise<Buffer> {
  const file = nextFileOf(source);
  // One that is there was never used: the exchange that made it did not commit.
  await rm(file, { force: true });
  const key = randomBytes(KEY_BYTES);
  await storeMasterKey(file, key);
  return key;
}

/** Puts the prepared key in the place of the old one, which is kept. May be repeated. @returns where the old one is */
export async function promoteNextKey(source: MasterKeySource): Promise<string> {
  const kept = `${source.file}.old`;
  await rm(kept, { force: true });
  await link(source.file, kept).catch((error: unknown) => {
    // Somebody took the old key away, which is theirs to do.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  });
  await rename(nextFileOf(source), source.file);
  return kept;
}

function nextFileOf({ file }: MasterKeySource): string {
  return `${file}.next`;
}

async function readKeyFile(file: string): Promise<Buffer | undefined> {
  try {
    return parseKey(await readFile(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function createKeyFile(file: string): Promise<Buffer> {
  await storeMasterKey(file, randomBytes(KEY_BYTES));
  return parseKey(await readFile(file, 'utf8'), file);
}

/** @throws `CONFIG_INVALID` @param place where the text stands, for people */
export function parseKey(text: string, place: string): Buffer {
  const trimmed = text.trim();
  const key = /^[0-9a-f]{64}$/i.test(trimmed) ? Buffer.from(trimmed, 'hex') : Buffer.from(trimmed, 'base64');
  if (key.length === KEY_BYTES) return key;
  throw new SyncError(
    'CONFIG_INVALID',
    `The master key in ${place} has ${key.length} bytes and must have ${KEY_BYTES}: give 64 hex digits or the base64 of 32 bytes.`,
  );
}

/** What tells a key without showing it. */
export function keyCheckOf(masterKey: Buffer): Buffer {
  return createHmac('sha256', masterKey).update('millrace key check').digest();
}
