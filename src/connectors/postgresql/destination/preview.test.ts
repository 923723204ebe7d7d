import { describe, expect, it } from 'vitest';
import { queryDatabase } from '../../../../tests/setup/databases.ts';
import { useCopies } from '../../../../tests/setup/postgresql-copies.ts';
import { NEVER, planCopy } from '../../../../tests/setup/postgresql-loads.ts';
import type { LoadPlan } from '../../../connector-kit/index.ts';
import type { LoadPreview } from '../../../core/index.ts';

// A preview is held against what the load then does to the table.

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text, age int NOT NULL, price numeric(8,2));
  INSERT INTO people SELECT i, 'name ' || i, i, i FROM generate_series(1, 20) i`;
const { copy, destination, source } = useCopies('public.people', SOURCE, { tombstones: true });

/** Asked with a generation that no load has. */
async function preview(plan: Partial<LoadPlan> = {}): Promise<LoadPreview> {
  const [bulk, target] = [source.connector.source, destination.connector.destination];
  if (bulk === undefined || target === undefined) throw new Error('a side is missing');
  await using snapshot = await bulk.openSnapshot(NEVER);
  const given = { schemaId: 'public.people', source: source.connector, destination: destination.connector };
  const planned = await planCopy({ ...given, plan: { tombstones: true, generation: 1_000, ...plan } }, snapshot);
  const state = await target.inspect(planned.plan.table, NEVER);
  return target.preview(planned.plan, state, NEVER);
}

interface TableAsItIs {
  readonly oid: string | undefined;
  readonly key: string | null;
  readonly columns: ReadonlyMap<string, string>;
}

async function look(): Promise<TableAsItIs> {
  const [table] = await destination.sql(
    `SELECT c.oid::text, (SELECT string_agg(a.attname, ', ' ORDER BY k.place) FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE i.indrelid = c.oid AND i.indisprimary)
     FROM pg_class c WHERE c.oid = to_regclass('people')`,
  );
  const columns = await destination.sql(
    `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass('people') AND attnum > 0 AND NOT attisdropped`,
  );
  const pairs = columns.map(([name, type]) => [String(name), String(type)] as const);
  return { oid: table?.[0] ?? undefined, key: table?.[1] ?? null, columns: new Map(pairs) };
}

/** The columns as the preview says that they will be. */
function foresee(before: TableAsItIs, { changes }: LoadPreview): ReadonlyMap<string, string> {
  const columns = new Map(before.columns);
  for (const { kind, column, before: old, after } of changes) {
    if (column === null || kind === 'drop_not_null') continue;
    expect([kind, columns.get(column) ?? null]).toEqual([kind, old]);
    if (after === null) columns.delete(column);
    else columns.set(column, after);
  }
  return columns;
}

const MERGE = { kind: 'merge' } as const;
const REPLACE = { kind: 'replace' } as const;
const IN_PLACE = { kind: 'replace', replacement: 'in_place' } as const;
const REBUILD = { kind: 'replace', replacement: 'rebuild' } as const;

/** What is different at the source, and what somebody has done to the table. */
const SITUATIONS: Readonly<Record<string, { readonly source?: string; readonly table?: string }>> = {
  'nothing is different': {},
  'a field is new': { source: 'ALTER TABLE people ADD gate text' },
  'a field is gone': { source: 'ALTER TABLE people DROP name' },
  'a field that takes no NULL is gone': {
    source: 'ALTER TABLE people DROP age',
    table: 'ALTER TABLE people ALTER age SET NOT NULL',
  },
  'types are wider': { source: 'ALTER TABLE people ALTER id TYPE bigint, ALTER price TYPE numeric(12,4)' },
  'a type is narrower': { source: 'ALTER TABLE people ALTER price TYPE numeric(6,1)' },
  'a type is another one': { source: 'ALTER TABLE people ALTER price TYPE text' },
  'a view hangs on it': { table: 'CREATE VIEW names AS SELECT name FROM people' },
  'a view uses a column that must change': {
    source: 'ALTER TABLE people ALTER price TYPE numeric(12,4)',
    table: 'CREATE VIEW prices AS SELECT price FROM people',
  },
  'a foreign key points to it': { table: 'CREATE TABLE orders (person int REFERENCES people)' },
  'somebody added a column': { table: 'ALTER TABLE people ADD note text' },
  'a column of ours was taken away': { table: 'ALTER TABLE people DROP __millrace_updated_at' },
};

describe.each(Object.entries(SITUATIONS))('when %s', (_, situation) => {
  it.each([
    ['a merge', MERGE],
    ['a replacement', REPLACE],
    ['a replacement in place', IN_PLACE],
    ['a rebuild', REBUILD],
  ] as const)('%s does what was foreseen', async (_name, plan) => {
    await copy();
    await source.sql(situation.source ?? 'SELECT 1');
    await destination.sql(situation.table ?? 'SELECT 1');
    const before = await look();
    const foreseen = await preview(plan);
    expect(await look()).toEqual(before);
    const [refusal] = foreseen.refusals;
    if (refusal !== undefined) {
      await expect(copy({ plan })).rejects.toMatchObject(refusal);
      return;
    }
    await copy({ plan });
    const after = await look();
    expect(after.columns).toEqual(foresee(before, foreseen));
    expect(after.oid !== before.oid).toBe(foreseen.replacement?.how === 'exchange');
  });
});

describe('another key', () => {
  it.each([
    ['a replacement', REPLACE, 'exchange'],
    ['a replacement in place', IN_PLACE, 'in_place'],
  ] as const)('is foreseen for %s', async (_, plan, how) => {
    await copy();
    await source.sql('ALTER TABLE people DROP CONSTRAINT people_pkey, ADD PRIMARY KEY (id, age)');
    const foreseen = await preview(plan);
    expect(foreseen).toMatchObject({ replacement: { how }, comparesLoss: 'keys' });
    expect(foreseen.changes).toContainEqual({ kind: 'change_key', column: null, before: 'id', after: 'id, age' });
    await copy({ plan });
    expect((await look()).key).toBe('id, age');
  });
});

describe('a table that is not there yet', () => {
  it('is made with its schema, and a privilege that is missing for it is named', async () => {
    const table = { schema: 'elsewhere', name: 'people' };
    const foreseen = await preview({ ...REPLACE, table });
    expect(foreseen).toMatchObject({ replacement: { how: 'create' }, comparesLoss: 'nothing', refusals: [] });
    expect(foreseen.changes.slice(0, 3)).toEqual([
      { kind: 'create_schema', column: null, before: null, after: 'elsewhere' },
      { kind: 'create_table', column: null, before: null, after: 'people' },
      { kind: 'add_column', column: 'id', before: null, after: 'integer' },
    ]);
    await queryDatabase(destination.superuserUrl, 'CREATE SCHEMA forbidden');
    const { changes, refusals } = await preview({ ...REPLACE, table: { ...table, schema: 'forbidden' } });
    await queryDatabase(destination.superuserUrl, 'DROP SCHEMA forbidden');
    expect(changes[0]).toMatchObject({ kind: 'create_table' });
    expect(refusals).toMatchObject([
      { code: 'CONN_PRIVILEGE_MISSING', message: expect.stringContaining('grant CREATE') },
    ]);
  });
});

describe('a table that Millrace did not make', () => {
  it('is filled in place, and its types are left alone', async () => {
    await destination.sql('CREATE TABLE people (id int PRIMARY KEY, name text, age int, price numeric(4,2))');
    const plan = { ...REPLACE, adopt: true };
    const foreseen = await preview(plan);
    expect(foreseen.replacement).toEqual({ how: 'in_place', reason: 'Millrace did not make the table' });
    expect(foreseen.refusals).toMatchObject([{ code: 'TABLE_DIFFERS', message: expect.stringContaining('"price"') }]);
    await expect(copy({ plan })).rejects.toMatchObject({ code: 'TABLE_DIFFERS' });
  });
});

it('counts live records by the statistics, and says what of them goes', async () => {
  await copy();
  await destination.sql('ANALYZE people');
  expect(await preview({ ...REPLACE, tombstones: false })).toMatchObject({
    liveRecords: 20,
    destroys: [{ kind: 'exchange_table' }, { kind: 'remove_tombstones' }],
  });
  expect((await preview(MERGE)).destroys).toEqual([]);
  expect((await preview({ ...MERGE, tombstones: false })).destroys).toMatchObject([{ kind: 'remove_tombstones' }]);
  expect((await preview(IN_PLACE)).destroys).toMatchObject([{ kind: 'empty_table' }]);
});
