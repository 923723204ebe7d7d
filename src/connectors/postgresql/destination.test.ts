import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Copy, copySchema, NEVER, openLoad, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';

let source: Side;
let destination: Side;
let generation = 0;

beforeAll(async () => {
  source = await openSide();
  destination = await openSide();
});

afterAll(async () => {
  await source[Symbol.asyncDispose]();
  await destination[Symbol.asyncDispose]();
});

beforeEach(async () => {
  for (const side of [source, destination]) await side.sql('DROP SCHEMA public CASCADE');
  for (const side of [source, destination]) await side.sql('CREATE SCHEMA public');
  await destination.sql('DROP SCHEMA IF EXISTS __millrace CASCADE');
  await source.sql('CREATE TABLE people (id int PRIMARY KEY, name text, balance numeric, changed timestamptz)');
  await source.sql(
    `INSERT INTO people SELECT i, 'name ' || i, i / 10.0, '2026-01-01'::timestamptz + i * interval '1 hour' FROM generate_series(1, 100) i`,
  );
});

/** Copies `people` in a new generation. */
function copy(given: Partial<Copy> = {}) {
  generation += 1;
  return copySchema({
    source: source.connector,
    destination: destination.connector,
    schemaId: 'public.people',
    ...given,
    plan: { generation, ...given.plan },
  });
}

const IMAGE = 'SELECT id, name, balance, changed FROM people ORDER BY id';
const ALIVE = 'SELECT id, name, balance, changed FROM people WHERE __millrace_deleted_at IS NULL ORDER BY id';

async function strayTables(): Promise<(string | null)[][]> {
  return destination.sql(`SELECT relname FROM pg_class WHERE relname LIKE '\\_\\_millrace\\_%' AND relkind = 'r'`);
}

