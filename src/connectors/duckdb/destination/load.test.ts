import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  connectFile,
  createFilesRoot,
  createPlan,
  type Fields,
  loadSegment,
  type PlanOptions,
  queryFile,
  runLoad,
  sumOf,
} from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import type { Connector, Load, LoadPlan } from '../../../connector-kit/index.ts';

const FIELDS = {
  '*id': { kind: 'integer', bits: 64 },
  name: { kind: 'text' },
  delay: { kind: 'float', bits: 64 },
} as const;
const THREE: readonly Fields[] = [
  ['1', 'one', '0.5'],
  ['2', null, '-0'],
  ['3', 'three', 'NaN'],
];
const signal = new AbortController().signal;
const failure = (code: string) => expect.objectContaining({ code });

let files: Awaited<ReturnType<typeof createFilesRoot>>;
let connector: Connector;
let path: string;

beforeEach(async () => {
  files = await createFilesRoot();
  connector = await connectFile(files.root, 'data/flights.duckdb');
  path = join(files.root, 'data/flights.duckdb');
});

afterEach(async () => {
  await connector[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

function plan(options: Partial<PlanOptions> = {}): LoadPlan {
  return createPlan(connector, { fields: FIELDS, ...options });
}

async function open(opened: LoadPlan): Promise<Load> {
  const load = await connector.destination?.open(opened, signal);
  if (load === undefined) throw new Error('no destination');
  return load;
}

/** Closes the file, as the end of an execution does, and asks it. */
async function query(sql: string): Promise<readonly (readonly unknown[])[]> {
  await connector[Symbol.asyncDispose]();
  const rows = await queryFile(path, sql);
  connector = await connectFile(files.root, 'data/flights.duckdb');
  return rows;
}

describe('replace', () => {
  it('puts a new table in place, with record timestamps and no tombstones', async () => {
    const { counts, destination } = await runLoad(connector, plan(), THREE);
    expect(counts).toMatchObject({ inserted: 3, updated: 0, unchanged: 0, deleted: 0, rejects: [] });
    expect(destination).toEqual(sumOf(plan(), THREE));
    expect(
      await query('SELECT id, name, __millrace_created_at::VARCHAR, __millrace_deleted_at FROM flights ORDER BY id'),
    ).toEqual([
      ['1', 'one', '2024-05-01 12:00:00+00', null],
      ['2', null, '2024-05-01 12:00:00+00', null],
      ['3', 'three', '2024-05-01 12:00:00+00', null],
    ]);
  });

  it('leaves nothing behind but the table and its own records', async () => {
    await runLoad(connector, plan(), THREE);
    const tables = await query("SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY 1");
    expect(tables.flat()).toEqual([
      '__millrace.fences',
      '__millrace.owners',
      '__millrace.publications',
      '__millrace.segments',
      'main.flights',
    ]);
    expect(await query('SELECT * FROM __millrace.segments')).toEqual([]);
    expect(await readdir(join(files.root, 'data'))).toEqual(['flights.duckdb']);
  });

  it('loads an empty schema', async () => {
    const { counts, destination } = await runLoad(connector, plan(), []);
    expect(counts.inserted).toBe(0);
    expect(destination).toEqual(sumOf(plan(), []));
    expect(await query('SELECT count(*) FROM flights')).toEqual([['0']]);
  });

  it('keeps the creation time of known records and the tombstones of lost ones', async () => {
    await runLoad(connector, plan(), THREE);
    const next = plan({ generation: 2, stampedAt: '2024-06-01T00:00:00Z' });
    const { counts } = await runLoad(connector, next, [...THREE.slice(1), ['4', 'four', '4']]);
    expect(counts).toMatchObject({ inserted: 3, deleted: 1 });
    expect(
      await query(
        'SELECT id, __millrace_created_at::DATE::VARCHAR, __millrace_deleted_at::DATE::VARCHAR FROM flights ORDER BY id',
      ),
    ).toEqual([
      ['1', '2024-05-01', '2024-06-01'],
      ['2', '2024-05-01', null],
      ['3', '2024-05-01', null],
      ['4', '2024-06-01', null],
    ]);
  });

  it('keeps views on the table', async () => {
    await runLoad(connector, plan(), THREE);
    await query('CREATE VIEW named AS SELECT id FROM flights WHERE name IS NOT NULL');
    await runLoad(connector, plan({ generation: 2, tombstones: false }), [['9', 'nine', null]]);
    expect(await query('SELECT * FROM named')).toEqual([['9']]);
  });

  it('keeps indexes and constraints that a user made, by filling the table anew', async () => {
    await runLoad(connector, plan(), THREE);
    await query('CREATE UNIQUE INDEX by_id ON flights (id)');
    const { counts } = await runLoad(connector, plan({ generation: 2, tombstones: false }), [
      ['2', 'two', '2'],
      ['5', 'five', '5'],
    ]);
    expect(counts).toMatchObject({ inserted: 2, deleted: 2 });
    expect(await query('SELECT id, name FROM flights ORDER BY id')).toEqual([
      ['2', 'two'],
      ['5', 'five'],
    ]);
    expect(await query('SELECT index_name FROM duckdb_indexes()')).toEqual([['by_id']]);
  });

  it('keeps comments that a user made', async () => {
    await runLoad(connector, plan(), THREE);
    await query("COMMENT ON TABLE flights IS 'all of them'; COMMENT ON COLUMN flights.name IS 'of the plane'");
    await runLoad(connector, plan({ generation: 2 }), THREE);
    const comments =
      'SELECT comment FROM duckdb_tables() UNION ALL SELECT comment FROM duckdb_columns() WHERE comment IS NOT NULL';
    expect((await query(`SELECT * FROM (${comments}) WHERE comment IS NOT NULL`)).flat()).toEqual([
      'all of them',
      'of the plane',
    ]);
  });

  it('keeps the table itself, its tombstones and first times when it is replaced in place', async () => {
    await runLoad(connector, plan(), THREE);
    const oid = "SELECT table_oid FROM duckdb_tables() WHERE table_name = 'flights'";
    const before = await query(oid);
    const next = plan({ generation: 2, replacement: 'in_place', stampedAt: '2024-06-01T00:00:00Z' });
    await runLoad(connector, next, [
      ['2', 'two', '2'],
      ['4', 'four', '4'],
    ]);
    expect(await query(oid)).toEqual(before);
    expect(
      await query(
        'SELECT id, __millrace_created_at::DATE::VARCHAR, __millrace_deleted_at::DATE::VARCHAR FROM flights ORDER BY id',
      ),
    ).toEqual([
      ['1', '2024-05-01', '2024-06-01'],
      ['2', '2024-05-01', null],
      ['3', '2024-05-01', '2024-06-01'],
      ['4', '2024-06-01', null],
    ]);
  });

  it('begins a rebuilt table anew, and refuses to where somebody gave the old one an index', async () => {
    await runLoad(connector, plan(), THREE);
    const next = { replacement: 'rebuild', stampedAt: '2024-06-01T00:00:00Z' } as const;
    await runLoad(connector, plan({ ...next, generation: 2 }), THREE.slice(1));
    expect(await query('SELECT id, __millrace_created_at::DATE::VARCHAR FROM flights ORDER BY id')).toEqual([
      ['2', '2024-06-01'],
      ['3', '2024-06-01'],
    ]);
    await query('CREATE UNIQUE INDEX by_id ON flights (id)');
    await expect(runLoad(connector, plan({ ...next, generation: 3 }), THREE)).rejects.toThrow(failure('TABLE_DIFFERS'));
    expect(await query('SELECT count(*) FROM flights')).toEqual([['2']]);
  });

  it('takes new columns and types from the source', async () => {
    await runLoad(connector, plan(), THREE);
    const fields = { '*id': FIELDS['*id'], delay: { kind: 'text' }, gate: { kind: 'boolean' } } as const;
    await runLoad(connector, plan({ generation: 2, fields }), [['1', 'late', 't']]);
    expect(await query('SELECT id, delay, gate FROM flights WHERE __millrace_deleted_at IS NULL')).toEqual([
      ['1', 'late', true],
    ]);
  });

  it('loads several segments beside each other', async () => {
    const opened = plan();
    const load = await open(opened);
    await load.prepare(signal);
    const numbers = Array.from({ length: 5 }, (_, i) => i);
    await Promise.all(
      numbers.map((no) =>
        loadSegment(load, opened, { no, token: 1 }, [[[`${no}`, 'a', null]], [[`${no + 10}`, 'b', null]]]),
      ),
    );
    expect(await load.digest(null, true, signal)).toEqual({ records: 10, sum: null });
    expect(
      await load.digest({ text: 'part', value: {}, key: { field: 'id', from: '3', to: '12' } }, true, signal),
    ).toEqual({
      records: 4,
      sum: null,
    });
  });
});

describe('merge', () => {
  beforeEach(async () => {
    await runLoad(connector, plan(), THREE);
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
    await runLoad(connector, plan({ kind: 'merge', generation: 2 }), THREE.slice(1));
    const next = plan({ kind: 'merge', generation: 3 });
    const { counts, destination } = await runLoad(connector, next, THREE);
    expect(counts).toMatchObject({ inserted: 0, updated: 1, unchanged: 2, deleted: 0 });
    expect(destination).toEqual(sumOf(next, THREE));
  });

  it('deletes for good without tombstones', async () => {
    const next = plan({ kind: 'merge', generation: 2, tombstones: false });
    const { counts } = await runLoad(connector, next, THREE.slice(1));
    expect(counts).toMatchObject({ deleted: 1 });
    expect(await query('SELECT id FROM flights ORDER BY id')).toEqual([['2'], ['3']]);
  });

  it('adds new columns to the table', async () => {
    const fields = { ...FIELDS, gate: { kind: 'text' } } as const;
    const next = plan({ kind: 'merge', generation: 2, fields });
    const records = THREE.map((record) => [...record, 'A1']);
    const { destination } = await runLoad(connector, next, records);
    expect(destination).toEqual(sumOf(next, records));
  });

  it('stops before it would lose too much, and leaves everything as it was', async () => {
    const next = plan({ kind: 'merge', generation: 2 });
    const few = THREE.slice(0, 1);
    await expect(runLoad(connector, next, few, { maxLossPercent: 50 })).rejects.toThrow(failure('LOSS_GUARD'));
    expect(await query('SELECT count(*) FROM flights WHERE __millrace_deleted_at IS NULL')).toEqual([['3']]);
    const { counts } = await runLoad(connector, plan({ kind: 'merge', generation: 3 }), few, { maxLossPercent: 67 });
    expect(counts.deleted).toBe(2);
  });

  it('guards a replacement likewise', async () => {
    const next = plan({ generation: 2 });
    await expect(runLoad(connector, next, THREE.slice(0, 1), { maxLossPercent: 50 })).rejects.toThrow(
      failure('LOSS_GUARD'),
    );
    const keyless = plan({ generation: 3, fields: { name: { kind: 'text' } }, tombstones: false });
    await expect(runLoad(connector, keyless, [['a']], { maxLossPercent: 50 })).rejects.toThrow(failure('LOSS_GUARD'));
    expect(await query('SELECT count(*) FROM flights')).toEqual([['3']]);
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
    await runLoad(connector, plan(), THREE);
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
    await runLoad(connector, plan(), THREE);
    await query('ALTER TABLE flights RENAME name TO other');
    const changed: readonly Fields[] = [['4', 'vier', '4']];
    await expect(runLoad(connector, plan({ kind: 'delta', generation: 2 }), changed)).rejects.toMatchObject({
      code: 'TABLE_DIFFERS',
      message: expect.stringContaining('its column name'),
    });
    await runLoad(connector, plan({ kind: 'merge', generation: 3 }), THREE);
    expect(await query('SELECT name FROM flights ORDER BY id')).toEqual([['one'], [null], ['three']]);
  });
});

describe('records that DuckDB cannot hold', () => {
  const fields = {
    '*id': FIELDS['*id'],
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
    await load.prepare(signal);
    await expect(loadSegment(load, plan({ fields }), { no: 0, token: 1 }, [mixed])).rejects.toThrow(
      failure('RECORD_REFUSED'),
    );
    expect(await load.lookup({ no: 0, token: 1 }, signal)).toEqual({ state: 'absent' });
    expect(await load.digest(null, true, signal)).toEqual({ records: 0, sum: null });
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
    await mkdir(join(files.root, 'data'), { recursive: true });
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

describe('ownership', () => {
  it('refuses a table that another sync writes, whatever its case', async () => {
    await runLoad(connector, plan(), THREE);
    const other = plan({ syncId: 'other', table: { schema: 'MAIN', name: 'Flights' } });
    await expect(runLoad(connector, other, THREE)).rejects.toThrow(
      expect.objectContaining({
        code: 'TABLE_OWNED',
        detail: { syncId: 'sync', schemaId: 'public.flights' },
      }),
    );
    expect(await connector.destination?.inspect({ schema: 'main', name: 'FLIGHTS' }, signal)).toMatchObject({
      exists: true,
      owner: { syncId: 'sync', schemaId: 'public.flights' },
    });
  });

  it('refuses a second sync while the first load of the first one runs', async () => {
    await (await open(plan())).prepare(signal);
    await expect((await open(plan({ syncId: 'other' }))).prepare(signal)).rejects.toThrow(failure('TABLE_OWNED'));
  });

  it('lets another sync have the table, and what a load left, when it may adopt them', async () => {
    await runLoad(connector, plan(), THREE);
    await (await open(plan({ generation: 2 }))).prepare(signal);
    await runLoad(connector, plan({ syncId: 'other', adopt: true }), THREE);
    expect(await query('SELECT sync_id FROM __millrace.owners')).toEqual([['other']]);
    expect(await query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'")).toEqual([['flights']]);
  });

  it('lets another sync have a table that was dropped', async () => {
    await runLoad(connector, plan(), THREE);
    await query('DROP TABLE flights');
    await runLoad(connector, plan({ syncId: 'other' }), THREE);
    expect(await query('SELECT sync_id FROM __millrace.owners')).toEqual([['other']]);
  });

  it('refuses a table that Millrace did not make, unless it may adopt it', async () => {
    await mkdir(join(files.root, 'data'), { recursive: true });
    await query('CREATE TABLE flights (id BIGINT, name VARCHAR, delay DOUBLE, mine VARCHAR)');
    await expect(runLoad(connector, plan(), THREE)).rejects.toThrow(failure('TABLE_NOT_OURS'));
    await expect(runLoad(connector, plan({ adopt: true }), THREE)).rejects.toThrow(
      expect.objectContaining({ code: 'TABLE_DIFFERS', message: expect.stringContaining('mine') }),
    );
    const { counts } = await runLoad(connector, plan({ adopt: true, kind: 'merge' }), THREE);
    expect(counts.inserted).toBe(3);
  });

  it('refuses a view and columns that differ in case only', async () => {
    await mkdir(join(files.root, 'data'), { recursive: true });
    await query('CREATE VIEW flights AS SELECT 1 AS id');
    await expect(runLoad(connector, plan({ adopt: true }), THREE)).rejects.toThrow(failure('TABLE_DIFFERS'));
    const fields = { Id: FIELDS['*id'], id: FIELDS['*id'] };
    const table = { schema: 'main', name: 'other' };
    await expect(runLoad(connector, plan({ fields, table }), [])).rejects.toThrow(failure('TABLE_DIFFERS'));
  });

  it('describes a table without the columns that Millrace adds, and makes no file to say that there is none', async () => {
    expect(await connector.destination?.inspect({ schema: 'main', name: 'flights' }, signal)).toMatchObject({
      exists: false,
    });
    expect(existsSync(path)).toBe(false);
    await runLoad(connector, plan(), THREE);
    expect(await connector.destination?.inspect({ schema: 'main', name: 'flights' }, signal)).toEqual({
      exists: true,
      owner: { syncId: 'sync', schemaId: 'public.flights' },
      columns: [
        { name: 'id', type: 'BIGINT' },
        { name: 'name', type: 'VARCHAR' },
        { name: 'delay', type: 'DOUBLE' },
      ],
      keyColumns: [],
    });
  });
});

describe('fences', () => {
  it('let only the newest token commit a segment', async () => {
    const opened = plan();
    const load = await open(opened);
    await load.prepare(signal);
    await using old = await load.beginSegment({ no: 0, token: 1 }, { isolate: false }, signal);
    const outcome = await loadSegment(load, opened, { no: 0, token: 2 }, [THREE]);
    await expect(old.commit(outcome, signal)).rejects.toThrow(failure('FENCE_LOST'));
    expect(await load.lookup({ no: 0, token: 3 }, signal)).toEqual({ state: 'committed', outcome });
    await expect(load.beginSegment({ no: 0, token: 3 }, { isolate: false }, signal)).rejects.toThrow(
      failure('FENCE_LOST'),
    );
  });

  it('let only the newest generation write and publish, and drop what older ones left', async () => {
    const old = await open(plan());
    await old.prepare(signal);
    await using writer = await old.beginSegment({ no: 0, token: 1 }, { isolate: false }, signal);
    const load = await open(plan({ generation: 2 }));
    await load.prepare(signal);
    await expect(old.beginSegment({ no: 1, token: 1 }, { isolate: false }, signal)).rejects.toThrow(
      failure('FENCE_LOST'),
    );
    await expect(
      writer.commit({ recordsRead: 0, bytesRead: 0, source: { records: 0, sum: null }, rejects: [] }, signal),
    ).rejects.toThrow(failure('FENCE_LOST'));
    await expect(old.prepare(signal)).rejects.toThrow(failure('FENCE_LOST'));
    await expect(old.publish({ maxLossPercent: 100 }, signal)).rejects.toThrow();
    await load.publish({ maxLossPercent: 100 }, signal);
    expect(await query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'")).toEqual([['flights']]);
  });

  it('answer a repeated publication with the first counts', async () => {
    const load = await open(plan());
    await load.prepare(signal);
    expect(await load.published(signal)).toBeNull();
    await loadSegment(load, plan(), { no: 0, token: 1 }, [THREE]);
    const counts = await load.publish({ maxLossPercent: 100 }, signal);
    expect(await load.publish({ maxLossPercent: 100 }, signal)).toEqual(counts);
    expect(await load.published(signal)).toEqual(counts);
  });

  it('let a load be prepared again without losing its committed segments', async () => {
    const load = await open(plan());
    await load.prepare(signal);
    await loadSegment(load, plan(), { no: 0, token: 1 }, [THREE]);
    const again = await open(plan());
    await again.prepare(signal);
    expect(await again.digest(null, false, signal)).toEqual(sumOf(plan(), THREE));
  });
});

describe('failures', () => {
  it('leave nothing of a segment that dies between write and commit', async () => {
    await connector[Symbol.asyncDispose]();
    connector = await connectFile(files.root, 'data/flights.duckdb', (name) => {
      if (name === 'duckdb-before-commit') throw new Error('died');
    });
    const load = await open(plan());
    await load.prepare(signal);
    await expect(loadSegment(load, plan(), { no: 0, token: 1 }, [THREE])).rejects.toThrow('died');
    expect(await load.lookup({ no: 0, token: 1 }, signal)).toEqual({ state: 'absent' });
    expect(await load.digest(null, true, signal)).toEqual({ records: 0, sum: null });
    expect(await readdir(`${path}.millrace`)).toEqual([]);
  });

  it('leave the old data when a publication dies', async () => {
    await runLoad(connector, plan(), THREE);
    await connector[Symbol.asyncDispose]();
    connector = await connectFile(files.root, 'data/flights.duckdb', (name) => {
      if (name === 'duckdb-before-publish') throw new Error('died');
    });
    await expect(runLoad(connector, plan({ generation: 2 }), [['9', 'nine', null]])).rejects.toThrow('died');
    expect(await query('SELECT id FROM flights ORDER BY id')).toEqual([['1'], ['2'], ['3']]);
  });

  it('stop a statement within a second when the work is cancelled', async () => {
    const abort = new AbortController();
    await connector[Symbol.asyncDispose]();
    connector = await connectFile(files.root, 'data/flights.duckdb', () => abort.abort());
    const load = await open(plan());
    await load.prepare(signal);
    await expect(loadSegment(load, plan(), { no: 0, token: 1 }, [THREE], abort.signal)).rejects.toThrow(
      /abort|cancel/i,
    );
    expect(await load.lookup({ no: 0, token: 1 }, signal)).toEqual({ state: 'absent' });
  });

  it('name a record that is larger than the cap', async () => {
    const load = await open(plan());
    await load.prepare(signal);
    const huge = 'x'.repeat(16 * 1024 * 1024);
    await expect(loadSegment(load, plan(), { no: 0, token: 1 }, [[['1', huge, null]]])).rejects.toThrow(
      failure('RECORD_TOO_LARGE'),
    );
  });

  it('say that a file is no database, and do not touch it', async () => {
    await mkdir(join(files.root, 'data'), { recursive: true });
    await writeFile(path, 'no database');
    await expect(connector.check(signal)).rejects.toThrow(failure('FILE_INVALID'));
    await expect(runLoad(connector, plan(), THREE)).rejects.toThrow(failure('FILE_INVALID'));
  });
});

it('takes large cells, quotes and line ends in text', async () => {
  const texts = ['"', ',', 'a\nb', '\r\n', '', '\\N', '漢字'.repeat(1_000_000), 'x'.repeat(15 * 1024 * 1024)];
  const records = texts.map((text, i): Fields => [`${i}`, text, null]);
  const { destination } = await runLoad(connector, plan(), records);
  expect(destination).toEqual(sumOf(plan(), records));
});

it('writes to paths and names that need quoting', async () => {
  await connector[Symbol.asyncDispose]();
  connector = await connectFile(files.root, 'o\'dd [x]* {a,b}/fi"le.duckdb');
  const odd = plan({
    table: { schema: 'Odd "schema"', name: 'ta\'ble "x"' },
    fields: { '*i"d': FIELDS['*id'], "na'me": { kind: 'text' } },
  });
  const records: readonly Fields[] = [['1', "it's"]];
  const { destination } = await runLoad(connector, odd, records);
  expect(destination).toEqual(sumOf(odd, records));
  const merged = await runLoad(connector, { ...odd, kind: 'merge', generation: 2 }, [
    ['1', 'new'],
    ['2', null],
  ]);
  expect(merged.counts).toMatchObject({ inserted: 1, updated: 1 });
});
