import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from './databases.ts';
import { FaultProxy } from './fault-proxy.ts';

let database: TestDatabase;
let proxy: FaultProxy;
const clients: pg.Client[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await FaultProxy.open(database.url);
});

afterEach(async () => {
  await proxy.heal();
  proxy.reset();
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})));
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function connect(url = proxy.through(database.url)): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => {
    // The next query reports it.
  });
  await client.connect();
  clients.push(client);
  return client;
}

const failureOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: Error) => error.message,
  );

/** Whether something has come about when a statement past the proxy has been answered twice over. */
async function isSettled(work: Promise<unknown>): Promise<boolean> {
  const direct = await connect(database.url);
  await direct.query('SELECT pg_sleep(0.05)');
  return Promise.race([work.then(() => true), direct.query('SELECT 1').then(() => false)]);
}

describe('a fault proxy', () => {
  it('carries many bytes both ways unchanged', async () => {
    const client = await connect();
    const text = 'äöü'.repeat(1_000_000);
    const { rows } = await client.query('SELECT $1::text AS text, md5($1::text) AS md5', [text]);
    expect(rows[0].text).toBe(text);
    expect(proxy.openConnections).toBe(1);
    await client.end();
  });

  it('resets every connection and takes new ones', async () => {
    const client = await connect();
    const query = failureOf(client.query('SELECT pg_sleep(60)'));
    expect(proxy.reset()).toBe(1);
    expect(await query).toMatch(/ECONNRESET|terminated/);
    expect((await (await connect()).query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('ends the server’s session with a reset', async () => {
    const client = await connect();
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    proxy.reset();
    const direct = await connect(database.url);
    const isThere = async () =>
      (await direct.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [rows[0].pid])).rows.length > 0;
    while (await isThere()) await direct.query('SELECT pg_sleep(0.01)');
  });

  it('refuses new connections while old ones go on, until it is healed', async () => {
    const client = await connect();
    await proxy.refuse();
    expect(await failureOf(connect())).toMatch(/ECONNREFUSED/);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await proxy.heal();
    await connect();
  });

  it('holds everything back while it stalls, and loses nothing', async () => {
    const client = await connect();
    proxy.stall();
    const query = client.query('SELECT 1 AS one');
    expect(await isSettled(query)).toBe(false);
    await proxy.heal();
    expect((await query).rows).toEqual([{ one: 1 }]);
  });

  it('swallows everything while it is half open, and resets what lost bytes when it is healed', async () => {
    const client = await connect();
    proxy.halfOpen();
    const query = failureOf(client.query('SELECT 1'));
    expect(await isSettled(query)).toBe(false);
    await proxy.heal();
    expect(await query).toMatch(/ECONNRESET|terminated/);
    await connect();
  });

  it('keeps the server’s session when the client leaves a half-open connection', async () => {
    const client = await connect();
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    const closed = new Promise((resolve) => client.once('end', resolve));
    proxy.halfOpen();
    // The driver would wait for the server's goodbye.
    // The type does not tell of it.
    const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection;
    stream.destroy();
    await closed;
    const direct = await connect(database.url);
    await direct.query('SELECT pg_sleep(0.05)');
    const found = await direct.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [rows[0].pid]);
    expect(found.rows).toHaveLength(1);
  });

  it('cuts a connection behind a number of answered bytes', async () => {
    const client = await connect();
    const cut = proxy.cutAfter('to-client', 1_000_000);
    expect((await client.query(`SELECT repeat('x', 500000) AS text`)).rows[0].text).toHaveLength(500_000);
    expect(await failureOf(client.query(`SELECT repeat('x', 900000)`))).toMatch(/ECONNRESET|terminated/);
    await cut;
    await connect();
  });

  it('cuts a connection behind a number of sent bytes, and what came before arrives', async () => {
    const client = await connect();
    await client.query('CREATE TABLE sent (text text)');
    const cut = proxy.cutAfter('to-server', 10_000);
    await client.query('INSERT INTO sent VALUES ($1)', ['x'.repeat(1_000)]);
    expect(await failureOf(client.query('INSERT INTO sent VALUES ($1)', ['x'.repeat(20_000)]))).not.toBe('none');
    await cut;
    const direct = await connect(database.url);
    expect((await direct.query('SELECT length(text) FROM sent')).rows).toEqual([{ length: 1_000 }]);
  });

  it('loses the reply to a COMMIT that was carried out', async () => {
    const client = await connect();
    await client.query('CREATE TABLE kept (n int)');
    await client.query('BEGIN; INSERT INTO kept VALUES (1)');
    const lost = proxy.loseReply('COMMIT');
    expect(await failureOf(client.query('COMMIT'))).toMatch(/ECONNRESET|terminated/);
    await lost;
    const direct = await connect(database.url);
    expect((await direct.query('SELECT n FROM kept')).rows).toEqual([{ n: 1 }]);
  });

  it('loses no reply to a statement that only speaks of a commit', async () => {
    const client = await connect();
    void proxy.loseReply('COMMIT');
    await client.query('BEGIN; CREATE TEMP TABLE brief (n int) ON COMMIT DROP');
    expect(await failureOf(client.query('COMMIT'))).toMatch(/ECONNRESET|terminated/);
  });

  it('turns over one bit', async () => {
    const client = await connect();
    await client.query(`SELECT repeat('a', 10)`);
    const flipped = proxy.flipAfter('to-client', 50_000);
    const { rows } = await client.query(`SELECT repeat('a', 100000) AS text`);
    await flipped;
    expect(rows[0].text.replaceAll('a', '')).toBe('`');
  });

  it('is slow when told to', async () => {
    const client = await connect();
    proxy.slow({ bytesPerSecond: 1_000_000, latencyMs: 5 });
    const begun = performance.now();
    await client.query(`SELECT repeat('x', 200000)`);
    expect(performance.now() - begun).toBeGreaterThan(150);
  });
});