describe('a merge', () => {
  const merge = (given: Partial<Copy> = {}) =>
    copy({ ...given, plan: { kind: 'merge', tombstones: true, ...given.plan } });

  it('inserts, updates, marks deleted and leaves the rest alone', async () => {
    const first = await merge();
    expect(first.counts).toMatchObject({ inserted: 100, updated: 0, unchanged: 0, deleted: 0, rejects: [] });
    await source.sql(`UPDATE people SET name = 'new' WHERE id <= 3`);
    await source.sql('DELETE FROM people WHERE id > 95');
    await source.sql(`INSERT INTO people VALUES (200, 'late', 1, now())`);
    const second = await merge({ plan: { stampedAt: '2026-02-02T00:00:00.000Z' } });
    expect(second.counts).toMatchObject({ inserted: 1, updated: 3, unchanged: 92, deleted: 5 });
    expect(second.found).toEqual(second.expected);
    expect(await destination.sql(ALIVE)).toEqual(await source.sql(IMAGE));
    const stamps = await destination.sql(
      'SELECT __millrace_updated_at::date, count(*) FROM people GROUP BY 1 ORDER BY 1',
    );
    expect(stamps).toEqual([
      ['2026-01-02', '92'],
      ['2026-02-02', '9'],
    ]);
    expect(await strayTables()).toEqual([]);
  });

  it('brings a deleted record back when it returns, keeping the time of its first arrival', async () => {
    await merge();
    await source.sql('DELETE FROM people WHERE id = 7');
    await merge();
    await source.sql(`INSERT INTO people VALUES (7, 'again', 0, NULL)`);
    const third = await merge({ plan: { stampedAt: '2026-03-03T00:00:00.000Z' } });
    expect(third.counts).toMatchObject({ inserted: 0, updated: 1, unchanged: 99, deleted: 0 });
    const stamps = `SELECT __millrace_created_at::date, __millrace_updated_at::date, __millrace_deleted_at FROM people WHERE id = 7`;
    expect(await destination.sql(stamps)).toEqual([['2026-01-02', '2026-03-03', null]]);
  });

  it('counts a tombstone once', async () => {
    await merge();
    await source.sql('DELETE FROM people WHERE id = 7');
    expect((await merge()).counts.deleted).toBe(1);
    expect((await merge()).counts).toMatchObject({ deleted: 0, unchanged: 99 });
  });

  it('deletes where the sync keeps no tombstones', async () => {
    await merge({ plan: { tombstones: false } });
    await source.sql('DELETE FROM people WHERE id = 7');
    const second = await merge({ plan: { tombstones: false } });
    expect(second.counts.deleted).toBe(1);
    expect(await destination.sql(IMAGE)).toEqual(await source.sql(IMAGE));
  });

  it('sees a change that equality does not: trailing zeros, negative zero, the spelling of json', async () => {
    await source.sql('CREATE TABLE odd (id int PRIMARY KEY, n numeric, f float8, j json, i interval)');
    await source.sql(`INSERT INTO odd VALUES (1, 1.0, 0, '{"a": 1}', '30 days'), (2, 2, 2, '2', '2 days')`);
    await merge({ schemaId: 'public.odd' });
    await source.sql(`UPDATE odd SET n = 1.00, f = '-0', j = '{"a":1}', i = '1 month' WHERE id = 1`);
    const second = await merge({ schemaId: 'public.odd' });
    expect(second.counts).toMatchObject({ updated: 1, unchanged: 1 });
    expect(second.found).toEqual(second.expected);
  });

  it('adds a field that is new in the source', async () => {
    await merge();
    await source.sql(`ALTER TABLE people ADD COLUMN city text DEFAULT 'Bern'`);
    const second = await merge();
    expect(second.counts).toMatchObject({ updated: 100 });
    expect(await destination.sql('SELECT DISTINCT city FROM people')).toEqual([['Bern']]);
  });

  it('matches records by all fields of a key', async () => {
    await source.sql(`CREATE TABLE pairs (a int, b text, v int, PRIMARY KEY (b, a))`);
    await source.sql(`INSERT INTO pairs VALUES (1, 'x', 1), (1, 'y', 2), (2, 'x', 3)`);
    await merge({ schemaId: 'public.pairs' });
    await source.sql(`UPDATE pairs SET v = 9 WHERE a = 1 AND b = 'y'`);
    const second = await merge({ schemaId: 'public.pairs' });
    expect(second.counts).toMatchObject({ inserted: 0, updated: 1, unchanged: 2, deleted: 0 });
  });

  it('changes nothing when more would be lost than allowed', async () => {
    await merge();
    const before = await destination.sql(`SELECT * FROM people ORDER BY id`);
    await source.sql('DELETE FROM people WHERE id > 40');
    await expect(merge({ maxLossPercent: 50 })).rejects.toMatchObject({
      code: 'LOSS_GUARD',
      detail: { lost: 60, live: 100, maxLossPercent: 50 },
    });
    expect(await destination.sql(`SELECT * FROM people ORDER BY id`)).toEqual(before);
    await source.sql(`INSERT INTO people SELECT i FROM generate_series(41, 50) i`);
    expect((await merge({ maxLossPercent: 50 })).counts.deleted).toBe(50);
  });

  it('leaves out what the live table refuses, says why, and writes the rest', async () => {
    await merge();
    await destination.sql(`ALTER TABLE people ADD CONSTRAINT no_seven CHECK (name <> 'secret')`);
    await source.sql(`UPDATE people SET name = 'secret' WHERE id = 7`);
    await source.sql(`UPDATE people SET name = 'fine' WHERE id = 8`);
    await source.sql(`INSERT INTO people VALUES (101, 'secret', 0, NULL), (102, 'fine', 0, NULL)`);
    const second = await merge();
    expect(second.counts).toMatchObject({ inserted: 1, updated: 1, unchanged: 98, rejected: { records: 2 } });
    expect(second.rejects.toSorted((a, b) => Number(a.key?.id) - Number(b.key?.id))).toEqual([
      { key: { id: '7' }, reason: 'check constraint violated (SQLSTATE 23514), constraint no_seven' },
      { key: { id: '101' }, reason: 'check constraint violated (SQLSTATE 23514), constraint no_seven' },
    ]);
    expect(second.found).toEqual(second.expected);
    expect(JSON.stringify(second.rejects)).not.toContain('secret');
    expect(await destination.sql(`SELECT name FROM people WHERE id IN (7, 8, 101, 102) ORDER BY id`)).toEqual([
      ['name 7'],
      ['fine'],
      ['fine'],
    ]);
  });

  it('rejects values that a narrower column of an adopted table cannot hold, instead of clipping them', async () => {
    await destination.sql(
      'CREATE TABLE people (id int PRIMARY KEY, name varchar(10), balance numeric, changed timestamptz)',
    );
    await source.sql(`UPDATE people SET name = 'longer than ten' WHERE id = 5`);
    const { rejects, counts, found, expected } = await merge({ plan: { adopt: true } });
    expect(rejects).toEqual([{ key: { id: '5' }, reason: 'value too long (SQLSTATE 22001)' }]);
    expect(counts).toMatchObject({ inserted: 99 });
    expect(found).toEqual(expected);
  });

  it('answers a repeated publication with the first counts', async () => {
    const { plan, counts } = await merge();
    await using load = await openLoad(destination.connector, plan);
    expect(await load.published(NEVER)).toEqual(counts);
    expect(await load.publish({ maxLossPercent: 0 }, NEVER)).toEqual(counts);
  });
});

