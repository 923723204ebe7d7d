import pg from 'pg';
import { SyncError } from '../../core/index.ts';
import { isKeyOf, type MasterKeySource, readMasterKey } from '../master-key.ts';
import { readMigrations } from '../migrate.ts';
import { BACKUP_VERSION, type BackupHeader, createRowHash, toLine } from './format.ts';
import { listOwnTables } from './tables.ts';

/** A row of the largest tables has some kilobytes. */
const ROWS_AT_ONCE = 500;

export interface BackupOptions {
  /** The metadata database; its user owns the tables. */
  readonly url: string;
  /** Of this program. */
  readonly version: string;
  /** Where the master key is, when it shall go into the file; null = it shall not. */
  readonly masterKey: MasterKeySource | null;
  /** What else shall go into it beside the key, as plain JSON; null = nothing. */
  readonly commandLine: unknown;
}

/**
 * The lines of a backup, without their ends: all tables of ours, as of one moment. A server may go on meanwhile.
 * @throws `BACKUP_INVALID` when there is nothing to back up, `MASTER_KEY_MISMATCH`
 */
export async function* backupLines(options: BackupOptions): AsyncGenerator<string> {
  const client = new pg.Client({
    connectionString: options.url,
    application_name: 'millrace backup',
    connectionTimeoutMillis: 15_000,
  });
  client.on('error', () => {
    // A connection that breaks while idle: the next query reports it.
  });
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const header = await makeHeader(client, options);
    yield toLine({ kind: 'backup', ...header });
    const applied = new Set(header.migrations.map(({ number }) => number));
    const migrations = (await readMigrations()).filter(({ number }) => applied.has(number));
    let [tables, rows] = [0, 0];
    for (const table of listOwnTables(migrations)) {
      tables += 1;
      rows += yield* tableLines(client, table);
    }
    yield toLine({ kind: 'end', tables, rows });
  } finally {
    await client.end();
  }
}

async function makeHeader(client: pg.Client, options: BackupOptions): Promise<BackupHeader> {
  const { rows: found } = await client.query<{ found: boolean }>(
    `SELECT to_regclass('schema_migrations') IS NOT NULL AND to_regclass('installation') IS NOT NULL AS found`,
  );
  const { rows } = found[0]?.found
    ? await client.query<{ key_check: Buffer; now: Date }>('SELECT key_check, now() FROM installation')
    : { rows: [] };
  const [installation] = rows;
  if (installation === undefined)
    throw new SyncError('BACKUP_INVALID', 'There is nothing to back up: no server was ever started on this database.');
  const { rows: migrations } = await client.query<BackupHeader['migrations'][number]>(
    'SELECT number, name, checksum FROM schema_migrations ORDER BY number',
  );
  return {
    millraceBackup: BACKUP_VERSION,
    createdAt: installation.now.toISOString(),
    millrace: options.version,
    migrations,
    keyCheck: installation.key_check.toString('hex'),
    masterKey: options.masterKey === null ? null : await requireKey(options.masterKey, installation.key_check),
    commandLine: options.commandLine,
  };
}

async function requireKey(source: MasterKeySource, keyCheck: Buffer): Promise<string> {
  const key = await readMasterKey(source);
  if (key !== undefined && isKeyOf(key, keyCheck)) return key.toString('base64');
  throw new SyncError(
    'MASTER_KEY_MISMATCH',
    `The master key cannot go into the backup: ${key === undefined ? `neither MILLRACE_ENCRYPTION_KEY nor ${source.file} holds one` : 'it is not the one of this database'}. Set the right one, or leave --with-key out.`,
  );
}

/** @returns how many rows there were */
async function* tableLines(client: pg.Client, table: string): AsyncGenerator<string, number> {
  // Names from our own migrations, so nothing is to be quoted.
  const { rows: columns } = await client.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
       AND attgenerated = '' ORDER BY attnum`,
    [table],
  );
  const names = columns.map(({ name }) => name);
  yield toLine({ kind: 'table', table, columns: names });
  await client.query(
    `DECLARE backup NO SCROLL CURSOR FOR SELECT row_to_json(t)::text AS row FROM (SELECT ${names.join(', ')} FROM ${table}) t`,
  );
  const hash = createRowHash();
  let count = 0;
  for (;;) {
    const { rows } = await client.query<{ row: string }>(`FETCH FORWARD ${ROWS_AT_ONCE} FROM backup`);
    if (rows.length === 0) break;
    for (const { row } of rows) {
      hash.add(row);
      yield row;
    }
    count += rows.length;
  }
  await client.query('CLOSE backup');
  yield toLine({ kind: 'end-of-table', table, rows: count, sha256: hash.digest() });
  return count;
}
