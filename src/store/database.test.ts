import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase, createTestPool, queryDatabase, type TestDatabase } from '../../tests/setup/databases.ts';
import { openStore, type Store } from './database.ts';
import { migrate } from './migrate.ts';

let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-store-'));
});
afterAll(() => rm(home, { recursive: true }));

let files = 0;
const freshKeyFile = (): string => join(home, `master-${++files}.key`);

async function freshDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase();
  onTestFinished(() => database[Symbol.asyncDispose]());
  return database;
}

async function open(url: string, file: string, environment: string | null = null): Promise<Store> {
  const store = await openStore({ url, masterKey: { environment, file }, maxConnections: 3 });
  onTestFinished(() => store.close());
  return store;
}

async function poolOn(url: string): Promise<pg.Pool> {
  const pool = createTestPool(url);
  onTestFinished(() => pool.end());
  return pool;
}

describe('migrations', () => {
  it('run once, also when several processes start at once, and as an ordinary user', async () => {
    const { ownerUrl } = await freshDatabase();
    const file = freshKeyFile();
    const stores = await Promise.all([open(ownerUrl, file), open(ownerUrl, file), open(ownerUrl, file)]);
    const { rows } = await sql<{ name: string }>`SELECT name FROM schema_migrations ORDER BY number`.execute(
      (await open(ownerUrl, file)).db,
    );
    expect(rows[0]?.name).toBe('0001_foundation.sql');
    expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length);
    expect(stores).toHaveLength(3);
  });

  it('refuse a database of a newer program', async () => {
    const { url } = await freshDatabase();
    const { db } = await open(url, freshKeyFile());
    await sql`INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, '9999_future.sql', 'x')`.execute(db);
    await expect(open(url, freshKeyFile())).rejects.toMatchObject({ code: 'METADATA_NEWER' });
  });

  it('refuse a database that was made with another text of the same migration', async () => {
    const pool = await poolOn((await freshDatabase()).url);
    const folder = await copyMigrations();
    await migrate(pool, folder);
    await writeFile(join(folder, '0001_foundation.sql'), 'SELECT 1');
    await expect(migrate(pool, folder)).rejects.toMatchObject({ code: 'METADATA_DIFFERS' });
  });

  it('leave nothing behind when one of them fails', async () => {
    const pool = await poolOn((await freshDatabase()).url);
    const folder = await copyMigrations();
    await writeFile(join(folder, '9000_broken.sql'), 'CREATE TABLE half (id integer); SELECT nothing FROM nowhere;');
    await expect(migrate(pool, folder)).rejects.toThrow('nowhere');
    const { rows } = await pool.query("SELECT relname FROM pg_class WHERE relname IN ('half', 'organizations')");
    expect(rows).toEqual([]);
  });

  async function copyMigrations(): Promise<string> {
    const folder = await mkdtemp(join(home, 'migrations-'));
    await cp(join(import.meta.dirname, 'migrations'), folder, { recursive: true });
    return folder;
  }
});