describe('a delta', () => {
  it('inserts and updates what was read, and removes nothing', async () => {
    const first = await copy({ plan: { kind: 'merge', tombstones: true }, tracking: 'changed' });
    await source.sql(`UPDATE people SET name = 'new', changed = changed + interval '1 year' WHERE id = 3`);
    await source.sql(`INSERT INTO people VALUES (300, 'late', 0, '2027-01-01')`);
    await source.sql('DELETE FROM people WHERE id = 50');
    const second = await copy({ plan: { kind: 'delta', tombstones: true }, from: first.next, tracking: 'changed' });
    expect(second.counts).toMatchObject({ inserted: 1, updated: 1, deleted: 0 });
    // The record with the highest time is read again: another one may have been committed with the same.
    expect(second.expected.records).toBe(2 + second.counts.unchanged);
    expect(second.counts.unchanged).toBeGreaterThan(0);
    expect(second.found).toEqual(second.expected);
    expect(await destination.sql('SELECT count(*) FROM people')).toEqual([['101']]);
  });

  it('reads records without a tracking value every time', async () => {
    await source.sql('UPDATE people SET changed = NULL WHERE id = 1');
    const first = await copy({ plan: { kind: 'merge', tombstones: true }, tracking: 'changed' });
    await source.sql(`UPDATE people SET name = 'new' WHERE id = 1`);
    const second = await copy({ plan: { kind: 'delta', tombstones: true }, from: first.next });
    expect(second.counts).toMatchObject({ updated: 1 });
  });

  it.each(['with', 'without'])(
    'counts the same %s a key on the live table, and leaves out what the table refuses',
    async (key) => {
      const first = await copy({ plan: { kind: 'merge', tombstones: true }, tracking: 'changed' });
      if (key === 'without') await destination.sql('ALTER TABLE people DROP CONSTRAINT people_pkey');
      await source.sql(`UPDATE people SET name = name || '!', changed = '2027-01-01' WHERE id <= 5`);
      await source.sql(`INSERT INTO people VALUES (300, 'late', 0, '2027-01-01')`);
      await source.sql(`UPDATE people SET changed = '2027-01-01' WHERE id = 6`);
      const plan = { kind: 'delta', tombstones: true } as const;
      const second = await copy({ plan, from: first.next, tracking: 'changed' });
      // Of the last hours before the first cursor some are read again.
      expect(second.counts).toMatchObject({ inserted: 1, updated: 6, deleted: 0 });
      expect(second.found).toEqual(second.expected);
      await destination.sql(`ALTER TABLE people ADD CONSTRAINT quiet CHECK (name NOT LIKE '%?')`);
      await source.sql(`UPDATE people SET name = name || '?', changed = '2028-01-01' WHERE id IN (7, 8)`);
      await source.sql(`UPDATE people SET name = 'fine', changed = '2028-01-01' WHERE id = 9`);
      const third = await copy({ plan, from: second.next, tracking: 'changed' });
      expect(third.counts).toMatchObject({ inserted: 0, updated: 1, rejected: { records: 2 } });
      expect(third.rejects.map(({ key: of }) => of?.id).toSorted()).toEqual(['7', '8']);
      expect(third.found).toEqual(third.expected);
    },
  );

  it('brings back a record that carries a tombstone', async () => {
    await copy({ plan: { kind: 'merge', tombstones: true } });
    await destination.sql('UPDATE people SET __millrace_deleted_at = now() WHERE id = 100');
    const from = { version: 1, field: 'id', kind: 'integer', value: '100' };
    const second = await copy({ plan: { kind: 'delta', tombstones: true }, from });
    expect(second.counts).toMatchObject({ updated: 1 });
    expect(await destination.sql('SELECT count(*) FROM people WHERE __millrace_deleted_at IS NULL')).toEqual([['100']]);
  });
});

