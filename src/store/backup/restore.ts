import pg from 'pg';
import { SyncError } from '../../core/index.ts';
import { isKeyOf, type MasterKeySource, readMasterKey, storeMasterKey } from '../master-key.ts';
import { applyMigrations, MIGRATION_LOCK, type Migration, pendingOf, readMigrations } from '../migrate.ts';
import { refuseWhileInUse } from '../running-servers.ts';
import { BACKUP_VERSION, type BackupHeader, damaged, parseLine } from './format.ts';
import { loadTables } from './load.ts';
import { listOwnFunctions, listOwnTables } from './tables.ts';

export interface RestoreOptions {
  /** The database to restore into; its user will own the tables. */
  readonly url: string;
  readonly masterKey: MasterKeySource;
  /** Drop what is there. Only what is ours goes; tables of others stay. */
  readonly replace: boolean;
  /** The caller knows that nobody else uses the database, as with an embedded one. */
  readonly isAlone: boolean;
}

/** What a restore brought back. */
export interface Restored {
  readonly createdAt: string;
  readonly rows: number;
  /** Executions that ran at the time of the backup: they are `interrupted` now. */
  readonly interrupted: number;
  /** True when the key came out of the file and was written to its place. */
  readonly broughtKey: boolean;
  /** As it was given to the backup. */
  readonly commandLine: unknown;
}

/**
 * Restores a backup in one transaction: wholly or, whatever fails, not at all.
 * @throws `BACKUP_INVALID`, `RESTORE_REFUSED`, `METADATA_NEWER`, `METADATA_DIFFERS`, `MASTER_KEY_MISMATCH`
 */
export async function restoreBackup(lines: AsyncIterable<string>, options: RestoreOptions): Promise<Restored> {
  const source = lines[Symbol.asyncIterator]();
  const header = await readHeader(source);
  const migrations = await readMigrations();
  pendingOf(migrations, new Map(header.migrations.map(({ number, checksum }) => [number, checksum])));
  const newKey = await findNewKey(header, options.masterKey);
  return withTransaction(options.url, async (client) => {
    await makeRoom(client, migrations, options);
    const inBackup = new Set(header.migrations.map(({ number }) => number));
    // A later migration may change what is stored, so the rows are there before it is applied.
    await applyMigrations(client, migrations, ({ number }) => inBackup.has(number));
    // A shared connection may come before the one that it points to.
    await client.query('SET CONSTRAINTS ALL DEFERRED');
    const rows = await loadTables(client, source, listOwnTables(migrations.filter((one) => inBackup.has(one.number))));
    await client.query('SET CONSTRAINTS ALL IMMEDIATE');
    await applyMigrations(client, migrations);
    const interrupted = await settle(client);
    if (newKey !== null) await storeMasterKey(options.masterKey.file, newKey);
    return {
      createdAt: header.createdAt,
      rows,
      interrupted,
      broughtKey: newKey !== null,
      commandLine: header.commandLine,
    };
  });
}

async function readHeader(source: AsyncIterator<string>): Promise<BackupHeader> {
  const first = await source.next();
  const line = first.done ? null : parseLine(first.value);
  if (line?.kind !== 'backup') throw damaged('it does not begin as one');
  if (line.millraceBackup !== BACKUP_VERSION)
    throw new SyncError(
      'BACKUP_INVALID',
      `The backup was written by Millrace ${line.millrace} in a layout that this one does not know. Start that version, or a newer one.`,
    );
  // Nothing has checked it yet, and what is behind it is only read by what it says.
  if (!Array.isArray(line.migrations) || typeof line.keyCheck !== 'string')
    throw damaged('its first line is not whole');
  return line;
}

/**
 * The key that came in the file and has to be written, or null where the right one is set already.
 * @throws `MASTER_KEY_MISMATCH` when the secrets could not be opened after the restore
 */
