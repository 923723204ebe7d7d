import pg from 'pg';
import { SyncError } from '../core/index.ts';
import {
  findMasterKey,
  isKeyOf,
  keyCheckOf,
  type MasterKeySource,
  parseKey,
  prepareNextKey,
  promoteNextKey,
} from './master-key.ts';
import { MIGRATION_LOCK, pendingOf, readMigrations } from './migrate.ts';
import { refuseWhileInUse } from './running-servers.ts';
import { createSecretBox, openObfuscationRoot, type SecretBox, sealObfuscationRoot } from './secrets.ts';

/** Every column that is sealed, and what its rows are bound to, as SQL. A test finds one that is missing here. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  { table: 'connections', column: 'secrets', organization: 'organization_id', owner: 'id::text' },
  { table: 'webhooks', column: 'secret', organization: 'organization_id', owner: 'id::text' },
  { table: 'organizations', column: 'sso_secrets', organization: 'id', owner: 'id::text' },
  { table: 'model_syncs', column: 'secrets', organization: 'organization_id', owner: 'id::text' },
  { table: 'idempotency_keys', column: 'answer', organization: 'organization_id', owner: "'idempotency key ' || key" },
];

interface SealedColumn {
  readonly table: string;
  readonly column: string;
  readonly organization: string;
  readonly owner: string;
}

export interface RotationOptions {
  /** The metadata database; no server may work on it. */
  readonly url: string;
  readonly masterKey: MasterKeySource;
  /** Value of MILLRACE_NEW_ENCRYPTION_KEY; null where the key is a file, and the new one is drawn. */
  readonly newKey: string | null;
  /** The caller knows that nobody else uses the database, as with an embedded one. */
  readonly isAlone: boolean;
  /** Called before the commit, and behind it: tests end the process there. */
  readonly failpoint?: (name: 'before_commit' | 'after_commit') => void;
}

/** What an exchange of the master key did. */
export interface Rotation {
  readonly keyVersion: number;
  readonly resealed: number;
  /** Secrets that the old key did not open either; they are as unreadable as before. */
  readonly unreadable: number;
  /** Where the old key is kept; null where it never was a file. */
  readonly oldKeyFile: string | null;
}

/**
 * Seals every secret anew under another master key, in one transaction: wholly or not at all. While it runs, both keys are
 * on the disk, and the database says which one is right: whatever is killed when, the next start finds it.
 * @throws `CONFIG_INVALID`, `MASTER_KEY_MISMATCH`, `RESTORE_REFUSED` while a server runs
 */
export async function rotateMasterKey(options: RotationOptions): Promise<Rotation> {
  const { masterKey: source } = options;
  const isFile = source.environment === null;
  const client = new pg.Client({ connectionString: options.url, application_name: 'millrace key rotation' });
  client.on('error', () => {
    // A connection that breaks while idle: the next query reports it.
  });
  await client.connect();
  try {
    await client.query('BEGIN');
    const rotation = await rotate(client, options);
    options.failpoint?.('before_commit');
    await client.query('COMMIT');
    options.failpoint?.('after_commit');
    return { ...rotation, oldKeyFile: isFile ? await promoteNextKey(source) : null };
  } finally {
    // Ends a transaction that is still open, too.
    await client.end();
  }
}

async function rotate(client: pg.Client, options: RotationOptions): Promise<Omit<Rotation, 'oldKeyFile'>> {
  // A server that starts meanwhile waits here, and then reads which key is right.
  await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
  await refuseOtherVersion(client);
  if (!options.isAlone) await refuseWhileInUse(client, 'rotate the key');
  const installation = await readInstallation(client);
  const oldKey = await findMasterKey(options.masterKey, installation.key_check);
  const newKey = await newKeyOf(options, oldKey);
  const keyVersion = installation.key_version + 1;
  if (keyVersion > 255)
    throw new SyncError('INTERNAL', 'The master key was exchanged 255 times, which is all that fits.');
  const boxes = { old: createSecretBox(oldKey, installation.key_version), fresh: createSecretBox(newKey, keyVersion) };
  const counts = { resealed: 0, unreadable: 0 };
  for (const column of SEALED_COLUMNS) await resealColumn(client, column, boxes, counts);
  const root = openObfuscationRoot(boxes.old, installation) ?? oldKey;
  await client.query('UPDATE installation SET key_check = $1, key_version = $2, obfuscation_root = $3', [
    keyCheckOf(newKey),
    keyVersion,
    sealObfuscationRoot(boxes.fresh, installation.id, root),
  ]);
  return { keyVersion, ...counts };
}

