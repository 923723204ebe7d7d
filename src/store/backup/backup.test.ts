import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase, createTestPool, type TestDatabase } from '../../../tests/setup/databases.ts';
import { fillHistory, type History } from '../../../tests/setup/history.ts';
import { openStore } from '../database.ts';
import { nextGenerations } from '../executions/run-schemas.ts';
import { findMasterKey, keyCheckOf, type MasterKeySource } from '../master-key.ts';
import { migrate, readMigrations } from '../migrate.ts';
import { type Restored, restoreBackup } from './restore.ts';
import { listOwnTables } from './tables.ts';
import { backupLines } from './write.ts';

let home: string;
let database: TestDatabase;
let history: History;
/** With key and without. */
let full: readonly string[];
let plain: readonly string[];

const masterKey: MasterKeySource = { environment: null, file: '' };
const key = (): MasterKeySource => ({ ...masterKey, file: join(home, 'master.key') });

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-backup-'));
  database = await createTestDatabase();
  const store = await openStore({ url: database.ownerUrl, masterKey: key(), maxConnections: 2 });
  await store.close();
  history = await fillHistory(database, { syncs: 3, executionsPerSync: 400 });
  const [sync] = history.syncIds;
  await history.sql(`INSERT INTO bulk_sync_schemas (sync_id, schema_id, organization_id, enabled, generation, cursor, fields)
    VALUES ('${sync}', 'public.items', '${history.organizationId}', true, 5, '{"version": 1}', '[{"id": "Ünïcode \\n\\"#"}]')`);
  await history.sql(`INSERT INTO drift_events (organization_id, sync_id, execution_id, schema_id, kind, outcome, needs_attention)
    SELECT '${history.organizationId}', sync_id, id, 's', 'field_added', '#table {} taken along', false FROM executions LIMIT 7`);
  await history.sql(`UPDATE connections SET secrets = '\\x0102ff'`);
  const running = `(SELECT id FROM executions WHERE sync_id = '${sync}' ORDER BY created_at DESC LIMIT 1)`;
  await history.sql(`UPDATE executions SET status = 'running', completed_at = NULL WHERE id = ${running}`);
  await history.sql(
    `UPDATE execution_schemas SET status = 'running', completed_at = NULL WHERE execution_id = ${running}`,
  );
  await history.sql(`INSERT INTO workers (id, host, pid, build) VALUES (gen_random_uuid(), 'here', 1, '1')`);
  const organization = `'${history.organizationId}'`;
  await history.sql(`INSERT INTO mails (organization_id, recipient, template, facts)
    VALUES (${organization}, 'a@example.com', 'invitation', '{}')`);
  await history.sql(`INSERT INTO webhooks (id, organization_id, endpoint, secret)
    VALUES (gen_random_uuid(), ${organization}, 'https://example.com', '')`);
  await history.sql(
    `INSERT INTO events (organization_id, type, payload) VALUES (${organization}, 'bulk_sync.failed', '{}')`,
  );
  await history.sql(`INSERT INTO webhook_deliveries (organization_id, webhook_id, event_id)
    SELECT w.organization_id, w.id, e.id FROM webhooks w, events e`);
  full = await read({ withKey: true });
  plain = await read({ withKey: false });
}, 120_000);