async function findNewKey(header: BackupHeader, source: MasterKeySource): Promise<Buffer | null> {
  const keyCheck = Buffer.from(header.keyCheck, 'hex');
  const present = await readMasterKey(source);
  if (present !== undefined) {
    if (isKeyOf(present, keyCheck)) return null;
    throw new SyncError(
      'MASTER_KEY_MISMATCH',
      `The master key in ${source.environment === null ? source.file : 'MILLRACE_ENCRYPTION_KEY'} is not the one that the backup's secrets were sealed under. Put the right one there, or move it away if the backup brings its own.`,
    );
  }
  const carried = header.masterKey === null ? null : Buffer.from(header.masterKey, 'base64');
  if (carried !== null && isKeyOf(carried, keyCheck)) return carried;
  throw new SyncError(
    'MASTER_KEY_MISMATCH',
    `The master key is missing: the backup was made without it, ${source.file} does not exist and MILLRACE_ENCRYPTION_KEY is not set. Put the key that belongs to the backup there first: without it the stored passwords cannot be opened.`,
  );
}

async function withTransaction<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'millrace restore',
    connectionTimeoutMillis: 15_000,
  });
  client.on('error', () => {
    // A connection that breaks while idle: the next query reports it.
  });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } finally {
    // Ends a transaction that is still open, too.
    await client.end();
  }
}

/** Schema of the durable engine, which notes there what it is doing. Nothing in it outlives the rows that it is about. */
const ENGINE_SCHEMA = 'dbos';

async function makeRoom(
  client: pg.Client,
  migrations: readonly Migration[],
  { replace, isAlone }: RestoreOptions,
): Promise<void> {
  const tables = ['schema_migrations', ...listOwnTables(migrations)];
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = to_regnamespace(current_schema()) AND c.relname = ANY ($1)
     UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = $2`,
    [tables, ENGINE_SCHEMA],
  );
  const present = rows.map(({ name }) => name);
  if (present.length === 0) return;
  if (!replace)
    throw new SyncError(
      'RESTORE_REFUSED',
      'The metadata database is not empty: a server was started on it before. Restore into an empty one, or say --replace to drop what is there.',
    );
  if (!isAlone && present.includes('workers')) await refuseWhileInUse(client, 'restore');
  const found = tables.filter((table) => present.includes(table));
  if (found.length > 0) await client.query(`DROP TABLE ${found.join(', ')}`);
  for (const name of listOwnFunctions(migrations)) await client.query(`DROP FUNCTION IF EXISTS ${name}`);
  // Our own metadata database, where nobody else has anything in that schema.
  if (present.includes(ENGINE_SCHEMA)) await client.query(`DROP SCHEMA ${ENGINE_SCHEMA} CASCADE`);
}

const INTERRUPTED =
  'It ran when the backup was made from which this metadata database was restored. Start the sync again.';

/**
 * What ran at the time of the backup has gone on since, so it cannot be taken up. What destinations hold is not what these
 * rows say, so the next execution of each sync reads everything.
 */
async function settle(client: pg.Client): Promise<number> {
  await client.query(
    `UPDATE execution_schemas SET status = 'interrupted', status_message = $1, completed_at = now()
     WHERE completed_at IS NULL`,
    [INTERRUPTED],
  );
  const { rowCount } = await client.query(
    `UPDATE executions SET status = 'interrupted', status_message = $1, completed_at = now(), updated_at = now()
     WHERE completed_at IS NULL`,
    [INTERRUPTED],
  );
  await client.query('UPDATE execution_snapshots SET closed_at = now() WHERE closed_at IS NULL');
  await client.query('UPDATE workers SET dead_at = now() WHERE dead_at IS NULL');
  // What waited to be sent then has been sent since, or is no news any more.
  await client.query(`UPDATE webhook_deliveries SET state = 'canceled' WHERE state = 'waiting'`);
  await client.query(`UPDATE mails SET state = 'failed', error = 'Restored from a backup.' WHERE state = 'waiting'`);
  await client.query('UPDATE bulk_sync_schemas SET cursor = NULL WHERE cursor IS NOT NULL');
  // This machine's folder for files is not the one that was marked, or it bears its mark still.
  await client.query('UPDATE installation SET files_mark = NULL');
  return rowCount ?? 0;
}