/** The columns above are those of this version. */
async function refuseOtherVersion(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query("SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL");
  if (rowCount === 0) throw nothingThere();
  const { rows } = await client.query<{ number: number; checksum: string }>(
    'SELECT number, checksum FROM schema_migrations',
  );
  const applied = new Map(rows.map(({ number, checksum }) => [number, checksum]));
  const pending = pendingOf(await readMigrations(), applied);
  if (pending.length > 0)
    throw new SyncError(
      'METADATA_DIFFERS',
      'The metadata database is of an older version. Start this version once, so that it is brought up to date, then stop it and rotate the key.',
    );
}

interface InstallationRow {
  readonly id: string;
  readonly key_check: Buffer;
  readonly key_version: number;
  readonly obfuscation_root: Buffer | null;
}

async function readInstallation(client: pg.Client): Promise<InstallationRow> {
  const { rows } = await client.query<InstallationRow>(
    'SELECT id, key_check, key_version, obfuscation_root FROM installation FOR UPDATE',
  );
  const [row] = rows;
  if (row !== undefined) return row;
  throw nothingThere();
}

function nothingThere(): SyncError {
  return new SyncError('CONFIG_INVALID', 'There is no key to rotate: no server was ever started on this database.');
}

async function newKeyOf({ masterKey, newKey }: RotationOptions, oldKey: Buffer): Promise<Buffer> {
  if (masterKey.environment === null) return prepareNextKey(masterKey);
  if (newKey === null)
    throw new SyncError(
      'CONFIG_INVALID',
      'The master key comes from MILLRACE_ENCRYPTION_KEY, so the new one has to be given: set MILLRACE_NEW_ENCRYPTION_KEY to 64 hex digits or the base64 of 32 bytes.',
    );
  const key = parseKey(newKey, 'MILLRACE_NEW_ENCRYPTION_KEY');
  if (!isKeyOf(key, keyCheckOf(oldKey))) return key;
  throw new SyncError('CONFIG_INVALID', 'MILLRACE_NEW_ENCRYPTION_KEY is the key that is in use. Give another one.');
}

const ROWS_AT_ONCE = 500;

async function resealColumn(
  client: pg.Client,
  { table, column, organization, owner }: SealedColumn,
  boxes: { readonly old: SecretBox; readonly fresh: SecretBox },
  counts: { resealed: number; unreadable: number },
): Promise<void> {
  await client.query(
    `DECLARE sealed NO SCROLL CURSOR FOR SELECT ctid::text AS place, ${organization}::text AS organization, ${owner} AS owner,
       ${column} AS bytes FROM ${table} WHERE ${column} IS NOT NULL FOR UPDATE`,
  );
  for (;;) {
    const { rows } = await client.query<{ place: string; organization: string; owner: string; bytes: Buffer }>(
      `FETCH ${ROWS_AT_ONCE} FROM sealed`,
    );
    if (rows.length === 0) break;
    for (const row of rows) {
      const bound = { organizationId: row.organization, connectionId: row.owner };
      const values = openOrNull(boxes.old, row.bytes, bound);
      counts[values === null ? 'unreadable' : 'resealed'] += 1;
      if (values === null) continue;
      const bytes = boxes.fresh.seal(values, bound);
      await client.query(`UPDATE ${table} SET ${column} = $1 WHERE ctid = $2::tid`, [bytes, row.place]);
    }
  }
  await client.query('CLOSE sealed');
}

function openOrNull(box: SecretBox, bytes: Buffer, owner: Parameters<SecretBox['unseal']>[1]) {
  try {
    return box.unseal(bytes, owner);
  } catch (error) {
    if (error instanceof SyncError && error.code === 'MASTER_KEY_MISMATCH') return null;
    throw error;
  }
}
