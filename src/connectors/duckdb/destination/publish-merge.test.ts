import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Fields, runLoad, sumOf } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import { FLIGHT_FIELDS, failure, THREE_FLIGHTS, useDuckdbFile } from '../../../../tests/setup/duckdb/use-file.ts';

const file = useDuckdbFile();
const { connector, plan, query } = file;

describe('merge', () => {
  beforeEach(async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
  });

  it('writes only what differs and makes tombstones of what is gone', async () => {
    const next = plan({ kind: 'merge', generation: 2, stampedAt: '2024-06-01T00:00:00Z' });
    const records: readonly Fields[] = [
      ['1', 'one', '0.5'],
      ['2', 'two', '-0'],
      ['4', 'four', '4'],
    ];
    const { counts, destination } = await runLoad(connector, next, records);
    expect(counts).toMatchObject({ inserted: 1, updated: 1, unchanged: 1, deleted: 1 });
    expect(destination).toEqual(sumOf(next, records));
    const stamps =
      'SELECT id, name, __millrace_updated_at::DATE::VARCHAR, __millrace_deleted_at::DATE::VARCHAR FROM flights ORDER BY id';
    expect(await query(stamps)).toEqual([
      ['1', 'one', '2024-05-01', null],
      ['2', 'two', '2024-06-01', null],
      ['3', 'three', '2024-06-01', '2024-06-01'],
      ['4', 'four', '2024-06-01', null],
    ]);
  });

  it('tells negative zero from zero and NaN from nothing', async () => {
    const records: readonly Fields[] = [
      ['1', 'one', '0.5'],
      ['2', null, '0'],
      ['3', 'three', 'NaN'],
    ];
    const next = plan({ kind: 'merge', generation: 2 });
    const { counts, destination } = await runLoad(connector, next, records);
    expect(counts).toMatchObject({ updated: 1, unchanged: 2 });
    expect(destination).toEqual(sumOf(next, records));
  });

  it('brings a deleted record back', async () => {
    await runLoad(connector, plan({ kind: 'merge', generation: 2 }), THREE_FLIGHTS.slice(1));
    const next = plan({ kind: 'merge', generation: 3 });
    const { counts, destination } = await runLoad(connector, next, THREE_FLIGHTS);
    expect(counts).toMatchObject({ inserted: 0, updated: 1, unchanged: 2, deleted: 0 });
    expect(destination).toEqual(sumOf(next, THREE_FLIGHTS));
  });

  it('deletes for good without tombstones', async () => {
    const next = plan({ kind: 'merge', generation: 2, tombstones: false });
    const { counts } = await runLoad(connector, next, THREE_FLIGHTS.slice(1));
    expect(counts).toMatchObject({ deleted: 1 });
    expect(await query('SELECT id FROM flights ORDER BY id')).toEqual([['2'], ['3']]);
  });

  it('adds new columns to the table', async () => {
    const fields = { ...FLIGHT_FIELDS, gate: { kind: 'text' } } as const;
    const next = plan({ kind: 'merge', generation: 2, fields });
    const records = THREE_FLIGHTS.map((record) => [...record, 'A1']);
    const { destination } = await runLoad(connector, next, records);
    expect(destination).toEqual(sumOf(next, records));
  });

  it('stops before it would lose too much, and leaves everything as it was', async () => {
    const next = plan({ kind: 'merge', generation: 2 });
    const few = THREE_FLIGHTS.slice(0, 1);
    await expect(runLoad(connector, next, few, { maxLossPercent: 50 })).rejects.toThrow(failure('LOSS_GUARD'));
    expect(await query('SELECT count(*) FROM flights WHERE __millrace_deleted_at IS NULL')).toEqual([['3']]);
    const { counts } = await runLoad(connector, plan({ kind: 'merge', generation: 3 }), few, { maxLossPercent: 67 });
    expect(counts.deleted).toBe(2);
  });

  it('guards a replacement likewise', async () => {
    const next = plan({ generation: 2 });
    await expect(runLoad(connector, next, THREE_FLIGHTS.slice(0, 1), { maxLossPercent: 50 })).rejects.toThrow(
      failure('LOSS_GUARD'),
    );
    const keyless = plan({ generation: 3, fields: { name: { kind: 'text' } }, tombstones: false });
    await expect(runLoad(connector, keyless, [['a']], { maxLossPercent: 50 })).rejects.toThrow(failure('LOSS_GUARD'));
    expect(await query('SELECT count(*) FROM flights')).toEqual([['3']]);
  });
});

