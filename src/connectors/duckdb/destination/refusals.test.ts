import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Fields,
  loadSegment,
  type PlanOptions,
  runLoad,
  sumOf,
} from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import { FLIGHT_FIELDS, failure, NEVER, useDuckdbFile } from '../../../../tests/setup/duckdb/use-file.ts';

const file = useDuckdbFile();
const { connector, open, plan, query } = file;

describe('records that DuckDB cannot hold', () => {
  const fields = {
    '*id': FLIGHT_FIELDS['*id'],
    price: { kind: 'decimal', precision: 6, scale: 2 },
    due: { kind: 'timestamp' },
  } as const;
  const mixed: readonly Fields[] = [
    ['1', '1.50', '0044-03-15 01:02:03 BC'],
    ['2', 'NaN', '2024-01-01 00:00:00'],
    ['3', '3.00', '294276-12-31 23:59:59'],
    ['4', null, null],
  ];

  it('fail the segment, which then holds nothing', async () => {
    const load = await open(plan({ fields }));
    await load.prepare(NEVER);
    await expect(loadSegment(load, plan({ fields }), { no: 0, token: 1 }, [mixed])).rejects.toThrow(
      failure('RECORD_REFUSED'),
    );
    expect(await load.lookup({ no: 0, token: 1 }, NEVER)).toEqual({ state: 'absent' });
    expect(await load.digest(null, true, NEVER)).toEqual({ records: 0, sum: null });
  });

  it('are named one by one in an isolated segment, and the rest lands', async () => {
    const { counts, destination, outcome } = await runLoad(connector, plan({ fields }), mixed, { isolate: true });
    expect(outcome.rejects).toEqual([
      { key: { id: '2' }, reason: 'a value of the column price is no DECIMAL(6,2)' },
      { key: { id: '3' }, reason: 'a value of the column due is no TIMESTAMP' },
    ]);
    expect(counts.inserted).toBe(2);
    expect(destination).toEqual(outcome.source);
    expect(await query('SELECT id, price, due::VARCHAR FROM flights ORDER BY id')).toEqual([
      ['1', '1.50', '0044-03-15 (BC) 01:02:03'],
      ['4', null, null],
    ]);
  });

  it('are not taken for deleted ones by a merge', async () => {
    const good = mixed.map(([id]): Fields => [id ?? '', '9.00', null]);
    await runLoad(connector, plan({ fields }), good);
    const { counts, destination, outcome } = await runLoad(
      connector,
      plan({ fields, kind: 'merge', generation: 2 }),
      mixed,
      { isolate: true },
    );
    expect(counts).toMatchObject({ updated: 2, deleted: 0 });
    expect(destination).toEqual(outcome.source);
    expect(await query('SELECT id, price FROM flights WHERE __millrace_deleted_at IS NULL ORDER BY id')).toEqual([
      ['1', '1.50'],
      ['2', '9.00'],
      ['3', '9.00'],
      ['4', null],
    ]);
  });
});

describe('rules of an adopted table', () => {
  const adopted = (options: Partial<PlanOptions> = {}) => plan({ adopt: true, ...options });
  const records: readonly Fields[] = Array.from({ length: 40 }, (_, i) => [`${i}`, i % 13 === 5 ? null : 'x', '1']);

  beforeEach(async () => {
    await query(
      'CREATE TABLE flights (id BIGINT PRIMARY KEY, name VARCHAR NOT NULL, delay DOUBLE CHECK (delay < 100))',
    );
  });

  it.each(['replace', 'merge', 'delta'] as const)(
    'are kept by %s: refused records are listed, the rest lands',
    async (kind) => {
      const opened = adopted({ kind });
      const { counts, destination, outcome } = await runLoad(connector, opened, records);
      expect(counts.rejects).toEqual(
        ['5', '18', '31'].map((id) => ({ key: { id }, reason: 'NOT NULL constraint failed: flights.name' })),
      );
      const refused = records.filter(([, name]) => name === null);
      expect(counts.rejected).toEqual(sumOf(opened, refused));
      expect(counts.inserted).toBe(37);
      const landed = records.filter(([, name]) => name !== null);
      // The shadow of a replacement is hashed before its records meet the rules.
      expect(destination).toEqual(kind === 'replace' ? outcome.source : sumOf(opened, landed));
      expect(await query('SELECT count(*) FROM flights')).toEqual([['37']]);
      expect(
        await query(
          "SELECT count(*) FROM duckdb_constraints() WHERE table_name = 'flights' AND constraint_type = 'CHECK'",
        ),
      ).toEqual([['1']]);
    },
  );

  it.each(['replace', 'merge', 'delta'] as const)('end a %s that meets more of them than it may', async (kind) => {
    await runLoad(connector, adopted({ kind: 'merge' }), [['1', 'old', '1']]);
    const load = (maxRejects: number, generation: number) =>
      runLoad(connector, adopted({ kind, generation }), records, { maxRejects });
    await expect(load(2, 2)).rejects.toThrow(failure('TOO_MANY_REJECTS'));
    expect(await query('SELECT id, name FROM flights')).toEqual([['1', 'old']]);
    expect((await load(3, 3)).counts.rejects).toHaveLength(3);
  });

  it('keep the last good version of a record whose new one is refused', async () => {
    await runLoad(connector, adopted(), [
      ['1', 'a', '1'],
      ['2', 'b', '2'],
    ]);
    const { counts } = await runLoad(connector, adopted({ kind: 'merge', generation: 2 }), [
      ['1', 'a', '1000'],
      ['2', 'c', '2'],
    ]);
    expect(counts).toMatchObject({ updated: 1, deleted: 0, unchanged: 0 });
    expect(counts.rejects).toEqual([{ key: { id: '1' }, reason: expect.stringContaining('CHECK constraint failed') }]);
    expect(await query('SELECT id, name, delay FROM flights ORDER BY id')).toEqual([
      ['1', 'a', 1],
      ['2', 'c', 2],
    ]);
  });

  it('survive a replacement that changes and keeps the same keys', async () => {
    await runLoad(connector, adopted(), [
      ['1', 'a', '1'],
      ['2', 'b', '2'],
    ]);
    await runLoad(connector, adopted({ generation: 2 }), [
      ['2', 'c', '3'],
      ['3', 'd', '4'],
    ]);
    expect(await query('SELECT id, name FROM flights WHERE __millrace_deleted_at IS NULL ORDER BY id')).toEqual([
      ['2', 'c'],
      ['3', 'd'],
    ]);
  });
});
