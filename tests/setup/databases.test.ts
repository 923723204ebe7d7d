import pg from 'pg';
import { expect, it } from 'vitest';
import { createTestDatabase } from './databases.ts';

it('gives every caller a database of its own, with wal_level logical and UTF8', async () => {
  await using first = await createTestDatabase();
  await using second = await createTestDatabase();
  expect(first.name).not.toBe(second.name);
  const client = new pg.Client(first.url);
  await client.connect();
  const { rows } = await client.query(
    "SELECT current_database() AS name, current_setting('wal_level') AS wal, current_setting('server_encoding') AS encoding",
  );
  await client.end();
  expect(rows).toEqual([{ name: first.name, wal: 'logical', encoding: 'UTF8' }]);
});

it('lets the owner create tables without being a superuser', async () => {
  await using database = await createTestDatabase();
  const client = new pg.Client(database.ownerUrl);
  await client.connect();
  await client.query('CREATE TABLE t (id int)');
  const { rows } = await client.query('SELECT rolsuper FROM pg_roles WHERE rolname = current_user');
  await client.end();
  expect(rows).toEqual([{ rolsuper: false }]);
});
