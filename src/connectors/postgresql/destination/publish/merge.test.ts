import { describe, expect, it } from 'vitest';
import { PEOPLE, useCopies } from '../../../../../tests/setup/postgresql-copies.ts';
import { type Copy, NEVER, openLoad } from '../../../../../tests/setup/postgresql-loads.ts';

const { copy, destination, source } = useCopies('public.people', PEOPLE);
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

  it.each(['merge', 'delta', 'replace'] as const)('ends a %s that loses more records than it may', async (kind) => {
    await merge();
    await destination.sql(`ALTER TABLE people ADD CONSTRAINT no_seven CHECK (name <> 'secret')`);
    // It is filled again in place, as a table that others depend on.
    await destination.sql('CREATE VIEW seen AS SELECT id, name FROM people');
    const before = await destination.sql('SELECT * FROM people ORDER BY id');
    await source.sql(
      `UPDATE people SET name = 'secret' WHERE id IN (7, 50); UPDATE people SET name = 'new' WHERE id = 8`,
    );
    const load = (maxRejects: number) => copy({ maxRejects, plan: { kind } });
    await expect(load(1)).rejects.toMatchObject({ code: 'TOO_MANY_REJECTS' });
    expect(await destination.sql('SELECT * FROM people ORDER BY id')).toEqual(before);
    expect((await load(2)).counts).toMatchObject({ rejected: { records: 2 } });
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

  const NOTICE = (body: string) => `
    CREATE FUNCTION notice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; RETURN NEW; END $$`;
  const DROP_NOTICE = 'DROP FUNCTION notice CASCADE';

  it.each([
    [
      'does not run what the table does with new records for those that it knows',
      `${NOTICE(`NEW.balance := 1000`)}; CREATE TRIGGER notice BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION notice()`,
      `SELECT max(balance)::int::text FROM people`,
      '10',
    ],
    [
      'counts its own records where a trigger writes others into the same table',
      `${NOTICE('UPDATE people SET balance = 999 WHERE id = 90')}; CREATE TRIGGER notice AFTER UPDATE ON people
       FOR EACH ROW WHEN (NEW.id = 3 AND pg_trigger_depth() = 0) EXECUTE FUNCTION notice()`,
      `SELECT max(balance)::int::text FROM people`,
      '999',
    ],
    [
      'writes into a table with a rule',
      `CREATE RULE quiet AS ON DELETE TO people WHERE old.id = -1 DO INSTEAD NOTHING`,
      `SELECT max(balance)::int::text FROM people`,
      '10',
    ],
  ])('%s', async (_, sql, question, answer) => {
    const first = await copy({ plan: { kind: 'merge', tombstones: true }, tracking: 'changed' });
    await destination.sql(sql);
    await source.sql(`UPDATE people SET name = name || '!', changed = '2027-01-01' WHERE id IN (3, 4)`);
    const plan = { kind: 'delta', tombstones: true } as const;
    const second = await copy({ plan, from: first.next, tracking: 'changed' });
    expect(second.counts).toMatchObject({ inserted: 0, updated: 2 });
    expect(second.found).toEqual(second.expected);
    expect(await destination.sql(question)).toEqual([[answer]]);
    if (sql.includes('notice')) await destination.sql(DROP_NOTICE);
  });

  it('brings back a record that carries a tombstone', async () => {
    await copy({ plan: { kind: 'merge', tombstones: true } });
    await destination.sql('UPDATE people SET __millrace_deleted_at = now() WHERE id = 100');
    const from = { version: 1, field: 'id', kind: 'integer', value: '100' };
    const second = await copy({ plan: { kind: 'delta', tombstones: true }, from });
    expect(second.counts).toMatchObject({ updated: 1 });
    expect(await destination.sql('SELECT count(*) FROM people WHERE __millrace_deleted_at IS NULL')).toEqual([['100']]);
  });
});
