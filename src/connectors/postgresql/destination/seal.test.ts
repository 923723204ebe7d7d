import pg from 'pg';
import { expect, it, vi } from 'vitest';
import { WAITING_FOR_US } from '../../../../tests/setup/databases.ts';
import { useSides } from '../../../../tests/setup/postgresql-copies.ts';
import { NEVER, openLoad, readWhole } from '../../../../tests/setup/postgresql-loads.ts';

const { source, destination } = useSides(
  'CREATE TABLE items (id int PRIMARY KEY, note text); INSERT INTO items SELECT i FROM generate_series(1, 1000) i',
);

it('builds the key beside a count, and gives the table a primary key of columns that are never null', async () => {
  const snapshot = await source.connector.source?.openSnapshot(NEVER);
  await using held = snapshot ?? expect.unreachable('no source');
  const sides = { source: source.connector, destination: destination.connector };
  const { plan, chunks } = await readWhole({ ...sides, schemaId: 'public.items', plan: { generation: 1 } }, held);
  const load = await openLoad(destination.connector, plan);
  await load.prepare(NEVER);
  await using writer = await load.beginSegment({ no: 0, token: 1 }, { isolate: false }, NEVER);
  for (const chunk of chunks) await writer.write(chunk, NEVER);
  await writer.commit({ recordsRead: 1000, bytesRead: 1, source: { records: 1000, sum: null }, rejects: [] }, NEVER);

  const [[scratch] = []] = await destination.sql(
    `SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '\\_\\_millrace\\_%\\_1'`,
  );
  const other = new pg.Client({ connectionString: destination.url });
  await other.connect();
  try {
    // Somebody who writes is in the way of an index; who waits for a lock that readers would be in the way of holds them up, too.
    await other.query(`BEGIN; LOCK TABLE "${scratch}" IN ROW EXCLUSIVE MODE`);
    const sealing = load.seal(NEVER);
    await vi.waitUntil(async () => (await other.query(WAITING_FOR_US)).rows.length > 0, { timeout: 10_000 });
    expect(await load.digest(null, true, NEVER)).toEqual({ records: 1000, sum: null });
    await other.query('COMMIT');
    await sealing;
  } finally {
    await other.end();
  }
  expect(
    await destination.sql(
      `SELECT i.indisprimary, a.attname, a.attnotnull FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
       WHERE i.indrelid = '"${scratch}"'::regclass`,
    ),
  ).toEqual([['t', 'id', 't']]);
});
