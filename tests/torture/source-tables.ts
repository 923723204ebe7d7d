import type pg from 'pg';

/** How a column's value becomes the same text in every system that holds it; a type of PostgreSQL has its own way. */
export type ColumnKind = 'text' | 'time' | 'bytes' | { readonly type: string };

/** A table of the source, as the writer changes it and the comparison reads it. */
export interface TortureTable {
  readonly name: string;
  /** Empty: a table without a key. */
  readonly key: readonly string[];
  /** Taken from a sequence where a record is made or its key changes; null: never. */
  readonly sequenceColumn: string | null;
  readonly trackingField: string | null;
  readonly columns: Readonly<Record<string, ColumnKind>>;
  /** Records at the start, as a share of the scenario's size. */
  readonly share: number;
  readonly create: string;
  /** Makes `$1` records; amounts of each table add up to nothing. */
  readonly fill: string;
}

/** Even records take back what the odd one before them gave. */
const AMOUNT = 'CASE WHEN i % 2 = 1 THEN (i * 37) % 1000 ELSE -(((i - 1) * 37) % 1000) END';
/** Spreads the writer's picks over the table. */
const N = '(i * 7919) % 1000000';
const NOTE = `CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'naïve "quoted", ' || i WHEN 3 THEN E'two\\nlines\\\\' || i ELSE 'plain ' || i END`;
const FROM = 'FROM generate_series(1, $1::int) i';

/** Every table that a run can take part of. */
export const TORTURE_TABLES: readonly TortureTable[] = [
  {
    name: 'accounts',
    key: ['id'],
    sequenceColumn: 'id',
    trackingField: 'updated_at',
    columns: {
      id: 'text',
      n: 'text',
      amount: 'text',
      note: 'text',
      price: 'text',
      is_open: 'text',
      opened: 'text',
      photo: 'bytes',
      payload: 'text',
      updated_at: 'time',
    },
    share: 1,
    create: `CREATE TABLE accounts (id bigint PRIMARY KEY, n int NOT NULL, amount bigint NOT NULL, note text, price numeric(12,2),
      is_open boolean, opened date, photo bytea, payload text, updated_at timestamptz)`,
    fill: `INSERT INTO accounts SELECT i, ${N}, ${AMOUNT}, ${NOTE}, i / 7.0, i % 3 = 0, date '2020-01-01' + i % 1500,
      decode(md5(i::text), 'hex'), repeat(md5(i::text), 3), CASE WHEN i % 100 > 0 THEN timestamptz '2024-01-01 00:00+00' + i * interval '1 s' END ${FROM}`,
  },
  {
    name: 'events',
    key: [],
    sequenceColumn: null,
    trackingField: null,
    columns: { n: 'text', amount: 'text', note: 'text', detail: 'text', happened: 'time' },
    share: 0.7,
    create:
      'CREATE TABLE events (n int NOT NULL, amount bigint NOT NULL, note text, detail jsonb, happened timestamptz)',
    fill: `INSERT INTO events SELECT ${N}, ${AMOUNT}, ${NOTE}, jsonb_build_object('i', i, 'of', md5(i::text)),
      timestamptz '2024-01-01 00:00+00' + i * interval '1.000001 s' ${FROM}`,
  },
  {
    name: 'items',
    key: ['region', 'no'],
    sequenceColumn: 'no',
    trackingField: null,
    columns: { region: 'text', no: 'text', n: 'text', amount: 'text', note: 'text' },
    share: 0.3,
    create: `CREATE TABLE items (region text NOT NULL, no int NOT NULL, n int NOT NULL, amount bigint NOT NULL, note text,
      PRIMARY KEY (region, no))`,
    fill: `INSERT INTO items SELECT (ARRAY['nord','süd','öst',''])[1 + i % 4], i, ${N}, ${AMOUNT}, ${NOTE} ${FROM}`,
  },
  {
    name: 'wide',
    key: ['id'],
    sequenceColumn: 'id',
    trackingField: 'updated_at',
    columns: { id: 'text', n: 'text', amount: 'text', note: 'text', payload: 'text', updated_at: 'time' },
    share: 0.8,
    // About 2 kB a record, kept in the record itself: a table of several segments with few records.
    create: `CREATE TABLE wide (id bigint PRIMARY KEY, n int NOT NULL, amount bigint NOT NULL, note text, payload text STORAGE EXTERNAL,
      updated_at timestamptz NOT NULL)`,
    fill: `INSERT INTO wide SELECT i, ${N}, ${AMOUNT}, ${NOTE}, repeat(md5(i::text), 58), timestamptz '2024-01-01 00:00+00' + i * interval '1 s' ${FROM}`,
  },
  {
    name: 'tiny',
    key: ['id'],
    sequenceColumn: null,
    trackingField: null,
    columns: { id: 'text', n: 'text', amount: 'text', note: 'text' },
    share: 0.0001,
    create: 'CREATE TABLE tiny (id int PRIMARY KEY, n int NOT NULL, amount bigint NOT NULL, note text)',
    fill: `INSERT INTO tiny SELECT i, ${N}, ${AMOUNT}, ${NOTE} ${FROM}`,
  },
  {
    name: 'empty',
    key: ['id'],
    sequenceColumn: null,
    trackingField: null,
    columns: { id: 'text', n: 'text', amount: 'text', note: 'text' },
    share: 0,
    create: 'CREATE TABLE empty (id int PRIMARY KEY, n int NOT NULL, amount bigint NOT NULL, note text)',
    fill: `INSERT INTO empty SELECT i, ${N}, ${AMOUNT}, ${NOTE} ${FROM}`,
  },
];

/** So many small tables that they are loaded in packs; every third one has no key. They are no part of a template. */
export const CROWD: readonly TortureTable[] = Array.from({ length: 24 }, (_, index) => {
  const name = `crowd_${String.fromCharCode(97 + index)}`;
  const hasKey = index % 3 !== 0;
  return {
    name,
    key: hasKey ? ['id'] : [],
    sequenceColumn: 'id',
    trackingField: null,
    columns: { id: 'text', n: 'text', amount: 'text', note: 'text' },
    share: 0.003,
    create: `CREATE TABLE ${name} (id bigint ${hasKey ? 'PRIMARY KEY' : 'NOT NULL'}, n int NOT NULL, amount bigint NOT NULL, note text)`,
    fill: `INSERT INTO ${name} SELECT i, ${N}, ${AMOUNT}, ${NOTE} ${FROM}`,
  };
});

/** The table of that name. */
export function tortureTable(name: string): TortureTable {
  const table = TORTURE_TABLES.find((candidate) => candidate.name === name);
  if (table === undefined) throw new Error(`There is no table ${name}.`);
  return table;
}

/** Makes the tables in an empty database, `size` records in the largest. */
export async function fillSource(client: pg.Client, tables: readonly TortureTable[], size: number): Promise<void> {
  await client.query('CREATE SEQUENCE new_keys START 100000000');
  for (const table of tables) await fillTable(client, table, size);
}

/** Makes one table. */
export async function fillTable(client: pg.Client, table: TortureTable, size: number): Promise<void> {
  await client.query(table.create);
  await client.query(table.fill, [Math.ceil((size * table.share) / 2) * 2]);
  await client.query(`CREATE INDEX ON ${table.name} (n)`);
  if (table.trackingField !== null) await client.query(`CREATE INDEX ON ${table.name} (${table.trackingField})`);
  // The planner of segments reads sizes and statistics, as it would in a database of some age.
  await client.query(`ANALYZE ${table.name}`);
}
