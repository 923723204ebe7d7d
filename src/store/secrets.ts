import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  randomUUID,
  timingSafeEqual,
} from 'node:crypto';
import { link, open, readFile, unlink } from 'node:fs/promises';
import type pg from 'pg';
import { SyncError } from '../core/index.ts';

/** Where the key that wraps all others comes from. The variable wins over the file. */
export interface MasterKeySource {
  /** Value of MILLRACE_ENCRYPTION_KEY: 32 bytes as 64 hex digits or in base64; null when unset. */
  readonly environment: string | null;
  /** Absolute path, usually `$MILLRACE_HOME/master.key`. */
  readonly file: string;
}

/** What a sealed secret belongs to. Sealed bytes copied to another row do not open. */
export interface SecretOwner {
  readonly organizationId: string;
  readonly connectionId: string;
}

/** Seals small JSON objects at rest: AES-256-GCM with a random key per record, itself wrapped by the master key. */
export interface SecretBox {
  seal(values: Readonly<Record<string, unknown>>, owner: SecretOwner): Buffer;
  /** @throws `MASTER_KEY_MISMATCH` when the bytes were changed, moved to another owner or sealed under another key */
  unseal(sealed: Buffer, owner: SecretOwner): Readonly<Record<string, unknown>>;
}

export interface Installation {
  readonly id: string;
  readonly secrets: SecretBox;
  readonly obfuscationKeyOf: ObfuscationKeys;
  readonly linkKeyOf: LinkKeys;
}

/**
 * Key of one organization's obfuscation hash, 32 bytes: derived from the master key and from what the installation drew
 * once, so the metadata database alone does not hold it. The same for as long as both are kept. Never logged or stored.
 */
export type ObfuscationKeys = (organizationId: string) => Uint8Array;

/** Key of the signed links of one organization, 32 bytes, derived as above. Links of before are void once it changes. */
export type LinkKeys = (organizationId: string) => Uint8Array;

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** First byte of sealed bytes: the layout below. */
const LAYOUT = 1;
/** Rises when the master key is rotated; part of what is authenticated. */
const KEY_VERSION = 1;
const HEADER_BYTES = 2;
const WRAPPED_KEY_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/**
 * Finds the master key and proves that it is the one this database was made with; on a new database makes both.
 * @throws `MASTER_KEY_MISMATCH` when the key is missing or another one. It is never made anew over an existing installation
 */
export async function openInstallation(pool: pg.Pool, source: MasterKeySource): Promise<Installation> {
  const found = await readInstallation(pool);
  const masterKey = await findMasterKey(source, found !== undefined);
  const installation = found ?? (await createInstallation(pool, masterKey));
  if (!isKeyOf(masterKey, installation.key_check)) {
    throw new SyncError(
      'MASTER_KEY_MISMATCH',
      `The master key does not open this metadata database's secrets. Restore the key that belongs to it in MILLRACE_ENCRYPTION_KEY or ${source.file}.`,
    );
  }
  return {
    id: installation.id,
    secrets: createSecretBox(masterKey),
    obfuscationKeyOf: (organizationId) =>
      deriveKey(masterKey, installation.obfuscation_salt, `millrace obfuscation ${organizationId}`),
    linkKeyOf: (organizationId) =>
      deriveKey(masterKey, installation.obfuscation_salt, `millrace links ${organizationId}`),
  };
}

function deriveKey(masterKey: Buffer, salt: Buffer, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', masterKey, salt, purpose, KEY_BYTES));
}

interface InstallationRow {
  readonly id: string;
  readonly key_check: Buffer;
  readonly obfuscation_salt: Buffer;
}

async function readInstallation(pool: pg.Pool): Promise<InstallationRow | undefined> {
  const { rows } = await pool.query<InstallationRow>('SELECT id, key_check, obfuscation_salt FROM installation');
  return rows[0];
}

/** Two processes may start on one new database: the first row stays and the second process's key is then checked against it. */
async function createInstallation(pool: pg.Pool, masterKey: Buffer): Promise<InstallationRow> {
  await pool.query(
    'INSERT INTO installation (id, key_check, obfuscation_salt) VALUES ($1, $2, $3) ON CONFLICT (only_row) DO NOTHING',
    [randomUUID(), keyCheckOf(masterKey), randomBytes(KEY_BYTES)],
  );
  const row = await readInstallation(pool);
  if (row === undefined) throw new SyncError('INTERNAL', 'The installation row was written and is not there.');
  return row;
}

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

async function findMasterKey(source: MasterKeySource, mustExist: boolean): Promise<Buffer> {
  const given = await readMasterKey(source);
  if (given !== undefined) return given;
  if (mustExist) {
    throw new SyncError(
      'MASTER_KEY_MISMATCH',
      `The master key is missing: ${source.file} does not exist and MILLRACE_ENCRYPTION_KEY is not set. Restore the key that belongs to this metadata database; without it the stored secrets cannot be opened.`,
    );
  }
  return createKeyFile(source.file);
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

function parseKey(text: string, place: string): Buffer {
  const trimmed = text.trim();
  const key = /^[0-9a-f]{64}$/i.test(trimmed) ? Buffer.from(trimmed, 'hex') : Buffer.from(trimmed, 'base64');
  if (key.length === KEY_BYTES) return key;
  throw new SyncError(
    'CONFIG_INVALID',
    `The master key in ${place} has ${key.length} bytes and must have ${KEY_BYTES}: give 64 hex digits or the base64 of 32 bytes.`,
  );
}

function keyCheckOf(masterKey: Buffer): Buffer {
  return createHmac('sha256', masterKey).update('millrace key check').digest();
}

/** Layout: version, key version, wrapped key (nonce, key, tag), then the values (nonce, JSON, tag). */
export function createSecretBox(masterKey: Buffer): SecretBox {
  return {
    seal: (values, owner) => {
      const recordKey = randomBytes(KEY_BYTES);
      const authenticated = bindingOf(owner, KEY_VERSION);
      return Buffer.concat([
        Buffer.of(LAYOUT, KEY_VERSION),
        encrypt(masterKey, recordKey, authenticated),
        encrypt(recordKey, Buffer.from(JSON.stringify(values), 'utf8'), authenticated),
      ]);
    },
    unseal: (sealed, owner) => {
      try {
        return unsealWith(masterKey, sealed, owner);
      } catch (error) {
        throw new SyncError(
          'MASTER_KEY_MISMATCH',
          `The stored secrets of connection ${owner.connectionId} cannot be opened: they were sealed under another master key or changed since. Enter the connection's secrets again.`,
          { cause: error },
        );
      }
    },
  };
}

function unsealWith(masterKey: Buffer, sealed: Buffer, owner: SecretOwner): Readonly<Record<string, unknown>> {
  if (sealed[0] !== LAYOUT) throw new Error(`unknown layout ${sealed[0]}`);
  const authenticated = bindingOf(owner, sealed[1] ?? 0);
  const recordKey = decrypt(masterKey, sealed.subarray(HEADER_BYTES, HEADER_BYTES + WRAPPED_KEY_BYTES), authenticated);
  const text = decrypt(recordKey, sealed.subarray(HEADER_BYTES + WRAPPED_KEY_BYTES), authenticated).toString('utf8');
  // Authenticated bytes that only `seal` makes, always of an object.
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}

function bindingOf(owner: SecretOwner, keyVersion: number): Buffer {
  return Buffer.from(JSON.stringify([owner.organizationId, owner.connectionId, keyVersion]), 'utf8');
}

function encrypt(key: Buffer, plain: Buffer, authenticated: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(authenticated);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, sealed: Buffer, authenticated: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(authenticated).setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
