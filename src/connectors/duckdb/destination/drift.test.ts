import { describe, expect, it } from 'vitest';
import { type Fields, type PlanOptions, runLoad, sumOf } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import { useDuckdbFile } from '../../../../tests/setup/duckdb/use-file.ts';
import type { LoadPlan } from '../../../connector-kit/index.ts';
import type { LogicalType } from '../../../core/index.ts';

const INT: LogicalType = { kind: 'integer', bits: 32 };
const BIG: LogicalType = { kind: 'integer', bits: 64 };
const TEXT: LogicalType = { kind: 'text' };
const decimal = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale });
const FIELDS = { '*id': INT, code: TEXT, price: decimal(8, 2) };
const THREE: readonly Fields[] = [
  ['1', 'c1', '1.25'],
  ['2', 'c2', '2.25'],
  ['3', 'c3', '3.25'],
];
const LATER = '2024-06-01T00:00:00Z';

const file = useDuckdbFile(FIELDS);
const { connector, query } = file;
let generation = 0;

function plan(options: Partial<PlanOptions> = {}): LoadPlan {
  generation += 1;
  return file.plan({ generation, stampedAt: LATER, ...options });
}

/** One execution: what landed is what was read, or this fails. */
async function load(options: Partial<PlanOptions>, records: readonly Fields[]) {
  const made = plan(options);
  const { counts, destination } = await runLoad(connector, made, records);
  expect(destination).toEqual(sumOf(made, records));
  return counts;
}

const first = () => load({ kind: 'merge', stampedAt: '2024-05-01T00:00:00Z' }, THREE);

const TYPES = `SELECT data_type FROM duckdb_columns() WHERE table_name = 'flights' AND column_name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY column_index`;
const refusal = (text: string) =>
  expect.objectContaining({ code: 'TABLE_DIFFERS', message: expect.stringContaining(text) });

describe('a column that is wider in the source now', () => {
  it.each(['merge', 'replace'] as const)('is widened with the old records (%s)', async (kind) => {
    await first();
    const fields = { '*id': BIG, code: TEXT, price: decimal(12, 4) };
    const counts = await load({ kind, fields }, [
      ['2', 'c2', '2.2500'],
      ['3', 'c3', '3.2500'],
      ['5000000000', 'c4', '1.2345'],
    ]);
    expect(counts).toMatchObject({ deleted: 1, rejects: [] });
    expect(await query(TYPES)).toEqual([['BIGINT'], ['VARCHAR'], ['DECIMAL(12,4)']]);
    const rows = 'SELECT id, price, __millrace_created_at::DATE::VARCHAR, __millrace_deleted_at IS NULL FROM flights';
    expect(await query(`${rows} WHERE id < 3 ORDER BY id`)).toEqual([
      ['1', '1.2500', '2024-05-01', false],
      ['2', '2.2500', '2024-05-01', true],
    ]);
  });

  it('is widened where the table stands when it is replaced in place', async () => {
    await first();
    await load({ replacement: 'in_place', fields: { '*id': BIG, code: TEXT, price: decimal(12, 4) } }, [
      ['5000000000', 'x', '1.2345'],
    ]);
    expect(await query('SELECT id, price FROM flights ORDER BY id DESC LIMIT 2')).toEqual([
      ['5000000000', '1.2345'],
      ['3', '3.2500'],
    ]);
  });

  it('fails the schema where DuckDB changes no type under an index, and changes nothing', async () => {
    await first();
    await query('CREATE INDEX by_price ON flights (price)');
    const fields = { ...FIELDS, price: decimal(12, 4) };
    await expect(load({ kind: 'merge', fields }, THREE)).rejects.toThrow(refusal('price'));
    expect(await query('SELECT count(*) FROM flights')).toEqual([['3']]);
    await load({ kind: 'merge', fields: { ...FIELDS, code: TEXT } }, THREE);
  });

  it('is left alone in a table that Millrace did not make', async () => {
    await query('CREATE TABLE flights (id INTEGER, code VARCHAR, price DECIMAL(8,2))');
    await load({ kind: 'merge', adopt: true }, THREE);
    const fields = { ...FIELDS, price: decimal(12, 4) };
    await expect(load({ kind: 'merge', fields }, THREE)).rejects.toThrow(refusal('did not make'));
    await expect(load({ kind: 'replace', fields }, THREE)).rejects.toThrow(refusal('did not make'));
    await load({ kind: 'replace', fields, replacement: 'rebuild' }, []);
    await load({ kind: 'merge', fields: { ...fields, price: decimal(14, 4) } }, []);
  });
});

describe('a column that is narrower in the source now', () => {
  it('stays as wide as it was, and a record that did not change counts as unchanged', async () => {
    await load({ kind: 'merge', fields: { '*id': BIG, code: TEXT, price: decimal(12, 4) } }, [
      ['1', 'c1', '1.2345'],
      ['2', 'c2', '2.2500'],
    ]);
    const counts = await load({ kind: 'merge' }, [['2', 'c2', '2.25']]);
    expect(counts).toMatchObject({ unchanged: 1, updated: 0, deleted: 1 });
    expect(await query('SELECT id, price FROM flights ORDER BY id')).toEqual([
      ['1', '1.2345'],
      ['2', '2.2500'],
    ]);
    expect(await query(TYPES)).toEqual([['BIGINT'], ['VARCHAR'], ['DECIMAL(12,4)']]);
  });

  it('keeps a tombstone’s value whole in a replacement', async () => {
    await load({ kind: 'merge', fields: { '*id': BIG, code: TEXT, price: decimal(12, 4) } }, [['1', 'c1', '1.2345']]);
    await load({ kind: 'replace' }, [['2', 'c2', '2.25']]);
    expect(await query('SELECT id, price FROM flights ORDER BY id')).toEqual([
      ['1', '1.2345'],
      ['2', '2.2500'],
    ]);
  });
});

