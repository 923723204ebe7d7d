import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/index.ts';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { fillHistory, type History } from '../setup/history.ts';
import { LIMIT_MS } from '../setup/hooks.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const MIGRATIONS = join(import.meta.dirname, '../../src/store/migrations');
const run = promisify(execFile);

let home: string;
let metadata: TestDatabase;
let history: History;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'millrace-doctor-'));
  metadata = await createTestDatabase();
  await store(async () => {});
  history = await fillHistory(metadata, { syncs: 1, executionsPerSync: 2 });
}, LIMIT_MS);

afterEach(async () => {
  await history[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

async function store(work: (opened: Awaited<ReturnType<typeof openStore>>) => Promise<void>): Promise<void> {
  const opened = await openStore({
    url: metadata.ownerUrl,
    masterKey: { environment: null, file: join(home, 'master.key') },
    maxConnections: 2,
  });
  await work(opened).finally(() => opened.close());
}

interface Diagnosis {
  readonly code: number;
  readonly findings: readonly {
    readonly check: string;
    readonly level: string;
    readonly ok: boolean;
    readonly message: string;
    readonly advice: string | null;
  }[];
}

async function diagnose(environment: Readonly<Record<string, string>> = {}): Promise<Diagnosis> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(MILLRACE_|DATABASE_URL$)/.test(name));
  const own = { MILLRACE_HOME: home, DATABASE_URL: metadata.ownerUrl, MILLRACE_URL: 'http://127.0.0.1:1' };
  const env = { ...Object.fromEntries(inherited), ...own, ...environment };
  const { code, stdout, stderr } = await run(process.execPath, [MAIN, 'doctor', '--json'], {
    env,
    timeout: LIMIT_MS,
  }).then(
    (done) => ({ ...done, code: 0 }),
    (failed) => failed,
  );
  if (stdout === '') throw new Error(`The doctor said nothing but: ${stderr}`);
  return { code, findings: JSON.parse(stdout).findings };
}

const text = ({ findings }: Diagnosis, level: string) =>
  findings
    .filter((finding) => finding.level === level)
    .map(({ check, message, advice }) => `${check}: ${message} ${advice}`);

/** A stored connection to a database of the tests. */
async function connectTo(target: TestDatabase, changes: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const { hostname, port, username, password } = new URL(target.ownerUrl);
  const configuration = { hostname, port: Number(port), username, database: target.name, ssl: false, ...changes };
  await store(async ({ db, secrets }) => {
    const { id } = await db.selectFrom('connections').select('id').executeTakeFirstOrThrow();
    const owner = { organizationId: history.organizationId, connectionId: id };
    await db
      .updateTable('connections')
      .set({
        configuration: JSON.stringify(configuration),
        secrets: secrets.seal({ password: decodeURIComponent(password) }, owner),
      })
      .execute();
  });
}

/** Makes an empty database one of the program that knew the migrations up to a number. */
async function migrateTo(client: pg.Client, last: number): Promise<void> {
  await client.query('CREATE TABLE schema_migrations (number int, name text, checksum text)');
  for (const name of readdirSync(MIGRATIONS).sort()) {
    const sql = readFileSync(join(MIGRATIONS, name), 'utf8');
    const number = Number.parseInt(name, 10);
    if (number > last) return;
    await client.query(sql);
    const row = [number, name, createHash('sha256').update(sql).digest('hex')];
    await client.query('INSERT INTO schema_migrations VALUES ($1, $2, $3)', row);
  }
}

async function openTarget(): Promise<TestDatabase & { readonly client: pg.Client }> {
  const target = await createTestDatabase();
  const client = new pg.Client(target.ownerUrl);
  await client.connect();
  const dispose = async () => {
    await client.end();
    await target[Symbol.asyncDispose]();
  };
  return { ...target, client, [Symbol.asyncDispose]: dispose };
}

/** What the names of one schema's scratch tables begin with. */
function scratchPrefix(owner: string): string {
  return `__millrace_${createHash('sha256').update(owner).digest('hex').slice(0, 24)}_`;
}

describe('millrace doctor', () => {
  it(
    'finds nothing wrong with a sound installation, and says what it looked at',
    async () => {
      await using target = await openTarget();
      await connectTo(target);
      const diagnosis = await diagnose();
      expect(text(diagnosis, 'wrong')).toEqual([]);
      expect(text(diagnosis, 'notice')).toEqual([]);
      expect(diagnosis.code).toBe(0);
      const checks = [
        'versions',
        'home folder',
        'disk',
        'e-mails',
        'server',
        'metadata database',
        'clock',
        'migrations',
        'master key',
        'workers',
        'connection both',
      ];
      expect(diagnosis.findings.map(({ check }) => check)).toEqual(expect.arrayContaining(checks));
    },
    LIMIT_MS,
  );

  it(
    'names a key that is another one, files that others may read, a connection that fails',
    async () => {
      await using target = await openTarget();
      await connectTo(target, { database: 'no_such_database' });
      expect(text(await diagnose(), 'wrong')).toEqual([expect.stringMatching(/^connection both: .*no_such_database/)]);
      writeFileSync(join(home, 'master.key'), Buffer.alloc(32, 7).toString('base64'));
      chmodSync(join(home, 'master.key'), 0o644);
      const diagnosis = await diagnose();
      expect(text(diagnosis, 'wrong')).toEqual([
        expect.stringMatching(/^master key: is not the one.*MILLRACE_ENCRYPTION_KEY/),
      ]);
      expect(text(diagnosis, 'notice')).toEqual([
        expect.stringMatching(/home folder: others may look into.*master.key/),
      ]);
      expect(diagnosis.code).toBe(1);
    },
    LIMIT_MS,
  );

  it(
    'names work that nobody does, and changes nothing about it',
    async () => {
      await history.sql(`INSERT INTO bulk_sync_schedules (id, sync_id, organization_id, is_default, position, settings, created_by_type, updated_by_type, due_at)
        SELECT gen_random_uuid(), id, organization_id, true, 0, '{}', 'system', 'system', now() - interval '1 hour' FROM bulk_syncs`);
      await history.sql('UPDATE bulk_syncs SET active = true');
      expect(text(await diagnose(), 'wrong')).toContainEqual(
        expect.stringMatching(/^schedules: nobody starts 1 syncs.*sync 1 for 1 h/),
      );
      await history.sql(
        `INSERT INTO workers (id, host, pid, build, dead_at) VALUES ('00000000-0000-4000-8000-000000000001', 'gone', 1, '0', now())`,
      );
      await history.sql(
        `UPDATE executions SET status = 'running', completed_at = NULL, updated_at = now() - interval '2 hours'
         WHERE created_at = (SELECT max(created_at) FROM executions)`,
      );
      await history.sql(
        `UPDATE segments SET state = 'owned', worker_id = '00000000-0000-4000-8000-000000000001', started_at = now() - interval '1 hour'
         WHERE kind = 'read' AND execution_id = (SELECT id FROM executions WHERE status = 'running')`,
      );
      const diagnosis = await diagnose();
      expect(text(diagnosis, 'wrong')).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/^connection both: its stored settings/),
          expect.stringMatching(/^workers: none is alive, and 1 executions wait/),
          expect.stringMatching(/^execution: .* has 1 steps that a dead worker had begun/),
        ]),
      );
      expect(text(diagnosis, 'notice')).toEqual([expect.stringMatching(/^execution: .*begun no step for 1 h/)]);
      expect(await history.sql(`SELECT status FROM executions ORDER BY created_at DESC LIMIT 1`)).toEqual([
        { status: 'running' },
      ]);
    },
    LIMIT_MS,
  );

  it(
    'names what loads and sessions left in a destination, but not what is being loaded',
    async () => {
      await using target = await openTarget();
      await connectTo(target);
      const [sync] = history.syncIds;
      const [running] = await history.sql(`SELECT id FROM executions ORDER BY created_at DESC LIMIT 1`);
      await history.sql(
        `UPDATE executions SET status = 'running', completed_at = NULL, updated_at = now() WHERE id = $1`,
        [running?.id],
      );
      await target.client.query(`CREATE SCHEMA __millrace;
        CREATE TABLE __millrace.fences (sync_id text, schema_id text, generation bigint);
        CREATE TABLE __millrace.publications (x int);
        INSERT INTO __millrace.fences VALUES ('${sync}', 'public.items', 1), ('00000000-0000-4000-8000-0000000000aa', 'public.items', 3)`);
      const own = scratchPrefix(`${sync} public.items`);
      const other = scratchPrefix('00000000-0000-4000-8000-0000000000aa public.items');
      for (const name of [`${own}1`, `${own}0`, `${other}3`]) await target.client.query(`CREATE TABLE ${name} (x int)`);
      const notices = text(await diagnose(), 'notice');
      expect(notices).toHaveLength(2);
      expect(notices).toContainEqual(expect.stringMatching(`${own}0.*was left by a load of public.items.*DROP TABLE`));
      expect(notices).toContainEqual(expect.stringMatching(`${other}3.*a sync that is deleted`));
    },
    LIMIT_MS,
  );

  it(
    'looks at a database of a newer program, and asks it nothing that it may not have',
    async () => {
      await history.sql(`INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'later', 'x')`);
      expect(text(await diagnose(), 'wrong')).toEqual([expect.stringMatching(/^migrations: .*migration 9999/)]);
    },
    LIMIT_MS,
  );

  it(
    'names the migrations that a database of an older program lacks, and asks it nothing that it may not have',
    async () => {
      await using older = await createTestDatabase();
      const client = new pg.Client(older.ownerUrl);
      await client.connect();
      await migrateTo(client, 8);
      await client.query(
        `INSERT INTO installation (id, key_check, obfuscation_salt) VALUES (gen_random_uuid(), $1, '')`,
        [(await history.sql('SELECT key_check FROM installation'))[0]?.key_check],
      );
      await client.end();
      const diagnosis = await diagnose({ DATABASE_URL: older.ownerUrl });
      expect(text(diagnosis, 'wrong')).toEqual([]);
      expect(text(diagnosis, 'notice')).toEqual([
        expect.stringMatching(/^migrations: \d+ are not applied yet: 0009_many_workers, .*at the next start/),
      ]);
      expect(diagnosis.code).toBe(0);
    },
    LIMIT_MS,
  );

  it(
    'names an execution whose source image is held too long, by who holds it or reads in it',
    async () => {
      await using target = await openTarget();
      await connectTo(target);
      const worker = '00000000-0000-4000-8000-000000000002';
      await history.sql(`INSERT INTO workers (id, host, pid, build) VALUES ($1, 'here', 1, 'any')`, [worker]);
      const [running] = await history.sql(
        `UPDATE executions SET status = 'running', completed_at = NULL, updated_at = now()
         WHERE created_at = (SELECT max(created_at) FROM executions) RETURNING id`,
      );
      const id = running?.id;
      await history.sql(
        `INSERT INTO execution_snapshots (execution_id, epoch, worker_id, snapshot, opened_at) VALUES ($1, 1, $2, '{}', now() - interval '5 hours')`,
        [id, worker],
      );
      const old = async () => text(await diagnose(), 'notice').filter((found) => found.startsWith('execution: '));
      expect(await old()).toEqual([]);
      await history.sql(
        `INSERT INTO snapshot_holders (execution_id, epoch, worker_id, snapshot) VALUES ($1, 1, $2, '{}')`,
        [id, worker],
      );
      const held = [expect.stringMatching(/ has held its source image for 5 h/)];
      expect(await old()).toEqual(held);
      await history.sql('DELETE FROM snapshot_holders');
      await history.sql('UPDATE execution_schemas SET snapshot_epoch = 1 WHERE execution_id = $1', [id]);
      await history.sql(
        `UPDATE segments SET state = 'owned', worker_id = $2 WHERE execution_id = $1 AND kind = 'read'`,
        [id, worker],
      );
      expect(await old()).toEqual(held);
      await history.sql('UPDATE workers SET dead_at = now()');
      expect(await old()).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'says in one sentence that the metadata database does not answer',
    async () => {
      const diagnosis = await diagnose({ DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' });
      expect(text(diagnosis, 'wrong')).toEqual([expect.stringMatching(/^metadata database: .*DATABASE_URL/)]);
    },
    LIMIT_MS,
  );
});
