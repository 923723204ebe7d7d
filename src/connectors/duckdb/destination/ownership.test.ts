import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadSegment, runLoad } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import {
  FLIGHT_FIELDS,
  failure,
  NEVER,
  THREE_FLIGHTS,
  useDuckdbFile,
} from '../../../../tests/setup/duckdb/use-file.ts';

const file = useDuckdbFile();
const { connector, open, plan, query } = file;
const NOTHING_READ = { recordsRead: 0, bytesRead: 0, source: { records: 0, sum: null }, rejects: [] };

describe('ownership', () => {
  it('refuses a table that another sync writes, whatever its case', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
    const other = plan({ syncId: 'other', table: { schema: 'MAIN', name: 'Flights' } });
    await expect(runLoad(connector, other, THREE_FLIGHTS)).rejects.toThrow(
      expect.objectContaining({
        code: 'TABLE_OWNED',
        detail: { syncId: 'sync', schemaId: 'public.flights' },
      }),
    );
    expect(await connector.destination?.inspect({ schema: 'main', name: 'FLIGHTS' }, NEVER)).toMatchObject({
      exists: true,
      owner: { syncId: 'sync', schemaId: 'public.flights' },
    });
  });

  it('refuses a second sync while the first load of the first one runs', async () => {
    await (await open(plan())).prepare(NEVER);
    await expect((await open(plan({ syncId: 'other' }))).prepare(NEVER)).rejects.toThrow(failure('TABLE_OWNED'));
  });

  it('lets another sync have the table, and what a load left, when it may adopt them', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
    await (await open(plan({ generation: 2 }))).prepare(NEVER);
    await runLoad(connector, plan({ syncId: 'other', adopt: true }), THREE_FLIGHTS);
    expect(await query('SELECT sync_id FROM __millrace.owners')).toEqual([['other']]);
    expect(await query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'")).toEqual([['flights']]);
  });

  it('remembers whose a table is that its schema has left for another name, and takes nothing under way from there', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
    const elsewhere = plan({ generation: 2, table: { schema: 'main', name: 'raw_flights' } });
    await (await open(elsewhere)).prepare(NEVER);
    await expect((await open(plan({ syncId: 'other' }))).prepare(NEVER)).rejects.toThrow(failure('TABLE_OWNED'));
    await (await open(plan({ syncId: 'other', adopt: true }))).prepare(NEVER);
    await runLoad(connector, elsewhere, THREE_FLIGHTS);
    const owners = 'SELECT table_name, sync_id FROM __millrace.owners ORDER BY ALL';
    expect(await query(owners)).toEqual([
      ['flights', 'other'],
      ['raw_flights', 'sync'],
    ]);
  });

  it.each(['replace', 'merge'] as const)(
    'lets no load (%s) into a table that another sync has taken meanwhile, though its schema has another one',
    async (kind) => {
      const elsewhere = plan({ table: { schema: 'main', name: 'raw_flights' } });
      await runLoad(connector, elsewhere, THREE_FLIGHTS);
      await runLoad(connector, plan({ generation: 2 }), THREE_FLIGHTS);
      const left = plan({ generation: 3, kind });
      const loading = await open(left);
      await loading.prepare(NEVER);
      await loadSegment(loading, left, { no: 0, token: 1 }, [[['4', 'four', '4']]]);
      await using late = await loading.beginSegment({ no: 1, token: 1 }, { isolate: false }, NEVER);
      await runLoad(connector, plan({ syncId: 'other', adopt: true }), THREE_FLIGHTS);
      await expect(loading.publish({ maxLossPercent: 100, maxRejects: 0 }, NEVER)).rejects.toThrow(
        failure('TABLE_OWNED'),
      );
      await expect(late.commit(NOTHING_READ, NEVER)).rejects.toThrow(failure('TABLE_OWNED'));
      const begin = loading.beginSegment({ no: 2, token: 1 }, { isolate: false }, NEVER);
      await expect(begin).rejects.toThrow(failure('TABLE_OWNED'));
      expect(await query('SELECT id FROM flights ORDER BY id')).toEqual([['1'], ['2'], ['3']]);
    },
  );

  it('lets another sync have a table that was dropped', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
    await query('DROP TABLE flights');
    await runLoad(connector, plan({ syncId: 'other' }), THREE_FLIGHTS);
    expect(await query('SELECT sync_id FROM __millrace.owners')).toEqual([['other']]);
  });

  it('refuses a table that Millrace did not make, unless it may adopt it', async () => {
    await query('CREATE TABLE flights (id BIGINT, name VARCHAR, delay DOUBLE, mine VARCHAR)');
    await expect(runLoad(connector, plan(), THREE_FLIGHTS)).rejects.toThrow(failure('TABLE_NOT_OURS'));
    await expect(runLoad(connector, plan({ adopt: true }), THREE_FLIGHTS)).rejects.toThrow(
      expect.objectContaining({ code: 'TABLE_DIFFERS', message: expect.stringContaining('mine') }),
    );
    const { counts } = await runLoad(connector, plan({ adopt: true, kind: 'merge' }), THREE_FLIGHTS);
    expect(counts.inserted).toBe(3);
  });

  it('refuses a view and columns that differ in case only', async () => {
    await query('CREATE VIEW flights AS SELECT 1 AS id');
    await expect(runLoad(connector, plan({ adopt: true }), THREE_FLIGHTS)).rejects.toThrow(failure('TABLE_DIFFERS'));
    const fields = { Id: FLIGHT_FIELDS['*id'], id: FLIGHT_FIELDS['*id'] };
    const table = { schema: 'main', name: 'other' };
    await expect(runLoad(connector, plan({ fields, table }), [])).rejects.toThrow(failure('TABLE_DIFFERS'));
  });

  it('describes a table with the columns that Millrace adds apart, and makes no file to say that there is none', async () => {
    expect(await connector.destination?.inspect({ schema: 'main', name: 'flights' }, NEVER)).toMatchObject({
      exists: false,
    });
    expect(existsSync(file.path)).toBe(false);
    await runLoad(connector, plan(), THREE_FLIGHTS);
    expect(await connector.destination?.inspect({ schema: 'main', name: 'flights' }, NEVER)).toEqual({
      exists: true,
      owner: { syncId: 'sync', schemaId: 'public.flights' },
      columns: [
        { name: 'id', type: 'BIGINT' },
        { name: 'name', type: 'VARCHAR' },
        { name: 'delay', type: 'DOUBLE' },
      ],
      ownColumns: ['__millrace_created_at', '__millrace_updated_at', '__millrace_deleted_at'],
      keyColumns: [],
    });
  });
});
