import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { SyncError } from '../core/index.ts';

/** One file of the folder `migrations`. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** Any constant will do that nobody else locks in this database. */
export const MIGRATION_LOCK = 7_106_442_001;

/**
 * Brings the metadata database to this program's state, all migrations in one transaction: a crash leaves the old state.
 * Only one process at a time does it; the others wait and find nothing to do.
 * @throws `METADATA_NEWER` when a newer program wrote the database, `METADATA_DIFFERS` when an applied file has changed since
 */
export async function migrate(pool: pg.Pool, folder = MIGRATIONS): Promise<void> {
  const migrations = await readMigrations(folder);
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await applyMigrations(client, migrations);
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    client.release(true); // closing the session rolls back, whatever state it is in
    throw isPrivilegeMissing(error)
      ? new SyncError(
          'METADATA_UNREACHABLE',
          `The user of DATABASE_URL may not make tables in the metadata database: ${error.message}. Make it the owner of that database, with a search_path that begins with a schema of its own or public.`,
          { cause: error },
        )
      : error;
  }
}

/** Names of the migrations of this program that the database does not have, as after an older backup was restored. */
export async function listMissingMigrations(
  pool: pg.Pool,
  folder = join(import.meta.dirname, 'migrations'),
): Promise<readonly string[]> {
  const { rows } = await pool.query<{ number: number }>('SELECT number FROM schema_migrations');
  const applied = new Set(rows.map(({ number }) => number));
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return names.filter((name) => !applied.has(Number.parseInt(name, 10)));
}

function isPrivilegeMissing(error: unknown): error is Error {
  // The second one: no schema of its search_path is there.
  return error instanceof Error && 'code' in error && (error.code === '42501' || error.code === '3F000');
}

const MIGRATIONS = join(import.meta.dirname, 'migrations');

/**
 * Applies what is not applied yet, in the caller's transaction.
 * @param isWanted leaves others for later
 * @throws `METADATA_NEWER`, `METADATA_DIFFERS`
 */
export async function applyMigrations(
  client: pg.ClientBase,
  migrations: readonly Migration[],
  isWanted: (migration: Migration) => boolean = () => true,
): Promise<void> {
  const pending = pendingOf(migrations, await readApplied(client));
  for (const migration of pending.filter(isWanted)) await apply(client, migration);
}

/** In their order: the files are named `0001_foundation.sql`. */
export async function readMigrations(folder = MIGRATIONS): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), 'utf8');
      return { number: Number.parseInt(name, 10), name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function readApplied(client: pg.ClientBase): Promise<Map<number, string>> {
  await client.query(
    `CREATE TABLE IF NOT EXISTS schema_migrations (
       number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
  );
  const { rows } = await client.query<{ number: number; checksum: string }>(
    'SELECT number, checksum FROM schema_migrations',
  );
  return new Map(rows.map((row) => [row.number, row.checksum]));
}

/**
 * What a database lacks that has these migrations, by their numbers and checksums.
 * @throws `METADATA_NEWER`, `METADATA_DIFFERS`
 */
export function pendingOf(migrations: readonly Migration[], applied: ReadonlyMap<number, string>): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.number, migration]));
  for (const [number, checksum] of applied) {
    const migration = known.get(number);
    if (migration === undefined) {
      throw new SyncError(
        'METADATA_NEWER',
        `The metadata database has migration ${number}, which this Millrace does not know. Start the version that wrote it, or a newer one.`,
      );
    }
    if (migration.checksum !== checksum) {
      throw new SyncError(
        'METADATA_DIFFERS',
        `The metadata database was made with another text of migration ${migration.name}. Start the Millrace that made it, or use an empty database.`,
      );
    }
  }
  return migrations.filter((migration) => !applied.has(migration.number));
}

async function apply(client: pg.ClientBase, migration: Migration): Promise<void> {
  await client.query(migration.sql);
  await client.query('INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)', [
    migration.number,
    migration.name,
    migration.checksum,
  ]);
}
