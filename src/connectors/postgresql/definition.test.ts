import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  connectDatabase,
  copySchema,
  createDatabaseContext,
  NEVER,
  openSide,
  type Side,
} from '../../../tests/setup/postgresql-loads.ts';
import { postgresConfiguration } from '../../../tests/setup/syncs.ts';
import { SyncError } from '../../core/index.ts';
import { postgresql } from './definition.ts';

let side: Side;

beforeAll(async () => {
  side = await openSide();
});

afterAll(() => side[Symbol.asyncDispose]());

/** Connects with changed settings and checks. */
async function check(changed: Readonly<Record<string, unknown>>, context = {}): Promise<void> {
  await using connector = await connectDatabase(side.url, context, changed);
  await connector.check(NEVER);
}

describe('the settings', () => {
  const given = { hostname: 'db.example', username: 'u', password: 'p', database: 'd' };

  it('have the public API’s defaults', () => {
    expect(postgresql.config.parse(given)).toEqual({ ...given, port: 5432, ssl: true });
  });

  it.each([
    ['hostname', ''],
    ['port', 0],
    ['port', '5432'],
    ['ssl', 'true'],
    ['hostnam', 'x'],
  ])('refuse %s = %j', (name, value) => {
    const result = postgresql.config.safeParse({ ...given, [name]: value });
    expect(result.success).toBe(false);
    expect(JSON.stringify(result.error?.issues)).toContain(name);
  });

  it.each([
    ['change_detection', true, false],
    ['publication', 'all', ''],
  ])('name %s, which has no effect yet, and take its neutral value', (name, value, neutral) => {
    const result = postgresql.config.safeParse({ ...given, [name]: value });
    expect(result.error?.issues).toMatchObject([
      { path: [name], message: `${name} is not available yet; leave it out` },
    ]);
    expect(postgresql.config.safeParse({ ...given, [name]: neutral }).success).toBe(true);
  });
});

describe('a check', () => {
  it('succeeds with what it was made for', async () => {
    await check({});
  });

  it('names a wrong password', async () => {
    const error = await check({ password: 'wrong-secret' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'CONN_AUTH_REFUSED',
      message: expect.stringContaining('password authentication failed'),
    });
    expect(String(error)).not.toContain('wrong-secret');
  });

  it('names an unknown user', async () => {
    await expect(check({ username: 'nobody' })).rejects.toMatchObject({ code: 'CONN_AUTH_REFUSED' });
  });

  it('names an unknown database', async () => {
    await expect(check({ database: 'nowhere' })).rejects.toMatchObject({
      code: 'CONN_DATABASE_MISSING',
      message: expect.stringContaining('"nowhere" does not exist'),
    });
  });

  it('names a port where nothing answers', async () => {
    await expect(check({ port: 1 })).rejects.toMatchObject({
      code: 'CONN_UNREACHABLE',
      message: expect.stringContaining('127.0.0.1:1/'),
    });
  });

  it('passes on why a host is refused or unknown', async () => {
    const refused = new SyncError('CONN_ADDRESS_REFUSED', 'db.example is a link-local address.');
    await expect(check({}, { resolveHost: () => Promise.reject(refused) })).rejects.toBe(refused);
  });

  it('waits for a session where none is left, and then names the limits', async () => {
    const admin = new pg.Client(side.superuserUrl);
    await admin.connect();
    try {
      await admin.query(`CREATE ROLE crowded LOGIN PASSWORD 'secret' CONNECTION LIMIT 1`);
      await using other = await connectDatabase(side.url, {}, { username: 'crowded', password: 'secret' });
      const held = await other.source?.openSnapshot(NEVER);
      const crowded = { username: 'crowded', password: 'secret' };
      const waiting = check(crowded);
      await expect(waiting).rejects.toMatchObject({
        code: 'CONN_FULL',
        message: expect.stringMatching(/too many connections for role "crowded".*CONNECTION LIMIT/),
      });
      const again = check(crowded).then(() => 'in', String);
      await held?.[Symbol.asyncDispose]();
      expect(await again).toMatch(/^in$|neither read nor write/);
    } finally {
      await admin.query('DROP ROLE crowded');
      await admin.end();
    }
  });

  it('names what a user without any privilege needs', async () => {
    const admin = new pg.Client(side.superuserUrl);
    await admin.connect();
    try {
      await admin.query(`CREATE ROLE powerless LOGIN PASSWORD 'secret'`);
      await expect(check({ username: 'powerless', password: 'secret' })).rejects.toMatchObject({
        code: 'CONN_PRIVILEGE_MISSING',
        message: expect.stringMatching(/SELECT on its tables.*CREATE on the database/),
      });
      await expect(loadAs('powerless')).rejects.toMatchObject({
        code: 'CONN_PRIVILEGE_MISSING',
        message: expect.stringContaining('CREATE SCHEMA __millrace'),
      });
      await admin.query(
        'CREATE SCHEMA __millrace AUTHORIZATION powerless; GRANT CREATE, USAGE ON SCHEMA public TO powerless',
      );
      await check({ username: 'powerless', password: 'secret' });
      expect((await loadAs('powerless')).counts).toMatchObject({ inserted: 1 });
    } finally {
      await admin.query('DROP OWNED BY powerless; DROP ROLE powerless');
      await admin.end();
    }
  });

  /** Writes one record as another user. */
  async function loadAs(username: string) {
    await side.sql('CREATE TABLE IF NOT EXISTS one (id int PRIMARY KEY)');
    await side.sql('INSERT INTO one VALUES (1) ON CONFLICT DO NOTHING');
    await using destination = await connectDatabase(side.url, {}, { username, password: 'secret' });
    const plan = { table: { schema: 'public', name: 'copied' } };
    return copySchema({ source: side.connector, destination, schemaId: 'public.one', plan });
  }
});