describe('a replacement', () => {
  it('makes the table with its key', async () => {
    const { counts, found, expected } = await copy();
    expect(counts).toMatchObject({ inserted: 100, deleted: 0 });
    expect(found).toEqual(expected);
    expect(await destination.sql(IMAGE)).toEqual(await source.sql(IMAGE));
    expect(
      await destination.sql(`SELECT conname FROM pg_constraint WHERE contype = 'p' AND conrelid = 'people'::regclass`),
    ).toEqual([['people_pkey']]);
    expect(await strayTables()).toEqual([]);
  });

  it('exchanges a plain table whole, carrying its grants', async () => {
    await copy();
    await destination.sql('GRANT SELECT ON people TO PUBLIC; GRANT UPDATE (name) ON people TO PUBLIC');
    const grants = `SELECT relacl::text, (SELECT attacl::text FROM pg_attribute WHERE attrelid = c.oid AND attname = 'name') FROM pg_class c WHERE relname = 'people'`;
    const granted = await destination.sql(grants);
    const oid = await destination.sql(`SELECT 'people'::regclass::oid`);
    await source.sql('DELETE FROM people WHERE id <= 10; ALTER TABLE people ADD COLUMN city text');
    const { counts } = await copy();
    expect(counts).toMatchObject({ inserted: 90, deleted: 10 });
    expect(await destination.sql(`SELECT 'people'::regclass::oid`)).not.toEqual(oid);
    expect(await destination.sql(grants)).toEqual(granted);
    expect(await destination.sql(`SELECT count(*), count(city) FROM people`)).toEqual([['90', '0']]);
  });

  it('keeps a column that it does not fill', async () => {
    await copy();
    await destination.sql(`ALTER TABLE people ADD COLUMN note text DEFAULT 'none'`);
    await copy();
    expect(await destination.sql(`SELECT DISTINCT note FROM people`)).toEqual([['none']]);
  });

  it('keeps what hangs on the table: views, indexes, triggers', async () => {
    await copy();
    await destination.sql('CREATE VIEW rich AS SELECT * FROM people WHERE balance > 5');
    await destination.sql('CREATE INDEX by_name ON people (name)');
    const oid = await destination.sql(`SELECT 'people'::regclass::oid`);
    await source.sql('UPDATE people SET balance = 0 WHERE id <= 60');
    const { counts, found, expected } = await copy();
    expect(counts).toMatchObject({ inserted: 100, deleted: 0 });
    expect(found).toEqual(expected);
    expect(await destination.sql(`SELECT 'people'::regclass::oid`)).toEqual(oid);
    expect(await destination.sql('SELECT count(*) FROM rich')).toEqual([['40']]);
    expect(await destination.sql(`SELECT count(*) FROM pg_indexes WHERE indexname = 'by_name'`)).toEqual([['1']]);
    expect(await strayTables()).toEqual([]);
  });

  it('changes only the difference where another table points here, and its records stay', async () => {
    await copy();
    await destination.sql('CREATE TABLE orders (person int REFERENCES people)');
    await destination.sql('INSERT INTO orders VALUES (7)');
    await source.sql(`UPDATE people SET name = 'new' WHERE id = 7`);
    await source.sql('DELETE FROM people WHERE id = 8');
    const { counts } = await copy();
    expect(counts).toMatchObject({ inserted: 0, updated: 1, unchanged: 98, deleted: 1 });
    expect(await destination.sql(IMAGE)).toEqual(await source.sql(IMAGE));
    await source.sql('DELETE FROM people WHERE id = 7');
    await expect(copy()).rejects.toMatchObject({ code: 'TABLE_DIFFERS' });
    expect(await destination.sql('SELECT count(*) FROM people')).toEqual([['99']]);
  });

  it('carries tombstones and first times over, and marks what is missing now', async () => {
    const plan = { kind: 'merge', tombstones: true } as const;
    await copy({ plan });
    await source.sql('DELETE FROM people WHERE id = 1');
    await copy({ plan: { ...plan, stampedAt: '2026-02-02T00:00:00.000Z' } });
    await source.sql('DELETE FROM people WHERE id = 2');
    const { counts } = await copy({
      plan: { kind: 'replace', tombstones: true, stampedAt: '2026-03-03T00:00:00.000Z' },
    });
    expect(counts).toMatchObject({ inserted: 98, deleted: 1 });
    const rows = await destination.sql(
      'SELECT id, __millrace_created_at::date, __millrace_deleted_at::date FROM people WHERE id <= 3 ORDER BY id',
    );
    expect(rows).toEqual([
      ['1', '2026-01-02', '2026-02-02'],
      ['2', '2026-01-02', '2026-03-03'],
      ['3', '2026-01-02', null],
    ]);
  });

  it('keeps the table itself, its tombstones and first times when it is replaced in place', async () => {
    const plan = { kind: 'merge', tombstones: true } as const;
    await copy({ plan });
    const oid = await destination.sql(`SELECT 'people'::regclass::oid`);
    await source.sql('DELETE FROM people WHERE id = 1');
    const stampedAt = '2026-02-02T00:00:00.000Z';
    const { counts } = await copy({ plan: { kind: 'replace', replacement: 'in_place', tombstones: true, stampedAt } });
    expect(counts).toMatchObject({ inserted: 99, deleted: 1 });
    expect(await destination.sql(`SELECT 'people'::regclass::oid`)).toEqual(oid);
    const rows =
      'SELECT id, __millrace_created_at::date, __millrace_deleted_at::date FROM people WHERE id <= 2 ORDER BY id';
    expect(await destination.sql(rows)).toEqual([
      ['1', '2026-01-02', '2026-02-02'],
      ['2', '2026-01-02', null],
    ]);
    expect(await destination.sql(ALIVE)).toEqual(await source.sql(IMAGE));
    expect(await strayTables()).toEqual([]);
  });

  it('begins a rebuilt table anew, and grants on it what was granted', async () => {
    await copy({ plan: { kind: 'merge', tombstones: true } });
    await destination.sql('GRANT SELECT ON people TO PUBLIC');
    await destination.sql('ALTER TABLE people ADD COLUMN note text');
    const grants = `SELECT relacl::text FROM pg_class WHERE relname = 'people'`;
    const granted = await destination.sql(grants);
    await source.sql('DELETE FROM people WHERE id = 1');
    const stampedAt = '2026-02-02T00:00:00.000Z';
    await copy({ plan: { replacement: 'rebuild', tombstones: true, stampedAt } });
    expect(await destination.sql('SELECT count(*), min(__millrace_created_at)::date FROM people')).toEqual([
      ['99', '2026-02-02'],
    ]);
    expect(await destination.sql(`SELECT FROM pg_attribute WHERE attname = 'note'`)).toEqual([]);
    expect(await destination.sql(grants)).toEqual(granted);
  });

  it('rebuilds no table that others depend on, and names them', async () => {
    await copy();
    await destination.sql('CREATE VIEW rich AS SELECT id FROM people WHERE balance > 5');
    await expect(copy({ plan: { replacement: 'rebuild' } })).rejects.toMatchObject({
      code: 'TABLE_DIFFERS',
      // A view depends on the table once for each column that it uses.
      detail: { dependants: ['rule _RETURN on view rich'] },
    });
    expect(await destination.sql('SELECT count(*) FROM rich')).toEqual([['50']]);
  });

  it('replaces a table without a key, guarded by the drop in count', async () => {
    await source.sql('CREATE TABLE log (line text)');
    await source.sql(`INSERT INTO log SELECT 'x' FROM generate_series(1, 10)`);
    await copy({ schemaId: 'public.log' });
    await source.sql('DELETE FROM log WHERE ctid IN (SELECT ctid FROM log LIMIT 6)');
    await expect(copy({ schemaId: 'public.log', maxLossPercent: 50 })).rejects.toMatchObject({
      code: 'LOSS_GUARD',
      detail: { lost: 6 },
    });
    await source.sql(`INSERT INTO log VALUES ('y')`);
    expect((await copy({ schemaId: 'public.log', maxLossPercent: 50 })).counts).toMatchObject({ inserted: 5 });
  });

  it('leaves out what a constrained table refuses', async () => {
    await copy();
    await destination.sql('ALTER TABLE people ADD CONSTRAINT solvent CHECK (balance > 0)');
    await source.sql('UPDATE people SET balance = 0 WHERE id IN (20, 90)');
    const { counts } = await copy();
    expect(counts).toMatchObject({ inserted: 98, rejected: { records: 2 } });
    expect(counts.rejects.map(({ key }) => key?.id).toSorted()).toEqual(['20', '90']);
  });

  it('writes into another schema, making it', async () => {
    await copy({ plan: { table: { schema: 'Über den "Dächern"', name: 'Leute; DROP' } } });
    expect(await destination.sql(`SELECT count(*) FROM "Über den ""Dächern"""."Leute; DROP"`)).toEqual([['100']]);
    await destination.sql(`DROP SCHEMA "Über den ""Dächern""" CASCADE`);
  });
});

