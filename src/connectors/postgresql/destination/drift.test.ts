import { describe, expect, it } from 'vitest';
import { useCopies } from '../../../../tests/setup/postgresql-copies.ts';
import type { Copy } from '../../../../tests/setup/postgresql-loads.ts';

const SOURCE = `
  CREATE TABLE items (id int PRIMARY KEY, code varchar(5) NOT NULL, price numeric(8,2), note text);
  INSERT INTO items SELECT i, 'c' || i, i + 0.25, 'n' || i FROM generate_series(1, 20) i`;
const { copy, destination, source } = useCopies('public.items', SOURCE, { tombstones: true });

const merge = (plan: Copy['plan'] = {}) => copy({ plan: { kind: 'merge', ...plan } });
const replace = (plan: Copy['plan'] = {}) => copy({ plan: { kind: 'replace', ...plan } });
const LATER = '2026-05-05T00:00:00.000Z';

async function typeOf(column: string): Promise<string | null | undefined> {
  const [row] = await destination.sql(
    `SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'items'::regclass AND attname = '${column}'`,
  );
  return row?.[0];
}

async function expectSameRecords(columns: string): Promise<void> {
  const image = `SELECT ${columns} FROM items`;
  expect(await destination.sql(`${image} WHERE __millrace_deleted_at IS NULL ORDER BY 1`)).toEqual(
    await source.sql(`${image} ORDER BY 1`),
  );
}

describe('a column that is wider in the source now', () => {
  it('is widened where it stands, with its old records and what hangs on the table', async () => {
    await merge();
    await destination.sql('GRANT SELECT ON items TO PUBLIC; CREATE INDEX by_code ON items (code)');
    await source.sql('DELETE FROM items WHERE id = 1');
    await source.sql('ALTER TABLE items ALTER id TYPE bigint, ALTER code TYPE text, ALTER price TYPE numeric(12,4)');
    await source.sql(`INSERT INTO items VALUES (5000000000, 'longer than five', 1.2345, NULL)`);
    const oid = await destination.sql(`SELECT 'items'::regclass::oid`);
    const { counts, found, expected } = await merge({ stampedAt: LATER });
    expect(counts).toMatchObject({ inserted: 1, deleted: 1, rejects: [] });
    expect(found).toEqual(expected);
    await expectSameRecords('id, code, price, note');
    expect([await typeOf('id'), await typeOf('code'), await typeOf('price')]).toEqual([
      'bigint',
      'text',
      'numeric(12,4)',
    ]);
    expect(await destination.sql(`SELECT 'items'::regclass::oid`)).toEqual(oid);
    expect(
      await destination.sql(
        `SELECT code, __millrace_deleted_at IS NULL, __millrace_created_at::date FROM items WHERE id = 1`,
      ),
    ).toEqual([['c1', 'f', '2026-01-02']]);
    expect(await destination.sql(`SELECT count(*) FROM pg_indexes WHERE indexname = 'by_code'`)).toEqual([['1']]);
  });

  it('fails the schema while a view uses it, names the view and changes nothing', async () => {
    await merge();
    await destination.sql('CREATE VIEW cheap AS SELECT id FROM items WHERE price < 5');
    await source.sql('ALTER TABLE items ALTER price TYPE numeric(12,4)');
    const before = await destination.sql('SELECT * FROM items ORDER BY id');
    for (const attempt of [() => merge(), () => replace(), () => replace({ replacement: 'in_place' })]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'TABLE_DIFFERS',
        message: expect.stringMatching(/"price".*numeric\(12,4\).*view cheap/),
      });
    }
    expect(await destination.sql('SELECT * FROM items ORDER BY id')).toEqual(before);
    await destination.sql('DROP VIEW cheap');
    await merge();
    await expectSameRecords('id, price');
  });

  it('is left alone in a table that Millrace did not make', async () => {
    await destination.sql('CREATE TABLE items (id int PRIMARY KEY, code text, price numeric(8,2), note text)');
    await merge({ adopt: true });
    await source.sql('ALTER TABLE items ALTER price TYPE numeric(12,4)');
    await expect(merge({ adopt: true })).rejects.toMatchObject({ code: 'TABLE_DIFFERS', detail: { column: 'price' } });
    await expect(replace({ adopt: true })).rejects.toMatchObject({ code: 'TABLE_DIFFERS' });
    expect(await typeOf('price')).toBe('numeric(8,2)');
  });
});

