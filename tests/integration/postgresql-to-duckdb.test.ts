import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Connector, LoadPlan } from '../../src/connector-kit/index.ts';
import { connectFile, createFilesRoot, queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { type Copied, type Copy, copySchema, openSide, type Side } from '../setup/postgresql-loads.ts';

let side: Side;
let files: Awaited<ReturnType<typeof createFilesRoot>>;
let destination: Connector;
let generation = 0;

beforeAll(async () => {
  side = await openSide();
  files = await createFilesRoot();
});

beforeEach(async () => {
  destination = await connectFile(files.root, 'a.duckdb');
});

afterAll(async () => {
  await side[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

async function copy(schemaId: string, plan: Partial<LoadPlan> = {}, options: Partial<Copy> = {}): Promise<Copied> {
  const given = { tombstones: true, generation: ++generation, ...plan };
  try {
    return await copySchema({ source: side.connector, destination, schemaId, plan: given, ...options });
  } finally {
    await destination[Symbol.asyncDispose]();
    destination = await connectFile(files.root, 'a.duckdb');
  }
}

const query = async (sql: string) => {
  await destination[Symbol.asyncDispose]();
  return queryFile(join(files.root, 'a.duckdb'), sql);
};

describe('every built-in type', () => {
  const COLUMNS = {
    bool: 'boolean',
    int2: 'smallint',
    int4: 'integer',
    int8: 'bigint',
    float4: 'real',
    float8: 'double precision',
    money_like: 'numeric(15,2)',
    fraction: 'numeric(5,5)',
    hundreds: 'numeric(6,-2)',
    wide: 'numeric(60,10)',
    free: 'numeric',
    text: 'text',
    "var'char": 'varchar(20)',
    'pad"ded': 'char(5)',
    bytes: 'bytea',
    uuid: 'uuid',
    json: 'json',
    jsonb: 'jsonb',
    date: 'date',
    time: 'time',
    timetz: 'timetz',
    ts: 'timestamp',
    tstz: 'timestamptz',
    interval: 'interval',
    inet: 'inet',
    array: 'integer[]',
  };
  const VALUES: Readonly<Record<keyof typeof COLUMNS, readonly (string | null)[]>> = {
    bool: ['t', 'f'],
    int2: ['-32768', '32767'],
    int4: ['-2147483648', '2147483647'],
    int8: ['-9223372036854775808', '9223372036854775807'],
    float4: ['0.1', '-0', 'NaN', 'Infinity', '3.4028235e38', '1e-45', '16777217'],
    float8: ['0.1', '-0', 'NaN', '-Infinity', '1.7976931348623157e308', '5e-324', '1125899906842624.25'],
    money_like: ['0', '-0.05', '1234567890123.45'],
    fraction: ['0.5', '-0.00001', '0'],
    hundreds: ['12345678', '-100'],
    wide: ['12345678901234567890123456789012345678901234567890.0123456789'],
    free: ['1.50', '1e-20', 'NaN', 'Infinity'],
    text: ['', ' a ', 'quote " comma , line\nend\r\n', '漢字 🚂', '\\N', '\\.', 'NULL', '0044-03-15 BC'],
    "var'char": ['abc'],
    'pad"ded': ['ab', ''],
    bytes: ['\\x', '\\x00ff5c22'],
    uuid: ['6BA7B810-9DAD-11D1-80B4-00C04FD430C8'],
    json: ['{"z":1,  "a":[1.10,"x"]}', 'null', '"\\u0000"'],
    jsonb: ['{"z":1,  "a":[1.10,"x"]}', 'null'],
    date: ['2024-02-29', '0044-03-15 BC', '10000-01-01', 'infinity', '-infinity'],
    time: ['00:00', '24:00:00', '12:30:00.500'],
    timetz: ['12:30:00.5+02'],
    ts: ['2024-02-29 12:34:56.789', '0044-03-15 01:02:03 BC', 'infinity', '0001-01-01 00:00:00'],
    tstz: ['2024-02-29 12:34:56.789+05:30', '0001-12-31 23:00:00+00 BC', '-infinity', '1900-01-01 00:00:00+00'],
    interval: ['1 year 2 mons -3 days 04:05:06.7'],
    inet: ['10.0.0.1/8'],
    array: ['{1,NULL,3}'],
  };

  it('arrives equal by the hash of both systems, alone and among others', async () => {
    const names = Object.keys(COLUMNS).map((name) => `"${name.replaceAll('"', '""')}"`);
    const definitions = Object.values(COLUMNS).map((type, i) => `${names[i]} ${type}`);
    await side.sql(`CREATE TABLE types (id integer PRIMARY KEY, ${definitions.join(', ')})`);
    const rows = Math.max(...Object.values(VALUES).map((values) => values.length)) + 1;
    for (let row = 0; row < rows; row++) {
      const values = Object.values(VALUES).map((all) => all[row] ?? null);
      const slots = values.map((_, i) => `$${i + 2}::text::${Object.values(COLUMNS)[i]}`);
      await side.sql(`INSERT INTO types VALUES ($1::int, ${slots.join(', ')})`, [row, ...values]);
    }
    const copied = await copy('public.types');
    expect(copied.plan.hashing).toBe('canonical');
    expect(copied.found).toEqual(copied.expected);
    expect(copied.counts.inserted).toBe(rows);
    expect(
      await query('SELECT bytes, uuid, jsonb, "date"::VARCHAR, tstz::VARCHAR, "array" FROM types WHERE id = 0'),
    ).toEqual([
      [
        '',
        '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
        '{"a": [1.10, "x"], "z": 1}',
        '2024-02-29',
        '2024-02-29 07:04:56.789+00',
        '[1,null,3]',
      ],
    ]);
  });

  it('stays equal through a merge', async () => {
    await side.sql('UPDATE types SET float8 = 0 WHERE float8 = 0 AND id = 1');
    await side.sql("UPDATE types SET float4 = '0', text = NULL, bytes = '\\x01' WHERE id = 1");
    await side.sql('DELETE FROM types WHERE id = 2');
    await side.sql('INSERT INTO types (id) VALUES (99)');
    const merged = await copy('public.types', { kind: 'merge' });
    expect(merged.found).toEqual(merged.expected);
    expect(merged.counts).toMatchObject({ inserted: 1, updated: 1, deleted: 1 });
    const again = await copy('public.types', { kind: 'merge' });
    expect(again.found).toEqual(again.expected);
    expect(again.counts).toMatchObject({ inserted: 0, updated: 0, deleted: 0 });
  });
});

it('isolates what DuckDB cannot hold', async () => {
  await side.sql('CREATE TABLE prices (id integer PRIMARY KEY, price numeric(6,2))');
  await side.sql(
    "INSERT INTO prices SELECT i, CASE WHEN i % 500 = 7 THEN 'NaN'::numeric ELSE i END FROM generate_series(1, 2000) AS i",
  );
  await expect(copy('public.prices')).rejects.toThrow(expect.objectContaining({ code: 'RECORD_REFUSED' }));
  const copied = await copy('public.prices', {}, { isolate: true });
  expect(copied.rejects.map(({ key }) => key)).toEqual(['7', '507', '1007', '1507'].map((id) => ({ id })));
  expect(copied.found).toEqual(copied.expected);
  expect(copied.counts.inserted).toBe(1996);
});

it.each(['timestamp', 'timestamptz'])(
  'rejects a %s behind the last one of DuckDB, whatever else is read with it',
  async (type) => {
    await side.sql(`DROP TABLE IF EXISTS ends; CREATE TABLE ends (id integer PRIMARY KEY, at ${type})`);
    await side.sql(
      "INSERT INTO ends VALUES (1, '294247-01-10 04:00:54.775806'), (2, '294247-01-10 04:00:54.775807'), (3, 'infinity'), (4, NULL)",
    );
    await expect(copy('public.ends')).rejects.toThrow(expect.objectContaining({ code: 'RECORD_REFUSED' }));
    await side.sql("INSERT INTO ends VALUES (5, '0044-03-15 BC'), (6, '-infinity')");
    const copied = await copy('public.ends', {}, { isolate: true });
    expect(copied.rejects.map(({ key }) => key)).toEqual([{ id: '2' }]);
    expect(copied.found).toEqual(copied.expected);
    expect(await query('SELECT id FROM ends WHERE "at" IS NULL')).toEqual([[4]]);
  },
);

it('loads a table without a key, and one column of NULLs and empty texts', async () => {
  await side.sql('CREATE TABLE notes (note text)');
  await side.sql("INSERT INTO notes VALUES (NULL), (''), (NULL), (E'a\\nb'), ('')");
  const copied = await copy('public.notes', { tombstones: false });
  expect(copied.found).toEqual(copied.expected);
  expect(await query("SELECT count(*), count(note), count(*) FILTER (WHERE note = '') FROM notes")).toEqual([
    ['5', '3', '2'],
  ]);
});

it('loads many segments of one snapshot', async () => {
  await side.sql(
    'CREATE TABLE many AS SELECT i::bigint AS id, md5(i::text) AS hash FROM generate_series(1, 200000) AS i',
  );
  await side.sql('ALTER TABLE many ADD PRIMARY KEY (id)');
  await side.sql('ANALYZE many');
  const copied = await copy('public.many', {}, { segmentBytes: 1 << 20 });
  expect(copied.ranges.length).toBeGreaterThan(5);
  expect(copied.found).toEqual(copied.expected);
});