afterAll(async () => {
  await history[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

async function read({ withKey }: { readonly withKey: boolean }): Promise<string[]> {
  const lines = backupLines({
    url: database.ownerUrl,
    version: '1.2.3',
    masterKey: withKey ? key() : null,
    commandLine: null,
  });
  return Array.fromAsync(lines);
}

interface Target {
  readonly database: TestDatabase;
  readonly key: MasterKeySource;
  sql(text: string): Promise<Record<string, unknown>[]>;
  restore(lines: readonly string[], options?: { replace?: boolean }): Promise<Restored>;
}

let folders = 0;

/** An empty database on a machine that knows nothing of the first. */
async function openTarget(): Promise<Target> {
  const target = await createTestDatabase();
  onTestFinished(() => target[Symbol.asyncDispose]());
  folders += 1;
  const source = { ...masterKey, file: join(home, `restored-${folders}.key`) };
  return {
    database: target,
    key: source,
    async sql(text) {
      const client = new pg.Client(target.ownerUrl);
      await client.connect();
      try {
        return (await client.query(text)).rows;
      } finally {
        await client.end();
      }
    },
    restore: (lines, { replace = false } = {}) =>
      restoreBackup(iterate(lines), { url: target.ownerUrl, masterKey: source, replace, isAlone: false }),
  };
}

async function* iterate(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

const TABLES = `SELECT count(*)::int AS count FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`;

describe('a backup', () => {
  it('brings everything back into an empty database, the key included when it was asked for', async () => {
    const target = await openTarget();
    const restored = await target.restore(full);
    expect(restored).toMatchObject({ interrupted: 1, broughtKey: true });
    const changed = ['executions', 'execution_schemas', 'workers', 'bulk_sync_schemas', 'mails', 'webhook_deliveries'];
    for (const table of listOwnTables(await readMigrations())) {
      const image = `SELECT count(*)::int AS count${changed.includes(table) ? '' : `, md5(string_agg(t::text, '|' ORDER BY t::text)) AS sum`} FROM ${table} t`;
      expect([table, await target.sql(image)]).toEqual([table, await history.sql(image)]);
    }
    expect(await readFile(target.key.file, 'utf8')).toBe(await readFile(key().file, 'utf8'));
    expect((await stat(target.key.file)).mode & 0o777).toBe(0o600);
    const store = await openStore({ url: target.database.ownerUrl, masterKey: target.key, maxConnections: 2 });
    await store.close();
  });

  it('ends what ran, lets the next execution read everything, and gives it a generation that nobody has seen', async () => {
    const target = await openTarget();
    await target.restore(full);
    expect(
      await target.sql(`SELECT DISTINCT status FROM executions WHERE completed_at IS NULL OR status = 'running'`),
    ).toEqual([]);
    expect(await target.sql('SELECT count(*)::int AS count FROM workers WHERE dead_at IS NULL')).toEqual([
      { count: 0 },
    ]);
    // What waited to be sent is no news any more.
    expect(await target.sql('SELECT m.state AS mail, d.state AS delivery FROM mails m, webhook_deliveries d')).toEqual([
      { mail: 'failed', delivery: 'canceled' },
    ]);
    expect(await target.sql('SELECT cursor, generation FROM bulk_sync_schemas')).toEqual([
      { cursor: null, generation: '5' },
    ]);
    const store = await openStore({ url: target.database.ownerUrl, masterKey: target.key, maxConnections: 2 });
    onTestFinished(() => store.close());
    // What the destination saw of the installation that was lost.
    const [seen] = await history.sql('SELECT extract(epoch FROM now())::bigint - 1 AS seconds');
    const next = await nextGenerations(store.db, history.syncIds[0] ?? '', ['public.items']);
    expect(next.get('public.items')).toBeGreaterThan(Number(seen?.seconds));
  });

  it('lets numbers go on behind the restored ones', async () => {
    const target = await openTarget();
    await target.restore(full);
    const [row] =
      await target.sql(`INSERT INTO drift_events (organization_id, sync_id, execution_id, schema_id, kind, outcome, needs_attention)
      SELECT organization_id, sync_id, id, 's', 'field_added', '', false FROM executions LIMIT 1 RETURNING id`);
    expect(row).toEqual({ id: '8' });
  });

  it('is taken by a newer program, whose migrations see the restored rows', async () => {
    const older = await createTestDatabase();
    onTestFinished(() => older[Symbol.asyncDispose]());
    const folder = join(home, 'older-migrations');
    await cp(join(import.meta.dirname, '../migrations'), folder, {
      recursive: true,
      filter: (path) => !path.endsWith('.sql') || Number.parseInt(basename(path), 10) <= 8,
    });
    const pool = createTestPool(older.ownerUrl);
    onTestFinished(() => pool.end());
    await migrate(pool, folder);
    // As that version made it, which knew fewer columns.
    const keyCheck = keyCheckOf(await findMasterKey(key(), null));
    await pool.query('INSERT INTO installation (id, key_check, obfuscation_salt) VALUES (gen_random_uuid(), $1, $1)', [
      keyCheck,
    ]);
    await pool.query(`INSERT INTO organizations (id, name) VALUES (gen_random_uuid(), 'older')`);
    const lines = await Array.fromAsync(
      backupLines({ url: older.ownerUrl, version: '0.1.0', masterKey: key(), commandLine: null }),
    );
    const target = await openTarget();
    await target.restore(lines);
    expect(await target.sql('SELECT name FROM organizations')).toEqual([{ name: 'older' }]);
    const [{ count } = {}] = await target.sql('SELECT count(*)::int AS count FROM schema_migrations');
    expect(count).toBe((await readMigrations()).length);
  });
});

describe('a restore leaves nothing', () => {
  const withoutLine = (kind: string) => full.filter((line) => !line.startsWith(kind));

  const linesOf = (table: string) => {
    const first = full.findIndex((line) => line.startsWith(`#table {"table":"${table}"`));
    return { first, count: full.findIndex((line, at) => at > first && line.startsWith('#end-of-table')) - first + 1 };
  };
  const withoutTable = (table: string) => full.toSpliced(linesOf(table).first, linesOf(table).count).slice(0, -1);
  const endWithout = (table: string) => {
    const end = JSON.parse(full.at(-1)?.slice('#end '.length) ?? '');
    return `#end ${JSON.stringify({ tables: end.tables - 1, rows: end.rows - (linesOf(table).count - 2) })}`;
  };

  it.each<[string, () => readonly string[]]>([
    ['is no backup', () => ['{"some": "text"}']],
    ['is empty', () => []],
    ['was cut off', () => full.slice(0, -1)],
    ['was cut off within a table', () => full.slice(0, full.length / 2)],
    [
      'lost a row',
      () =>
        full.toSpliced(
          full.findIndex((line) => line.includes('"sync 2"')),
          1,
        ),
    ],
    ['was changed', () => full.map((line) => line.replace('"sync 2"', '"sync 9"'))],
    ['lost a whole table', () => withoutLine('#table {"table":"drift_events"')],
    [
      'names a table of somebody else',
      () => full.map((line) => line.replace('"table":"users"', '"table":"pg_authid"')),
    ],
    ['goes on behind its end', () => [...full, ...full]],
    ['says nothing of migrations', () => ['#backup {"millraceBackup":1}', ...full.slice(1)]],
    ['holds nothing where its header should be', () => ['#backup null', ...full.slice(1)]],
    ['has a column that no table has', () => full.map((line) => line.replace('"columns":["id"', '"columns":["idx"'))],
    // Nothing is wrong with counts and checksums of it.
    ['lost a table that others refer to', () => [...withoutTable('users'), endWithout('users')]],
    ['has another layout', () => full.map((line) => line.replace('"millraceBackup":1', '"millraceBackup":2'))],
  ])('of a file that %s', async (_, lines) => {
    const target = await openTarget();
    await expect(target.restore(lines())).rejects.toMatchObject({ code: 'BACKUP_INVALID' });
    expect(await target.sql(TABLES)).toEqual([{ count: 0 }]);
    expect(existsSync(target.key.file)).toBe(false);
  });

  it.each([
    ['of a newer program', '"number":1,', '"number":4711,', 'METADATA_NEWER'],
    ['of other migrations', '"checksum":"', '"checksum":"0', 'METADATA_DIFFERS'],
  ])('%s', async (_, from, to, code) => {
    const target = await openTarget();
    await expect(target.restore(full.map((line) => line.replace(from, to)))).rejects.toMatchObject({ code });
    expect(await target.sql(TABLES)).toEqual([{ count: 0 }]);
  });

  it('without the key of its secrets, and says where to put it', async () => {
    const target = await openTarget();
    await expect(target.restore(plain)).rejects.toMatchObject({
      code: 'MASTER_KEY_MISMATCH',
      message: expect.stringContaining(target.key.file),
    });
    await writeFile(target.key.file, randomBytes(32).toString('base64'));
    await expect(target.restore(full)).rejects.toMatchObject({ code: 'MASTER_KEY_MISMATCH' });
    await writeFile(target.key.file, await readFile(key().file));
    expect(await target.restore(plain)).toMatchObject({ broughtKey: false });
  });

  it('of a file with the key, unless the key was asked for', () => {
    const [secret] = full;
    expect(JSON.parse(secret?.slice('#backup '.length) ?? '').masterKey).toMatch(/^[\w+/]{43}=$/);
    expect(JSON.parse(plain[0]?.slice('#backup '.length) ?? '').masterKey).toBeNull();
  });
});

describe('a database that is not empty', () => {
  it('is replaced only when that was said, and keeps tables of others', async () => {
    const target = await openTarget();
    await target.restore(full);
    await target.sql('CREATE TABLE foreign_one (id int)');
    await target.sql('CREATE SCHEMA dbos; CREATE TABLE dbos.workflow_status (id int)');
    await target.sql(`DELETE FROM console_logs`);
    await expect(target.restore(full)).rejects.toMatchObject({ code: 'RESTORE_REFUSED' });
    expect(await target.sql('SELECT count(*)::int AS count FROM console_logs')).toEqual([{ count: 0 }]);
    await target.restore(full, { replace: true });
    expect(await target.sql('SELECT count(*)::int AS count FROM console_logs')).toEqual([{ count: 1_200 }]);
    expect(
      await target.sql(`SELECT to_regclass('foreign_one')::text AS kept, to_regclass('dbos.workflow_status') AS gone`),
    ).toEqual([{ kept: 'foreign_one', gone: null }]);
  });

  it('keeps what it has when the file turns out to be damaged', async () => {
    const target = await openTarget();
    await target.restore(full);
    const damaged = full.map((line) => line.replace('"sync 2"', '"sync 9"'));
    await expect(target.restore(damaged, { replace: true })).rejects.toMatchObject({ code: 'BACKUP_INVALID' });
    expect(await target.sql(`SELECT count(*)::int AS count FROM bulk_syncs WHERE name = 'sync 2'`)).toEqual([
      { count: 1 },
    ]);
  });

  it('is left alone while a server runs on it', async () => {
    const target = await openTarget();
    await target.restore(full);
    await target.sql(`INSERT INTO workers (id, host, pid, build) VALUES (gen_random_uuid(), 'db-host', 4711, '1')`);
    await expect(target.restore(full, { replace: true })).rejects.toMatchObject({
      code: 'RESTORE_REFUSED',
      message: expect.stringContaining('process 4711 on db-host'),
    });
  });
});

describe('backupLines', () => {
  it('says that a database without an installation holds nothing', async () => {
    const target = await openTarget();
    const lines = backupLines({ url: target.database.ownerUrl, version: '1', masterKey: null, commandLine: null });
    await expect(Array.fromAsync(lines)).rejects.toMatchObject({ code: 'BACKUP_INVALID' });
  });

  it('refuses to pack a key that is not the one of the secrets', async () => {
    const wrong = { ...masterKey, environment: randomBytes(32).toString('hex') };
    const lines = backupLines({ url: database.ownerUrl, version: '1', masterKey: wrong, commandLine: null });
    await expect(Array.fromAsync(lines)).rejects.toMatchObject({ code: 'MASTER_KEY_MISMATCH' });
  });
});