describe('ownership of a table', () => {
  it('refuses a table that Millrace did not make, unless it is to be adopted', async () => {
    await destination.sql('CREATE TABLE people (id int, name text, balance numeric, changed timestamptz, note text)');
    await destination.sql(`INSERT INTO people VALUES (1, 'mine', 0, NULL, 'kept')`);
    await expect(copy({ plan: { kind: 'merge' } })).rejects.toMatchObject({ code: 'TABLE_NOT_OURS' });
    const { counts, found, expected } = await copy({ plan: { kind: 'merge', adopt: true } });
    expect(counts).toMatchObject({ inserted: 99, updated: 1 });
    expect(found).toEqual(expected);
    expect(await destination.sql('SELECT note FROM people WHERE id = 1')).toEqual([['kept']]);
  });

  it('refuses a second sync, naming the first', async () => {
    await copy();
    await expect(copy({ plan: { syncId: 'other' } })).rejects.toMatchObject({
      code: 'TABLE_OWNED',
      detail: { syncId: 'sync' },
    });
  });

  it('goes to another sync that may adopt, with what the first one had under way', async () => {
    const { plan } = await copy();
    await using left = await openLoad(destination.connector, { ...plan, generation: plan.generation + 1 });
    await left.prepare(NEVER);
    const { counts } = await copy({ plan: { syncId: 'other', adopt: true } });
    expect(counts.inserted).toBe(100);
    expect(await strayTables()).toEqual([]);
    await expect(left.publish({ maxLossPercent: 100 }, NEVER)).rejects.toThrow();
    await expect(copy()).rejects.toMatchObject({ code: 'TABLE_OWNED', detail: { syncId: 'other' } });
  });

  it('does not outlive a table that was dropped', async () => {
    await copy();
    await destination.sql('DROP TABLE people');
    expect((await copy({ plan: { syncId: 'other' } })).counts.inserted).toBe(100);
  });

  it('holds while the first sync is filling the table for the first time', async () => {
    const { plan } = await copy();
    await destination.sql('DROP TABLE people');
    await using loading = await openLoad(destination.connector, { ...plan, generation: plan.generation + 1 });
    await loading.prepare(NEVER);
    await expect(copy({ plan: { syncId: 'other' } })).rejects.toMatchObject({ code: 'TABLE_OWNED' });
    await loading.discard(NEVER);
  });

  it('is told by inspect', async () => {
    const inspect = () => destination.connector.destination?.inspect({ schema: 'public', name: 'people' }, NEVER);
    expect(await inspect()).toEqual({ exists: false, owner: null, columns: [], keyColumns: [] });
    await copy({ fields: ['id', 'name'] });
    expect(await inspect()).toEqual({
      exists: true,
      owner: { syncId: 'sync', schemaId: 'public.people' },
      columns: [
        { name: 'id', type: 'integer' },
        { name: 'name', type: 'text' },
      ],
      keyColumns: ['id'],
    });
  });

  it('refuses a field with the name of a column of our own', async () => {
    await source.sql('ALTER TABLE people ADD COLUMN __millrace_created_at timestamptz');
    await expect(copy()).rejects.toMatchObject({ code: 'TABLE_DIFFERS' });
  });
});

