import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { SyncError } from '../core/index.ts';
import { findMasterKey, isKeyOf, KEY_BYTES, keyCheckOf, type MasterKeySource } from './master-key.ts';

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

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** First byte of sealed bytes: the layout below. */
const LAYOUT = 1;
/** Of a new installation. Rises when the master key is exchanged; part of what is authenticated, and one byte. */
const FIRST_KEY_VERSION = 1;
const HEADER_BYTES = 2;
const WRAPPED_KEY_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/**
 * Finds the master key and proves that it is the one this database was made with; on a new database makes both.
 * @throws `MASTER_KEY_MISMATCH` when the key is missing or another one. It is never made anew over an existing installation
 */
export async function openInstallation(pool: pg.Pool, source: MasterKeySource): Promise<Installation> {
  const found = await readInstallation(pool);
  const made = await findMasterKey(source, found?.key_check ?? null);
  const installation = found ?? (await createInstallation(pool, made));
  // Another process may have made the installation at the same time, under a key of its own.
  const masterKey = isKeyOf(made, installation.key_check) ? made : await findMasterKey(source, installation.key_check);
  const secrets = createSecretBox(masterKey, installation.key_version);
  const root = openObfuscationRoot(secrets, installation) ?? masterKey;
  return {
    id: installation.id,
    secrets,
    obfuscationKeyOf: (organizationId) =>
      deriveKey(root, installation.obfuscation_salt, `millrace obfuscation ${organizationId}`),
    linkKeyOf: (organizationId) =>
      deriveKey(masterKey, installation.obfuscation_salt, `millrace links ${organizationId}`),
  };
}

/** What obfuscated values are derived from, where that is not the master key of today; null where it is. */
export function openObfuscationRoot(
  secrets: SecretBox,
  installation: { readonly id: string; readonly obfuscation_root: Buffer | null },
): Buffer | null {
  if (installation.obfuscation_root === null) return null;
  const { key } = secrets.unseal(installation.obfuscation_root, obfuscationOwner(installation.id));
  return Buffer.from(String(key), 'base64');
}

/** The inverse of {@link openObfuscationRoot}. */
export function sealObfuscationRoot(secrets: SecretBox, installationId: string, root: Buffer): Buffer {
  return secrets.seal({ key: root.toString('base64') }, obfuscationOwner(installationId));
}

function obfuscationOwner(installationId: string): SecretOwner {
  return { organizationId: installationId, connectionId: 'obfuscation' };
}

function deriveKey(masterKey: Buffer, salt: Buffer, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', masterKey, salt, purpose, KEY_BYTES));
}

interface InstallationRow {
  readonly id: string;
  readonly key_check: Buffer;
  readonly obfuscation_salt: Buffer;
  readonly key_version: number;
  readonly obfuscation_root: Buffer | null;
}

async function readInstallation(pool: pg.Pool): Promise<InstallationRow | undefined> {
  const { rows } = await pool.query<InstallationRow>(
    'SELECT id, key_check, obfuscation_salt, key_version, obfuscation_root FROM installation',
  );
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

/** Layout: version, key version, wrapped key (nonce, key, tag), then the values (nonce, JSON, tag). */
export function createSecretBox(masterKey: Buffer, keyVersion: number = FIRST_KEY_VERSION): SecretBox {
  return {
    seal: (values, owner) => {
      const recordKey = randomBytes(KEY_BYTES);
      const authenticated = bindingOf(owner, keyVersion);
      return Buffer.concat([
        Buffer.of(LAYOUT, keyVersion),
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