describe('a column that loses most of its values', () => {
  const many = (name: (id: number) => string | null): Fields[] =>
    Array.from({ length: 2_000 }, (_, index) => [String(index + 1), name(index + 1), index < 100 ? '1' : null]);

  beforeEach(async () => {
    await runLoad(
      connector,
      plan(),
      many((id) => `n${id}`),
    );
  });

  it.each([
    ['a merge', { kind: 'merge' }],
    ['a delta', { kind: 'delta' }],
    ['a replacement', { kind: 'replace' }],
    ['a replacement in place', { kind: 'replace', replacement: 'in_place' }],
    ['a rebuild', { kind: 'replace', replacement: 'rebuild' }],
  ] as const)('stops %s', async (_, kind) => {
    const emptied = many((id) => (id <= 900 ? `n${id}` : null));
    await expect(runLoad(connector, plan({ ...kind, generation: 2 }), emptied, { maxLossPercent: 50 })).rejects.toThrow(
      /900 of the 2000 values in column name/,
    );
    expect(await query('SELECT count(*), count(name) FROM flights')).toEqual([['2000', '2000']]);
    await runLoad(connector, plan({ ...kind, generation: 3 }), emptied, { maxLossPercent: 55 });
    expect(await query('SELECT count(*), count(name) FROM flights')).toEqual([['2000', '900']]);
  });

  it.each(['merge', 'delta', 'replace'] as const)('lets a %s empty a sparse one', async (kind) => {
    const emptied = many((id) => `n${id}`).map(([id = null, name = null]) => [id, name, null]);
    await runLoad(connector, plan({ kind, generation: 2 }), emptied, { maxLossPercent: 50 });
    expect(await query('SELECT count(*), count(delay) FROM flights')).toEqual([['2000', '0']]);
  });
});

it('merges any two images into the second, and counts what it did', async () => {
  const value = fc.constantFrom(null, '0', '-0', 'NaN', '1.5');
  const image = fc.uniqueArray(
    fc.tuple(fc.integer({ min: 1, max: 12 }).map(String), fc.constantFrom(null, '', 'a'), value),
    {
      selector: ([id]) => id,
    },
  );
  let current = new Map<string, string>();
  let generation = 0;
  const known = new Set<string>();
  for (const records of fc.sample(image, { numRuns: 25, seed: 5 })) {
    const next = plan({ kind: 'merge', generation: ++generation });
    const { counts, destination } = await runLoad(connector, next, records);
    const wanted = new Map(records.map((record) => [record[0], JSON.stringify(record)]));
    const inserted = records.filter(([id]) => !known.has(id)).length;
    const unchanged = records.filter(([id]) => current.get(id) === wanted.get(id)).length;
    const deleted = [...current.keys()].filter((id) => !wanted.has(id)).length;
    expect(counts).toMatchObject({ inserted, unchanged, deleted, updated: records.length - inserted - unchanged });
    expect(destination).toEqual(sumOf(next, records));
    for (const [id] of records) known.add(id);
    current = wanted;
  }
});

describe('delta', () => {
  it('inserts and updates, removes nothing, and answers for what it read', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
    const next = plan({ kind: 'delta', generation: 2 });
    const changed: readonly Fields[] = [
      ['3', 'drei', '3'],
      ['4', 'vier', '4'],
      ['1', 'one', '0.5'],
    ];
    const { counts, destination } = await runLoad(connector, next, changed);
    expect(counts).toMatchObject({ inserted: 1, updated: 1, unchanged: 1, deleted: 0 });
    expect(destination).toEqual(sumOf(next, changed));
    expect(await query('SELECT count(*) FROM flights')).toEqual([['4']]);
  });

  it('is refused where somebody took a column away, and a full read fills it again', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
    await query('ALTER TABLE flights RENAME name TO other');
    const changed: readonly Fields[] = [['4', 'vier', '4']];
    await expect(runLoad(connector, plan({ kind: 'delta', generation: 2 }), changed)).rejects.toMatchObject({
      code: 'TABLE_DIFFERS',
      message: expect.stringContaining('its column name'),
    });
    await runLoad(connector, plan({ kind: 'merge', generation: 3 }), THREE_FLIGHTS);
    expect(await query('SELECT name FROM flights ORDER BY id')).toEqual([['one'], [null], ['three']]);
  });
});