describe('an isolated segment', () => {
  it('hands back the records that the table cannot hold, and keeps the others', async () => {
    await source.sql(`UPDATE people SET name = 'much too long for it' WHERE id IN (3, 64, 65)`);
    await expect(copy({ types: { name: 'character varying(8)' } })).rejects.toMatchObject({ code: 'RECORD_REFUSED' });
    const { rejects, counts, found, expected } = await copy({ types: { name: 'character varying(8)' }, isolate: true });
    expect(rejects.map(({ key }) => key)).toEqual([{ id: '3' }, { id: '64' }, { id: '65' }]);
    expect(rejects[0]?.reason).toBe('value too long (SQLSTATE 22001), column name');
    expect(counts).toMatchObject({ inserted: 97 });
    expect(found).toEqual(expected);
  });

  it('keeps the last good version of a record that it refuses, and of no other', async () => {
    const types = { name: 'character varying(8)' };
    const merge = () => copy({ types, isolate: true, plan: { kind: 'merge', tombstones: true } });
    await merge();
    await source.sql(`UPDATE people SET name = 'much too long for it' WHERE id IN (3, 64)`);
    await source.sql('DELETE FROM people WHERE id = 65');
    const { rejects, counts, found, expected } = await merge();
    expect(rejects.map(({ key }) => key)).toEqual([{ id: '3' }, { id: '64' }]);
    expect(counts).toMatchObject({ inserted: 0, updated: 0, unchanged: 97, deleted: 1 });
    expect(found).toEqual(expected);
    expect(
      await destination.sql(
        `SELECT id, name FROM people WHERE __millrace_deleted_at IS NULL AND id IN (3, 64, 65) ORDER BY id`,
      ),
    ).toEqual([
      ['3', 'name 3'],
      ['64', 'name 64'],
    ]);
    await source.sql(`UPDATE people SET name = 'short' WHERE id = 3`);
    expect((await merge()).counts).toMatchObject({ updated: 1, deleted: 0 });
  });

  it('goes on when the key itself is what it refuses', async () => {
    await source.sql('CREATE TABLE words (word text PRIMARY KEY)');
    await source.sql(`INSERT INTO words VALUES ('a'), ('b'), ('much too long for it')`);
    const types = { word: 'character varying(8)' };
    const merge = () =>
      copy({ schemaId: 'public.words', types, isolate: true, plan: { kind: 'merge', tombstones: true } });
    await merge();
    await source.sql(`DELETE FROM words WHERE word = 'a'`);
    const { counts, found, expected } = await merge();
    expect(counts).toMatchObject({ unchanged: 1, deleted: 1 });
    expect(found).toEqual(expected);
  });
});
