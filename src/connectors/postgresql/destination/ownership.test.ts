import { describe, expect, it } from 'vitest';
import { PEOPLE, useCopies } from '../../../../tests/setup/postgresql-copies.ts';
import { NEVER, openLoad } from '../../../../tests/setup/postgresql-loads.ts';

const { copy, destination, source } = useCopies('public.people', PEOPLE);
async function strayTables(): Promise<(string | null)[][]> {
  return destination.sql(`SELECT relname FROM pg_class WHERE relname LIKE '\\_\\_millrace\\_%' AND relkind = 'r'`);
}

/** Where its schema goes by another name. */
const ELSEWHERE = { schema: 'public', name: 'raw_people' };
const NO_RECORDS = { recordsRead: 0, bytesRead: 0, source: { records: 0, sum: null }, rejects: [] };
const ANY_LOSS = { maxLossPercent: 100, maxRejects: 0 };

describe('ownership of a table', () => {
  it('refuses a table that Millrace did not make, unless it is to be adopted', async () => {
    await destination.sql('CREATE TABLE people (id int, name text, balance numeric, changed timestamptz, note text)');
    await destination.sql(`INSERT INTO people VALUES (1, 'mine', 0, NULL, 'kept')`);
    await expect(copy({ plan: { kind: 'merge' } })).rejects.toMatchObject({ code: 'TABLE_NOT_OURS' });
    const { counts, found, expected } = await copy({ plan: { kind: 'merge', adopt: true } });
    expect(counts).toMatchObject({ inserted: 99, updated: 1 });
    expect(found).toEqual(expected);
    expect(await destination.sql('SELECT note FROM people WHERE id = 1')).toEqual([['kept']]);
    const { destination: bulk } = destination.connector;
    expect(await bulk?.inspect({ schema: 'public', name: 'people' }, NEVER)).toMatchObject({ isAdopted: true });
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

  it('goes to another sync without what the first one has under way for another table', async () => {
    const { plan } = await copy();
    const moved = { ...plan, generation: plan.generation + 1, table: ELSEWHERE };
    await using loading = await openLoad(destination.connector, moved);
    await loading.prepare(NEVER);
    await using writer = await loading.beginSegment({ no: 0, token: 1 }, { isolate: false }, NEVER);
    await copy({ plan: { syncId: 'other', adopt: true } });
    await writer.commit(NO_RECORDS, NEVER);
    await loading.seal(NEVER);
    await loading.publish(ANY_LOSS, NEVER);
    expect(await destination.sql('SELECT id FROM raw_people')).toEqual([]);
  });

  it('goes to another sync for good, though the first one has another table and something under way for this one', async () => {
    const { plan } = await copy({ plan: { table: ELSEWHERE } });
    const left = { ...plan, generation: plan.generation + 1, table: { ...ELSEWHERE, name: 'people' } };
    await using loading = await openLoad(destination.connector, left);
    await loading.prepare(NEVER);
    await copy({ plan: { syncId: 'other', adopt: true } });
    await expect(loading.publish(ANY_LOSS, NEVER)).rejects.toMatchObject({
      code: 'TABLE_OWNED',
      detail: { syncId: 'other' },
    });
    expect(await destination.sql('SELECT count(*) FROM people')).toEqual([['100']]);
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
    expect(await inspect()).toEqual({ exists: false, owner: null, columns: [], ownColumns: [], keyColumns: [] });
    await copy({ fields: ['id', 'name'] });
    expect(await inspect()).toEqual({
      exists: true,
      owner: { syncId: 'sync', schemaId: 'public.people' },
      columns: [
        { name: 'id', type: 'integer' },
        { name: 'name', type: 'text' },
      ],
      ownColumns: ['__millrace_created_at', '__millrace_updated_at'],
      keyColumns: ['id'],
    });
  });

  it('refuses a field with the name of a column of our own', async () => {
    await source.sql('ALTER TABLE people ADD COLUMN __millrace_created_at timestamptz');
    await expect(copy()).rejects.toMatchObject({ code: 'TABLE_DIFFERS' });
  });
});
