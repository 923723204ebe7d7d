import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';

// Obfuscated fields, from the API to the records in the destination.

const PEOPLE = 'public.people';
const ORDERS = 'public.orders';
/** An HMAC-SHA-256 in base64url. */
const HASH = /^[\w-]{43}$/;

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, email varchar(12), age int, changed_at timestamptz NOT NULL DEFAULT now());
  INSERT INTO people VALUES (1, 'ann@a.org', 30), (2, NULL, 40), (3, '', NULL), (4, 'a,"b"' || chr(10) || 'c', 50), (5, 'ann@a.org', 30);
  CREATE TABLE orders (id int PRIMARY KEY, customer text, buyer int, body text);
  INSERT INTO orders SELECT i, 'ann@a.org', 1, 'p' || i FROM generate_series(1, 3) i;`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

const all = (ids: readonly string[], hidden: readonly string[]) =>
  ids.map((id) => ({ id, enabled: true, obfuscate: hidden.includes(id) }));

const people = (...hidden: string[]) => ({
  id: PEOPLE,
  fields: all(['id', 'email', 'age', 'changed_at'], hidden),
});

async function runToEnd(syncId: string) {
  const { execution, receipt } = await scene.run(syncId);
  expect([execution.status, receipt?.verdict]).toEqual(['completed', 'equal']);
  return receipt?.schemas.find(({ schema }) => schema === PEOPLE);
}

describe('obfuscated fields', () => {
  it('arrive as hashes, alike for alike values; NULL stays NULL, other fields stay as they are', async () => {
    const sync = await scene.make([people('email', 'age')]);
    const receipt = await runToEnd(sync.id);
    expect(receipt?.conversions).toEqual(['email: keyed hash of its text', 'age: keyed hash of its text']);
    const rows = await scene.inDestination('SELECT id, email, age FROM landing.people ORDER BY id');
    expect(rows).toEqual([
      [1, expect.stringMatching(HASH), expect.stringMatching(HASH)],
      [2, null, expect.stringMatching(HASH)],
      [3, expect.stringMatching(HASH), null],
      [4, expect.stringMatching(HASH), expect.stringMatching(HASH)],
      rows[4],
    ]);
    expect(rows[4]?.slice(1)).toEqual(rows[0]?.slice(1));
    expect(new Set(rows.slice(0, 4).flatMap((row) => row.slice(1).filter((value) => value !== null))).size).toBe(6);
    expect(await runToEnd(sync.id)).toMatchObject({ load: 'merge', counts: { unchanged: 5, written: 0 } });
  });

  it('can be joined, in one sync and across syncs, whatever their types', async () => {
    const orders = { id: ORDERS, fields: all(['id', 'customer', 'buyer', 'body'], ['customer', 'buyer']) };
    await runToEnd((await scene.make([people('id', 'email')])).id);
    await runToEnd((await scene.make([orders], { destination_configuration: { schema: 'other' } })).id);
    const rows = await scene.inDestination(
      `SELECT o.id FROM other.orders o JOIN landing.people p ON p.email = o.customer AND p.id = o.buyer ORDER BY 1`,
    );
    expect(rows).toEqual([[1], [2], [3]]);
  });

  it('have the same hashes in a DuckDB file', async () => {
    await runToEnd((await scene.make([people('email', 'age')])).id);
    const destination = ['duckdb', { path: 'obfuscated.duckdb' }] as const;
    const sync = await scene.make([people('email', 'age')], {}, { destination });
    expect((await scene.run(sync.id)).receipt?.verdict).toBe('equal');
    const select = 'SELECT id, email, age FROM landing.people ORDER BY id';
    const inFile = await queryFile(join(server.filesFolder, 'obfuscated.duckdb'), select);
    const inDatabase = await scene.inDestination(select);
    expect(inFile).toEqual(inDatabase);
  });

  it('can be the key: records are merged by their hashes', async () => {
    const sync = await scene.make([people('id')]);
    expect(await runToEnd(sync.id)).toMatchObject({ load: 'replace' });
    await scene.inSource(
      `UPDATE people SET age = 31 WHERE id = 1; DELETE FROM people WHERE id = 2; INSERT INTO people VALUES (6, 'new', 1)`,
    );
    expect(await runToEnd(sync.id)).toMatchObject({
      load: 'merge',
      counts: { written: 2, unchanged: 3, deleted: 1 },
    });
    const rows = await scene.inDestination(
      'SELECT id, age FROM landing.people WHERE __millrace_deleted_at IS NULL ORDER BY age NULLS FIRST',
    );
    expect(rows.map(([, age]) => age)).toEqual([null, 1, 30, 31, 50]);
    for (const [id] of rows) expect(id).toMatch(HASH);
  });

  it('keep no clear value in the table when they were written in clear before, deleted records included', async () => {
    const sync = await scene.make([people()]);
    await runToEnd(sync.id);
    await scene.inSource(`DELETE FROM people WHERE id = 5`);
    await runToEnd(sync.id);
    await scene.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, {
      schemas: [{ id: PEOPLE, fields: [{ id: 'email', obfuscated: true }] }],
    });
    expect(await runToEnd(sync.id)).toMatchObject({ load: 'replace' });
    const [[text] = []] = await scene.inDestination(`SELECT string_agg(p::text, ' ') FROM landing.people p`);
    expect(text).not.toContain('ann@a.org');
    expect(text).toMatch(/[\w-]{43}/);
  });

  it('are filtered and tracked by their values in the source', async () => {
    const schema = {
      ...people('email', 'changed_at'),
      filters: [{ field_id: 'email', function: 'Equality' as const, value: 'ann@a.org' }],
      tracking_field: 'changed_at',
    };
    const sync = await scene.make([schema]);
    expect(await runToEnd(sync.id)).toMatchObject({ counts: { written: 2 } });
    await scene.inSource(`UPDATE people SET age = 99, changed_at = clock_timestamp() + interval '1 hour' WHERE id = 1`);
    await runToEnd(sync.id);
    await scene.inSource(
      `UPDATE people SET age = 98, changed_at = clock_timestamp() + interval '2 hours' WHERE id = 1`,
    );
    expect(await runToEnd(sync.id)).toMatchObject({ load: 'delta' });
    expect(await scene.inDestination('SELECT age FROM landing.people ORDER BY id')).toEqual([[98], [30]]);
  });
});