describe('a column that is narrower in the source now', () => {
  it('stays as wide as it was, and a record that did not change counts as unchanged', async () => {
    await source.sql('ALTER TABLE items ALTER id TYPE bigint, ALTER code TYPE text');
    await merge();
    await source.sql('DELETE FROM items WHERE id = 1');
    await source.sql('ALTER TABLE items ALTER id TYPE int, ALTER code TYPE varchar(4)');
    const { counts, found, expected } = await merge();
    expect(counts).toMatchObject({ inserted: 0, updated: 0, unchanged: 19, deleted: 1 });
    expect(found).toEqual(expected);
    expect([await typeOf('id'), await typeOf('code')]).toEqual(['bigint', 'text']);
  });

  it('gets room for both where each holds what the other does not', async () => {
    await source.sql('ALTER TABLE items ALTER price TYPE numeric(8,4)');
    await merge();
    await source.sql('DELETE FROM items WHERE id = 1');
    await source.sql('ALTER TABLE items ALTER price TYPE numeric(8,1)');
    const { found, expected } = await merge();
    expect(found).toEqual(expected);
    expect(await typeOf('price')).toBe('numeric(11,4)');
    expect((await merge()).counts).toMatchObject({ updated: 0, unchanged: 19 });
    expect(await destination.sql('SELECT price FROM items WHERE id = 1')).toEqual([['1.2500']]);
  });
});

describe('a column of another kind of type', () => {
  it('is converted with the old records, where each has an exact form in it', async () => {
    await merge();
    await source.sql('DELETE FROM items WHERE id = 1');
    await source.sql('ALTER TABLE items ALTER id TYPE text, ALTER price TYPE text');
    const { counts, found, expected } = await merge();
    expect(found).toEqual(expected);
    expect(counts).toMatchObject({ inserted: 0, updated: 0, unchanged: 19, deleted: 1 });
    expect(await destination.sql(`SELECT price, __millrace_deleted_at IS NULL FROM items WHERE id = '1'`)).toEqual([
      ['1.25', 'f'],
    ]);
  });

  it('takes the source’s values where only they differ', async () => {
    await merge();
    await source.sql('ALTER TABLE items ALTER note TYPE int USING id');
    const { counts, found, expected } = await merge();
    expect(counts).toMatchObject({ updated: 20 });
    expect(found).toEqual(expected);
    await expectSameRecords('id, note');
  });

  it('fails the schema where a deleted record would lose its value, and keeps everything', async () => {
    await merge();
    await source.sql('DELETE FROM items WHERE id = 1');
    await source.sql('ALTER TABLE items ALTER note TYPE int USING id');
    const before = await destination.sql('SELECT * FROM items ORDER BY id');
    for (const attempt of [() => merge(), () => replace()])
      await expect(attempt()).rejects.toMatchObject({
        code: 'TABLE_DIFFERS',
        message: expect.stringContaining('note'),
      });
    expect(await destination.sql('SELECT * FROM items ORDER BY id')).toEqual(before);
    await replace({ replacement: 'rebuild' });
    await expectSameRecords('id, note');
  });
});