describe('a column of another kind of type', () => {
  it('is converted with the old records, where each has an exact form in it', async () => {
    await first();
    const counts = await load({ kind: 'merge', fields: { '*id': TEXT, code: TEXT, price: TEXT } }, [
      ['2', 'c2', '2.25'],
      ['3', 'c3', '3.25'],
    ]);
    expect(counts).toMatchObject({ inserted: 0, updated: 0, unchanged: 2, deleted: 1 });
    expect(await query('SELECT id, price FROM flights ORDER BY id LIMIT 1')).toEqual([['1', '1.25']]);
  });

  it('takes the source’s values where only they differ', async () => {
    await first();
    const counts = await load({ kind: 'merge', fields: { ...FIELDS, code: INT } }, [
      ['1', '10', '1.25'],
      ['2', '20', '2.25'],
      ['3', '30', '3.25'],
    ]);
    expect(counts).toMatchObject({ updated: 3, deleted: 0 });
    expect(await query('SELECT code FROM flights ORDER BY id')).toEqual([[10], [20], [30]]);
  });

  it.each(['merge', 'replace'] as const)(
    'fails the schema where a deleted record would lose its value, and keeps everything (%s)',
    async (kind) => {
      await first();
      const fields = { ...FIELDS, code: INT };
      const records: readonly Fields[] = [['2', '20', '2.25']];
      await expect(load({ kind, fields }, records)).rejects.toThrow(refusal('code'));
      expect(await query('SELECT code FROM flights ORDER BY id')).toEqual([['c1'], ['c2'], ['c3']]);
      await load({ kind: 'replace', replacement: 'rebuild', fields }, records);
      expect(await query('SELECT code FROM flights')).toEqual([[20]]);
    },
  );
});

describe('a column that is gone from the source', () => {
  it.each([{ kind: 'merge' }, { kind: 'replace' }, { kind: 'replace', replacement: 'in_place' }] as const)(
    'keeps its values for old records and is NULL for new ones (%o)',
    async (given) => {
      await first();
      await load({ ...given, fields: { '*id': INT, price: decimal(8, 2) } }, [
        ['2', '2.25'],
        ['4', '4.25'],
      ]);
      expect(await query('SELECT id, code FROM flights WHERE id <> 3 ORDER BY id')).toEqual([
        [1, 'c1'],
        [2, 'c2'],
        [4, null],
      ]);
    },
  );

  it('blocks no new record by a NOT NULL that it has', async () => {
    await first();
    await query('ALTER TABLE flights ALTER code SET NOT NULL');
    const counts = await load({ kind: 'merge', fields: { '*id': INT, price: decimal(8, 2) } }, [['4', '4.25']]);
    expect(counts).toMatchObject({ inserted: 1, rejects: [] });
  });
});

describe('a key that changed in the source', () => {
  it.each(['auto', 'in_place'] as const)(
    'becomes what records are known by, with the tombstones (%s)',
    async (replacement) => {
      await first();
      await load({ kind: 'merge', stampedAt: '2024-05-15T00:00:00Z' }, THREE.slice(1));
      const fields = { id: INT, '*code': TEXT, price: decimal(8, 2) };
      await load({ kind: 'replace', replacement, fields }, [
        ['7', 'c2', '2.25'],
        ['7', 'c3', '3.25'],
        [null, 'c4', '4.00'],
      ]);
      expect(
        await query(
          'SELECT code, id, __millrace_created_at::DATE::VARCHAR, __millrace_deleted_at::DATE::VARCHAR FROM flights ORDER BY code',
        ),
      ).toEqual([
        ['c1', 1, '2024-05-01', '2024-05-15'],
        ['c2', 7, '2024-05-01', null],
        ['c3', 7, '2024-05-01', null],
        ['c4', null, '2024-06-01', null],
      ]);
    },
  );

  it('fails the schema where tombstones have no place under it, until the table is begun anew', async () => {
    await first();
    await load({ kind: 'merge' }, THREE.slice(1));
    const fields = { id: INT, code: TEXT, price: decimal(8, 2), '*uid': BIG };
    const records: readonly Fields[] = [['2', 'c2', '2.25', '1000']];
    await expect(load({ kind: 'replace', fields }, records)).rejects.toThrow(refusal('rebuild'));
    expect(await query('SELECT count(*) FROM flights')).toEqual([['3']]);
    await load({ kind: 'replace', replacement: 'rebuild', fields }, records);
    expect(await query('SELECT uid FROM flights')).toEqual([['1000']]);
  });

  it('fails the schema where tombstones are not told apart by it', async () => {
    const fields = { '*id': INT, code: TEXT };
    await load({ kind: 'merge', fields }, [
      ['1', 'same'],
      ['2', 'same'],
    ]);
    await load({ kind: 'merge', fields }, []);
    await expect(load({ fields: { id: INT, '*code': TEXT } }, [['3', 'other']])).rejects.toThrow(refusal('told apart'));
  });
});
