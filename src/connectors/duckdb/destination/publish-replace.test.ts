import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSegment, runLoad, sumOf } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import {
  FLIGHT_FIELDS,
  failure,
  NEVER,
  THREE_FLIGHTS,
  useDuckdbFile,
} from '../../../../tests/setup/duckdb/use-file.ts';

const file = useDuckdbFile();
const { connector, open, plan, query } = file;

describe('replace', () => {
  it('puts a new table in place, with record timestamps and no tombstones', async () => {
    const { counts, destination } = await runLoad(connector, plan(), THREE_FLIGHTS);
    expect(counts).toMatchObject({ inserted: 3, updated: 0, unchanged: 0, deleted: 0, rejects: [] });
    expect(destination).toEqual(sumOf(plan(), THREE_FLIGHTS));
    expect(
      await query('SELECT id, name, __millrace_created_at::VARCHAR, __millrace_deleted_at FROM flights ORDER BY id'),
    ).toEqual([
      ['1', 'one', '2024-05-01 12:00:00+00', null],
      ['2', null, '2024-05-01 12:00:00+00', null],
      ['3', 'three', '2024-05-01 12:00:00+00', null],
    ]);
  });

  it('leaves nothing behind but the table and its own records', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
    const tables = await query("SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY 1");
    expect(tables.flat()).toEqual([
      '__millrace.fences',
      '__millrace.owners',
      '__millrace.publications',
      '__millrace.segments',
      'main.flights',
    ]);
    expect(await query('SELECT * FROM __millrace.segments')).toEqual([]);
    expect(await readdir(join(file.filesRoot, 'data'))).toEqual(['flights.duckdb']);
  });

  it('loads an empty schema', async () => {
    const { counts, destination } = await runLoad(connector, plan(), []);
    expect(counts.inserted).toBe(0);
    expect(destination).toEqual(sumOf(plan(), []));
    expect(await query('SELECT count(*) FROM flights')).toEqual([['0']]);
  });

  it('keeps the creation time of known records and the tombstones of lost ones', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
    const next = plan({ generation: 2, stampedAt: '2024-06-01T00:00:00Z' });
    const { counts } = await runLoad(connector, next, [...THREE_FLIGHTS.slice(1), ['4', 'four', '4']]);
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
    await runLoad(connector, plan(), THREE_FLIGHTS);
    await query('CREATE VIEW named AS SELECT id FROM flights WHERE name IS NOT NULL');
    await runLoad(connector, plan({ generation: 2, tombstones: false }), [['9', 'nine', null]]);
    expect(await query('SELECT * FROM named')).toEqual([['9']]);
  });

  it('keeps indexes and constraints that a user made, by filling the table anew', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
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
    await runLoad(connector, plan(), THREE_FLIGHTS);
    await query("COMMENT ON TABLE flights IS 'all of them'; COMMENT ON COLUMN flights.name IS 'of the plane'");
    await runLoad(connector, plan({ generation: 2 }), THREE_FLIGHTS);
    const comments =
      'SELECT comment FROM duckdb_tables() UNION ALL SELECT comment FROM duckdb_columns() WHERE comment IS NOT NULL';
    expect((await query(`SELECT * FROM (${comments}) WHERE comment IS NOT NULL`)).flat()).toEqual([
      'all of them',
      'of the plane',
    ]);
  });

  it('keeps the table itself, its tombstones and first times when it is replaced in place', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
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
    await runLoad(connector, plan(), THREE_FLIGHTS);
    const next = { replacement: 'rebuild', stampedAt: '2024-06-01T00:00:00Z' } as const;
    await runLoad(connector, plan({ ...next, generation: 2 }), THREE_FLIGHTS.slice(1));
    expect(await query('SELECT id, __millrace_created_at::DATE::VARCHAR FROM flights ORDER BY id')).toEqual([
      ['2', '2024-06-01'],
      ['3', '2024-06-01'],
    ]);
    await query('CREATE UNIQUE INDEX by_id ON flights (id)');
    await expect(runLoad(connector, plan({ ...next, generation: 3 }), THREE_FLIGHTS)).rejects.toThrow(
      failure('TABLE_DIFFERS'),
    );
    expect(await query('SELECT count(*) FROM flights')).toEqual([['2']]);
  });

  it('takes new columns and types from the source', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
    const fields = { '*id': FLIGHT_FIELDS['*id'], delay: { kind: 'text' }, gate: { kind: 'boolean' } } as const;
    await runLoad(connector, plan({ generation: 2, fields }), [['1', 'late', 't']]);
    expect(await query('SELECT id, delay, gate FROM flights WHERE __millrace_deleted_at IS NULL')).toEqual([
      ['1', 'late', true],
    ]);
  });

  it('loads several segments beside each other', async () => {
    const opened = plan();
    const load = await open(opened);
    await load.prepare(NEVER);
    const numbers = Array.from({ length: 5 }, (_, i) => i);
    await Promise.all(
      numbers.map((no) =>
        loadSegment(load, opened, { no, token: 1 }, [[[`${no}`, 'a', null]], [[`${no + 10}`, 'b', null]]]),
      ),
    );
    expect(await load.digest(null, true, NEVER)).toEqual({ records: 10, sum: null });
    expect(
      await load.digest({ text: 'part', value: {}, key: { field: 'id', from: '3', to: '12' } }, true, NEVER),
    ).toEqual({
      records: 4,
      sum: null,
    });
  });
});
