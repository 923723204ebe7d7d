import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../../tests/setup/databases.ts';
import { FaultProxy } from '../../tests/setup/fault-proxy.ts';
import { NEVER } from '../../tests/setup/postgresql-loads.ts';
import { createSessionPool } from '../store/index.ts';
import { retryStore } from './retry-store.ts';

it('repeats a transaction whose session breaks between two statements', async () => {
  await using database = await createTestDatabase();
  await using proxy = await FaultProxy.open(database.ownerUrl);
  const pool = createSessionPool({ url: proxy.through(database.ownerUrl), maxConnections: 1 });
  onTestFinished(() => pool.end());
  let tries = 0;
  const call = async (): Promise<unknown> => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      tries += 1;
      const broken = once(client, 'error');
      if (tries === 1) {
        proxy.reset();
        await broken;
      }
      return (await client.query('SELECT 1 AS one')).rows;
    } finally {
      client.release(true);
    }
  };
  expect(await retryStore(call, NEVER)).toEqual([{ one: 1 }]);
  expect(tries).toBe(2);
});
