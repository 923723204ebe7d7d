import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type PlanOptions, runLoad } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import { useDuckdbFile } from '../../../../tests/setup/duckdb/use-file.ts';
import type { LoadPlan } from '../../../connector-kit/index.ts';
import type { LoadPreview, LogicalType } from '../../../core/index.ts';

// A preview is held against what the load then does to the table.

const INT: LogicalType = { kind: 'integer', bits: 32 };
const BIG: LogicalType = { kind: 'integer', bits: 64 };
const TEXT: LogicalType = { kind: 'text' };
const decimal = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale });
const FIELDS = { '*id': INT, code: TEXT, price: decimal(8, 2) };

const file = useDuckdbFile(FIELDS);
const { connector, query } = file;
const signal = new AbortController().signal;
let generation = 0;

function plan(options: Partial<PlanOptions> = {}): LoadPlan {
  generation += 1;
  return file.plan({ generation, ...options });
}

async function preview(given: LoadPlan): Promise<LoadPreview> {
  const { destination } = connector;
  if (destination === undefined) throw new Error('no destination');
  const state = await destination.inspect(given.table, signal);
  return destination.preview(given, state, signal);
}

const readColumns = async (): Promise<ReadonlyMap<string, string>> => {
  const rows = await query(`SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'flights'`);
  return new Map(rows.map(([name, type]) => [String(name), String(type)]));
};

/** The columns as the preview says that they will be. */
function foresee(before: ReadonlyMap<string, string>, { changes }: LoadPreview): ReadonlyMap<string, string> {
  const columns = new Map(before);
  for (const { kind, column, before: old, after } of changes) {
    if (column === null || kind === 'drop_not_null') continue;
    expect([kind, columns.get(column) ?? null]).toEqual([kind, old]);
    if (after === null) columns.delete(column);
    else columns.set(column, after);
  }
  return columns;
}

const KINDS = [
  ['a merge', { kind: 'merge' }],
  ['a replacement', { kind: 'replace' }],
  ['a replacement in place', { kind: 'replace', replacement: 'in_place' }],
  ['a rebuild', { kind: 'replace', replacement: 'rebuild' }],
] as const;

/** The fields of the next load with a record of them, and what somebody has done to the table. */
const SITUATIONS: Readonly<
  Record<string, { readonly fields?: PlanOptions['fields']; readonly record?: string[]; readonly table?: string }>
> = {
  'nothing is different': {},
  'a field is new': { fields: { ...FIELDS, gate: TEXT }, record: ['1', 'c1', '1.25', 'A1'] },
  'a field is gone': { fields: { '*id': INT, code: TEXT }, record: ['1', 'c1'] },
  'types are wider': { fields: { '*id': BIG, code: TEXT, price: decimal(12, 4) }, record: ['1', 'c1', '1.2500'] },
  'a type is another one': { fields: { '*id': INT, code: INT, price: decimal(8, 2) }, record: ['1', '7', '1.25'] },
  'an index hangs on it': { table: 'CREATE INDEX by_code ON flights (code)' },
  'an index is on a column that must change': {
    fields: { '*id': INT, code: TEXT, price: decimal(12, 4) },
    record: ['1', 'c1', '1.2500'],
    table: 'CREATE INDEX by_price ON flights (price)',
  },
};

describe.each(Object.entries(SITUATIONS))('when %s', (_, { fields = FIELDS, record = ['1', 'c1', '1.25'], table }) => {
  it.each(KINDS)('%s does what was foreseen', async (_name, kind) => {
    await runLoad(connector, plan(), [['1', 'c1', '1.25']]);
    if (table !== undefined) await query(table);
    const before = await readColumns();
    const next = plan({ ...kind, fields });
    const bytes = readFileSync(file.path);
    const foreseen = await preview(next);
    expect(readFileSync(file.path).equals(bytes)).toBe(true);
    const [refusal] = foreseen.refusals;
    if (refusal !== undefined) {
      await expect(runLoad(connector, next, [record])).rejects.toMatchObject({ code: refusal.code });
      return;
    }
    await runLoad(connector, next, [record]);
    expect(await readColumns()).toEqual(foresee(before, foreseen));
    if (table === undefined) return;
    const indexes = await query(`SELECT count(*) FROM duckdb_indexes() WHERE table_name = 'flights'`);
    expect(indexes).toEqual([[foreseen.replacement?.how === 'exchange' ? '0' : '1']]);
  });
});

describe('a table that is not there yet', () => {
  it('is made with its schema, and no file is made by asking', async () => {
    const foreseen = await preview(plan({ table: { schema: 'landing', name: 'flights' } }));
    expect(foreseen).toMatchObject({ replacement: { how: 'create' }, comparesLoss: 'nothing', refusals: [] });
    expect(foreseen.changes.slice(0, 3)).toEqual([
      { kind: 'create_schema', column: null, before: null, after: 'landing' },
      { kind: 'create_table', column: null, before: null, after: 'flights' },
      { kind: 'add_column', column: 'id', before: null, after: 'INTEGER' },
    ]);
    expect(existsSync(file.path)).toBe(false);
  });
});

it('refuses a view, and a table that somebody else made', async () => {
  await query('CREATE TABLE flights (id INTEGER); CREATE VIEW seen AS SELECT 1 AS id');
  expect((await preview(plan())).refusals).toMatchObject([{ code: 'TABLE_NOT_OURS' }]);
  expect((await preview(plan({ table: { schema: 'main', name: 'seen' }, adopt: true }))).refusals).toMatchObject([
    { code: 'TABLE_DIFFERS', message: expect.stringContaining('it is a view') },
  ]);
});

it('says what goes of tombstones and columns', async () => {
  await runLoad(connector, plan(), [['1', 'c1', '1.25']]);
  expect(await preview(plan({ kind: 'merge' }))).toMatchObject({ destroys: [], liveRecords: 1, comparesLoss: 'keys' });
  expect((await preview(plan({ kind: 'merge', tombstones: false }))).destroys).toMatchObject([
    { kind: 'remove_tombstones' },
  ]);
  const rebuilt = await preview(plan({ replacement: 'rebuild', fields: { '*id': INT } }));
  expect(rebuilt.destroys.map(({ kind }) => kind)).toEqual([
    'exchange_table',
    'drop_column',
    'drop_column',
    'remove_tombstones',
  ]);
});