describe('the metadata database', () => {
  it('is refused by its address', async () => {
    const { port, database } = postgresql.config.parse(postgresConfiguration(side.url));
    const forbiddenDatabase = { host: 'localhost', port, database };
    const resolveHost = (host: string) => Promise.resolve(host === 'localhost' ? '::1' : host);
    await expect(check({}, { forbiddenDatabase, resolveHost })).rejects.toMatchObject({ code: 'CONN_ADDRESS_REFUSED' });
  });

  it('is refused under another address, by what it holds', async () => {
    const { database } = postgresql.config.parse(postgresConfiguration(side.url));
    const forbiddenDatabase = { host: '10.1.2.3', port: 6543, database };
    await check({}, { forbiddenDatabase });
    await side.sql('CREATE TABLE installation (); CREATE TABLE execution_snapshots (); CREATE TABLE schema_caches ()');
    await expect(check({}, { forbiddenDatabase })).rejects.toMatchObject({ code: 'CONN_ADDRESS_REFUSED' });
    await side.sql('DROP TABLE installation, execution_snapshots, schema_caches');
  });
});

describe('encryption', () => {
  it('is not given up silently when the server has none', async () => {
    await expect(check({ ssl: true })).rejects.toMatchObject({
      code: 'CONN_TLS_FAILED',
      message: expect.stringContaining('set ssl to false'),
    });
  });
});

it.each([
  [{}, 'without TLS'],
  [{ ssl: true }, 'TLS, verified'],
  [
    { ssl: true, ssh: true, ssh_host: 'bastion', ssh_private_key: 'KEY' },
    'TLS, verified, through SSH (host key not checked)',
  ],
])('tells how records travel with %j', async (changes, expected) => {
  await using connector = await connectDatabase(side.url, {}, changes);
  expect(connector.transport).toBe(expected);
});

it('opens nothing before it is used', async () => {
  const context = createDatabaseContext({ resolveHost: () => Promise.reject(new Error('asked')) });
  await using connector = await postgresql.connect(postgresql.config.parse(postgresConfiguration(side.url)), context);
  expect(connector.destination?.defaultSchema).toBe('public');
});