describe('the master key', () => {
  it('is made once, readable by its owner only', async () => {
    const { url } = await freshDatabase();
    const file = freshKeyFile();
    await open(url, file);
    const text = await readFile(file, 'utf8');
    expect([(await stat(file)).mode & 0o777, Buffer.from(text, 'base64').length]).toEqual([0o600, 32]);
    await open(url, file);
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('is never made anew over existing secrets', async () => {
    const { url } = await freshDatabase();
    const file = freshKeyFile();
    await open(url, file);
    await rm(file);
    await expect(open(url, file)).rejects.toMatchObject({ code: 'MASTER_KEY_MISMATCH' });
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is refused when it is another one', async () => {
    const { url } = await freshDatabase();
    await open(url, freshKeyFile());
    await expect(open(url, freshKeyFile(), 'ab'.repeat(32))).rejects.toMatchObject({ code: 'MASTER_KEY_MISMATCH' });
  });

  it('comes from the environment first, in hexadecimal or base64', async () => {
    const { url } = await freshDatabase();
    await open(url, freshKeyFile(), 'ab'.repeat(32));
    await open(url, freshKeyFile(), Buffer.from('ab'.repeat(32), 'hex').toString('base64'));
  });

  it('is refused when it has not 32 bytes', async () => {
    const { url } = await freshDatabase();
    await expect(open(url, freshKeyFile(), 'short')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('the key of obfuscation', () => {
  const keyOf = (store: Pick<Store, 'obfuscationKeyOf'>, organization: string) =>
    Buffer.from(store.obfuscationKeyOf(organization)).toString('hex');

  it('stays the same, and is another one for each organization and each installation', async () => {
    const { url } = await freshDatabase();
    const file = freshKeyFile();
    const first = await open(url, file);
    const again = await open(url, file);
    const other = await open((await freshDatabase()).url, file);
    expect(keyOf(again, 'one')).toBe(keyOf(first, 'one'));
    expect(keyOf(first.forOrganization('one'), 'one')).toBe(keyOf(first, 'one'));
    expect(new Set([keyOf(first, 'one'), keyOf(first, 'two'), keyOf(other, 'one')]).size).toBe(3);
    expect(first.obfuscationKeyOf('one')).toHaveLength(32);
  });
});

describe('a transaction', () => {
  it('shows its session to libraries that bring their own SQL, and rolls both back', async () => {
    const store = await open((await freshDatabase()).url, freshKeyFile());
    const work = store.transaction(async ({ db, client }) => {
      await db.insertInto('organizations').values({ id: crypto.randomUUID(), name: 'a' }).execute();
      await client.query("INSERT INTO organizations (id, name) VALUES (gen_random_uuid(), 'b')");
      expect(await db.selectFrom('organizations').select('name').orderBy('name').execute()).toHaveLength(2);
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow('changed my mind');
    expect(await store.db.selectFrom('organizations').selectAll().execute()).toEqual([]);
  });

  it('gives its session back', async () => {
    const store = await open((await freshDatabase()).url, freshKeyFile());
    for (let turn = 0; turn < 10; turn++) await store.transaction(async () => {});
    expect(store.pool.totalCount - store.pool.idleCount).toBe(0);
  });
});

describe('columns', () => {
  it('are camelCase in code while keys inside jsonb stay as they are', async () => {
    const { db } = await open((await freshDatabase()).url, freshKeyFile());
    const organizationId = crypto.randomUUID();
    await db.insertInto('organizations').values({ id: organizationId, name: 'a' }).execute();
    const actions = JSON.stringify([{ action: 'edit', roleIds: [], snake_case: 1 }]);
    await db.insertInto('policies').values({ id: crypto.randomUUID(), organizationId, name: 'p', actions }).execute();
    const row = await db.selectFrom('policies').selectAll().executeTakeFirstOrThrow();
    expect(row).toMatchObject({ organizationId, systemKind: null, actions: JSON.parse(actions) });
  });
});

describe('sessions', () => {
  it('read times and numbers alike, whatever the database says', async () => {
    const { name, url } = await freshDatabase();
    const pool = await poolOn(url);
    await pool.query(
      `ALTER DATABASE ${name} SET DateStyle = 'German'; ALTER DATABASE ${name} SET extra_float_digits = -10;
       ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`,
    );
    const store = await open(url, freshKeyFile());
    const asked = sql`SELECT '2026-01-02T03:04:05Z'::timestamptz AS time, 1/3::float8 AS third, current_setting('transaction_isolation') AS isolation`;
    const answer = [{ time: new Date('2026-01-02T03:04:05Z'), third: 1 / 3, isolation: 'read committed' }];
    expect((await asked.execute(store.db)).rows).toEqual(answer);
    const { db } = store.forOrganization('00000000-0000-0000-0000-000000000000');
    expect((await asked.execute(db)).rows).toEqual(answer);
  });

  it('that break between two statements fail the next one, and not the process', async () => {
    const database = await freshDatabase();
    const store = await open(database.ownerUrl, freshKeyFile());
    const client = await store.pool.connect();
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    const ended = new Promise((resolve) => client.once('end', resolve));
    await queryDatabase(database.url, `SELECT pg_terminate_backend(${rows[0].pid})`);
    await ended;
    await expect(client.query('SELECT 1')).rejects.toThrow(/terminated|not queryable/);
    client.release(true);
    expect((await store.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('that have no schema to make tables in are refused in one sentence', async () => {
    const { name, url } = await freshDatabase();
    await (await poolOn(url)).query(`ALTER DATABASE ${name} SET search_path = nowhere`);
    await expect(open(url, freshKeyFile())).rejects.toMatchObject({
      code: 'METADATA_UNREACHABLE',
      message: expect.stringContaining('search_path'),
    });
  });
});

describe('row-level security', () => {
  it('holds a store of one organization to its rows, whatever the SQL says', async () => {
    const store = await open((await freshDatabase()).ownerUrl, freshKeyFile());
    const [mine, theirs] = [crypto.randomUUID(), crypto.randomUUID()];
    for (const id of [mine, theirs]) {
      await store.db.insertInto('organizations').values({ id, name: id }).execute();
      await store.db.insertInto('policies').values({ id, organizationId: id, name: 'p' }).execute();
    }
    const scoped = store.forOrganization(mine);
    expect(await scoped.db.selectFrom('policies').select('id').execute()).toEqual([{ id: mine }]);
    expect(await scoped.db.selectFrom('organizations').select('id').execute()).toEqual([{ id: mine }]);
    const stolen = await scoped.db.deleteFrom('policies').where('id', '=', theirs).executeTakeFirst();
    expect(stolen.numDeletedRows).toBe(0n);
    const foreign = { id: crypto.randomUUID(), organizationId: theirs, name: 'planted' };
    await expect(scoped.db.insertInto('policies').values(foreign).execute()).rejects.toThrow('row-level security');
    await scoped.transaction(async ({ db, client }) => {
      expect(await db.selectFrom('policies').select('id').execute()).toEqual([{ id: mine }]);
      expect((await client.query('SELECT id FROM policies')).rows).toEqual([{ id: mine }]);
    });
    expect(await store.db.selectFrom('policies').select('id').execute()).toHaveLength(2);
  });

  it('gives the sessions of one organization clean to the next', async () => {
    const store = await open((await freshDatabase()).ownerUrl, freshKeyFile());
    const ids = [crypto.randomUUID(), crypto.randomUUID()];
    for (const id of ids) await store.db.insertInto('organizations').values({ id, name: id }).execute();
    const look = async (id: string) =>
      expect(await store.forOrganization(id).db.selectFrom('organizations').select('id').execute()).toEqual([{ id }]);
    for (const id of [...ids, ...ids]) {
      const failed = store.forOrganization(id).transaction(() => Promise.reject(new Error('rolled back')));
      await expect(failed).rejects.toThrow('rolled back');
      await look(id);
    }
    // More callers than sessions, which go from the one to the other in any order.
    await Promise.all(Array.from({ length: 30 }, (_, index) => look(ids[index % 2] ?? '')));
  });

  it('covers every table that has an organization', async () => {
    const { db } = await open((await freshDatabase()).ownerUrl, freshKeyFile());
    const { rows } = await sql<{ relname: string }>`
      SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
      WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND attname = 'organization_id'
        AND NOT (relrowsecurity AND relforcerowsecurity)`.execute(db);
    expect(rows).toEqual([]);
  });
});
