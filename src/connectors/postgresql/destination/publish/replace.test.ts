import { describe, expect, it } from 'vitest';
import { PEOPLE, useCopies } from '../../../../../tests/setup/postgresql-copies.ts';

const { copy, destination, source } = useCopies('public.people', PEOPLE);
const IMAGE = 'SELECT id, name, balance, changed FROM people ORDER BY id';
const ALIVE = 'SELECT id, name, balance, changed FROM people WHERE __millrace_deleted_at IS NULL ORDER BY id';

async function strayTables(): Promise<(string | null)[][]> {
  return destination.sql(`SELECT relname FROM pg_class WHERE relname LIKE '\\_\\_millrace\\_%' AND relkind = 'r'`);
}

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
