import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../../tests/setup/databases.ts';
import { FaultProxy } from '../../tests/setup/fault-proxy.ts';
import { startPooler } from '../../tests/setup/pgbouncer.ts';
import { hasCommand } from '../../tests/setup/system-packages.ts';
import { createSessionPool } from './session-pool.ts';

/** The message `Terminate` of the protocol. */
const GOODBYE = 'X\0\0\0\u0004';

it('outlives a session that breaks before it has come into the hands of who asked for it', async () => {
  await using database = await createTestDatabase();
  const pool = createSessionPool({ url: database.ownerUrl, maxConnections: 1 });
  onTestFinished(() => pool.end());
  pool.once('connect', (client) => {
    // The driver's own stream; told of between two turns, as a write that fails at once is.
    Reflect.get(Reflect.get(client, 'connection'), 'stream').destroy(new Error('reset by the test'));
  });
  const client = await pool.connect();
  await expect(client.query('SELECT 1')).rejects.toThrow();
  client.release(true);
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

it('breaks a session whose statement a network has swallowed, and leaves a long one alone', async () => {
  await using database = await createTestDatabase();
  await using proxy = await FaultProxy.open(database.ownerUrl);
  const patienceMs = 300;
  const pool = createSessionPool({ url: proxy.through(database.ownerUrl), maxConnections: 2, patienceMs });
  onTestFinished(() => pool.end());
  const [lost, slow] = [await pool.connect(), await pool.connect()];
  expect((await slow.query('SELECT pg_sleep(1.5), 1 AS one')).rows).toMatchObject([{ one: 1 }]);
  slow.release();
  proxy.halfOpenPresent();
  await expect(lost.query('SELECT 1')).rejects.toThrow();
  lost.release(true);
});

it('goes on watching where the network swallows the session that was to ask', async () => {
  await using database = await createTestDatabase();
  await using proxy = await FaultProxy.open(database.ownerUrl);
  const pool = createSessionPool({ url: proxy.through(database.ownerUrl), maxConnections: 2, patienceMs: 300 });
  onTestFinished(() => pool.end());
  const [lost, slow] = [await pool.connect(), await pool.connect()];
  const asker = proxy.halfOpenAt('to-server', GOODBYE);
  expect((await slow.query('SELECT pg_sleep(1.5), 1 AS one')).rows).toMatchObject([{ one: 1 }]);
  slow.release();
  await asker;
  proxy.halfOpenPresent();
  await expect(lost.query('SELECT 1')).rejects.toThrow();
  lost.release(true);
});

it.skipIf(!hasCommand('pgbouncer'))(
  'leaves a long statement alone behind a pooler, whose numbers are its own',
  async () => {
    await using database = await createTestDatabase();
    await using pooler = await startPooler(database.ownerUrl, 'session');
    const pool = createSessionPool({ url: pooler.url, maxConnections: 1, patienceMs: 200 });
    // The pooler ends when its clients have gone.
    await using ending = new AsyncDisposableStack();
    ending.defer(() => pool.end());
    expect((await pool.query('SELECT pg_sleep(1.5), 1 AS one')).rows).toMatchObject([{ one: 1 }]);
  },
);
