import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../../tests/setup/databases.ts';
import { createSessionPool } from './session-pool.ts';

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