describe('a column that is gone from the source', () => {
  it.each(['merge', 'replace'] as const)(
    'keeps its values for old records in a %s, and is NULL for new ones',
    async (kind) => {
      await merge();
      await source.sql('ALTER TABLE items DROP COLUMN code');
      await source.sql('DELETE FROM items WHERE id = 1');
      await source.sql('INSERT INTO items VALUES (21, 1, NULL)');
      const { rejects } = await copy({ plan: { kind } });
      expect(rejects).toEqual([]);
      await expectSameRecords('id, price, note');
      expect(await destination.sql('SELECT id, code FROM items WHERE id IN (1, 2, 21) ORDER BY id')).toEqual([
        ['1', 'c1'],
        ['2', 'c2'],
        ['21', null],
      ]);
    },
  );

  it('blocks no new record by a NOT NULL that it has', async () => {
    await merge();
    await destination.sql('ALTER TABLE items ALTER code SET NOT NULL');
    await source.sql('ALTER TABLE items DROP COLUMN code');
    await source.sql('INSERT INTO items VALUES (21, 1, NULL)');
    expect((await merge()).rejects).toEqual([]);
    await source.sql('INSERT INTO items VALUES (22, 1, NULL)');
    await destination.sql(`UPDATE items SET code = 'x'; ALTER TABLE items ALTER code SET NOT NULL`);
    expect((await replace()).rejects).toEqual([]);
    await expectSameRecords('id, price, note');
  });
});

describe('a key that changed in the source', () => {
  const KEY = `SELECT string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = 'items'::regclass AND i.indisprimary`;

  it.each(['auto', 'in_place'] as const)('becomes the table’s, with its tombstones (%s)', async (replacement) => {
    await merge();
    await source.sql('DELETE FROM items WHERE id = 1');
    await merge();
    await source.sql('ALTER TABLE items DROP CONSTRAINT items_pkey, ADD PRIMARY KEY (code)');
    await source.sql(`UPDATE items SET id = 7 WHERE id < 10`);
    await source.sql('ALTER TABLE items ALTER id DROP NOT NULL');
    await source.sql(`INSERT INTO items VALUES (NULL, 'new', 1, NULL)`);
    const { rejects, found, expected } = await replace({ replacement, stampedAt: LATER });
    expect(rejects).toEqual([]);
    expect(found).toEqual(expected);
    expect(await destination.sql(KEY)).toEqual([['code']]);
    await expectSameRecords('code, id, price, note');
    expect(
      await destination.sql(
        `SELECT code, __millrace_created_at::date FROM items WHERE __millrace_deleted_at IS NOT NULL OR code IN ('c2', 'new') ORDER BY 1`,
      ),
    ).toEqual([
      ['c1', '2026-01-02'],
      ['c2', '2026-01-02'],
      ['new', '2026-05-05'],
    ]);
    expect((await merge()).counts).toMatchObject({ unchanged: 20 });
  });

  it('fails the schema where tombstones have no place under it, until the table is begun anew', async () => {
    await merge();
    await source.sql('DELETE FROM items WHERE id = 1');
    await merge();
    await source.sql(
      'ALTER TABLE items DROP CONSTRAINT items_pkey, ADD COLUMN uid uuid PRIMARY KEY DEFAULT gen_random_uuid()',
    );
    const before = await destination.sql('SELECT * FROM items ORDER BY id');
    await expect(replace()).rejects.toMatchObject({
      code: 'TABLE_DIFFERS',
      message: expect.stringContaining('rebuild'),
    });
    expect(await destination.sql('SELECT * FROM items ORDER BY id')).toEqual(before);
    await replace({ replacement: 'rebuild' });
    await expectSameRecords('uid, id, code');
    expect(await destination.sql(KEY)).toEqual([['uid']]);
  });

  it('fails the schema while another table refers to the old one', async () => {
    await merge();
    await destination.sql('CREATE TABLE orders (item int REFERENCES items)');
    await source.sql('ALTER TABLE items DROP CONSTRAINT items_pkey, ADD PRIMARY KEY (code)');
    await expect(replace()).rejects.toMatchObject({
      code: 'TABLE_DIFFERS',
      message: expect.stringContaining('foreign key'),
    });
    expect(await destination.sql('SELECT count(*) FROM items')).toEqual([['20']]);
  });
});

describe('a column that somebody took away from the destination', () => {
  it('stops a delta, which would fill it for new records only, and is filled by a full read', async () => {
    await merge();
    await destination.sql('ALTER TABLE items RENAME note TO other');
    await expect(copy({ plan: { kind: 'delta' } })).rejects.toMatchObject({
      code: 'TABLE_DIFFERS',
      message: expect.stringContaining('"note"'),
    });
    await merge();
    await expectSameRecords('id, code, price, note');
  });
});
