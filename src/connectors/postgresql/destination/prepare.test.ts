import { describe, expect, it } from 'vitest';
import { useCopies } from '../../../../tests/setup/postgresql-copies.ts';
import { NEVER, openLoad, planCopy } from '../../../../tests/setup/postgresql-loads.ts';
import type { LoadPlan } from '../../../connector-kit/index.ts';

const { copy, source, destination } = useCopies(
  'public.orders',
  `CREATE TABLE orders (shop int, number int, note text, PRIMARY KEY (shop, number));
   INSERT INTO orders SELECT 1, i, 'note ' || i FROM generate_series(1, 10) i`,
);

async function planLoad(given: Partial<LoadPlan> = {}): Promise<LoadPlan> {
  const [from, to] = [source.connector, destination.connector];
  if (from.source === undefined) throw new Error('no source');
  await using snapshot = await from.source.openSnapshot(NEVER);
  const whole = { source: from, destination: to, schemaId: 'public.orders', plan: given };
  return (await planCopy(whole, snapshot)).plan;
}

/** The columns that take no NULL in the table into which a first generation is loaded. */
async function findFilledColumns(plan: LoadPlan): Promise<unknown[]> {
  await using load = await openLoad(destination.connector, plan);
  await load.prepare(NEVER);
  const columns = await destination.sql(
    `SELECT attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relname LIKE '\\_\\_millrace\\_%' AND c.relkind = 'r' AND a.attnum > 0 AND a.attnotnull ORDER BY attnum`,
  );
  return columns.flat();
}

describe('the table of a new generation', () => {
  it.each<[string, Partial<LoadPlan>, readonly string[]]>([
    ['of a replacement has the key of the source from the start', {}, ['shop', 'number']],
    ['of a replacement leaves open whether a declared key holds', { isKeyDeclared: true }, []],
    ['of a merge is joined by a key that it need not have', { kind: 'merge' }, []],
  ])('%s', async (_, plan, columns) => {
    expect(await findFilledColumns(await planLoad({ recordTimestamps: false, ...plan }))).toEqual(columns);
  });

  it('takes the records that a declared key does not fit, which are then told of by name', async () => {
    await source.sql('ALTER TABLE orders DROP CONSTRAINT orders_pkey, ALTER COLUMN number DROP NOT NULL');
    await source.sql('UPDATE orders SET number = NULL WHERE number = 7');
    const columns = (await planLoad()).columns.map((column) => ({ ...column, isKey: column.name !== 'note' }));
    await expect(copy({ plan: { columns, isKeyDeclared: true } })).rejects.toMatchObject({
      code: 'KEY_NOT_UNIQUE',
      detail: { key: ['shop', 'number'] },
    });
  });
});
