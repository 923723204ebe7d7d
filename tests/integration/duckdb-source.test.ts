import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connector } from '../../src/connector-kit/index.ts';
import { connectFile, createFilesRoot, queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { type Copied, type Copy, copySchema, NEVER, openSide, type Side } from '../setup/postgresql-loads.ts';

/** Type, three values as DuckDB writes them, and what PostgreSQL must print of them. */
const TYPES: readonly (readonly [type: string, values: readonly string[], expected: readonly string[]])[] = [
  ['BOOLEAN', ['true', 'false'], ['true', 'false']],
  ['TINYINT', ['-128', '127'], ['-128', '127']],
  ['UTINYINT', ['0', '255'], ['0', '255']],
  ['SMALLINT', ['-32768', '32767'], ['-32768', '32767']],
  ['USMALLINT', ['0', '65535'], ['0', '65535']],
  ['INTEGER', ['-2147483648', '2147483647'], ['-2147483648', '2147483647']],
  ['UINTEGER', ['0', '4294967295'], ['0', '4294967295']],
  ['BIGINT', ['-9223372036854775808', '9223372036854775807'], ['-9223372036854775808', '9223372036854775807']],
  ['UBIGINT', ['0', '18446744073709551615'], ['0', '18446744073709551615']],
  [
    'HUGEINT',
    ['-170141183460469231731687303715884105728', '170141183460469231731687303715884105727'],
    ['-170141183460469231731687303715884105728', '170141183460469231731687303715884105727'],
  ],
  ['UHUGEINT', ['0', '340282366920938463463374607431768211455'], ['0', '340282366920938463463374607431768211455']],
  [
    'BIGNUM',
    ['-1', '123456789012345678901234567890123456789012345678901234567890'],
    ['-1', '123456789012345678901234567890123456789012345678901234567890'],
  ],
  ['DECIMAL(15,2)', ['-0.05', '9999999999999.99'], ['-0.05', '9999999999999.99']],
  ['DECIMAL(3,3)', ['-0.5', '0.001'], ['-0.500', '0.001']],
  ['DECIMAL(38,0)', ['-1', '99999999999999999999999999999999999999'], ['-1', '99999999999999999999999999999999999999']],
  ['FLOAT', ['0.1', 'nan', 'inf', '-inf', '-0.0', '1e-45'], ['0.1', 'NaN', 'Infinity', '-Infinity', '-0', '1e-45']],
  [
    'DOUBLE',
    ['0.1', 'nan', 'inf', '-0.0', '5e-324', '1.7976931348623157e308', '123456789012345678'],
    ['0.1', 'NaN', 'Infinity', '-0', '5e-324', '1.7976931348623157e+308', '1.2345678901234568e+17'],
  ],
  ['VARCHAR', ['', 'NULL', ' a ', 'ä"b,c\nd\re', '\\.', "it's"], ['', 'NULL', ' a ', 'ä"b,c\nd\re', '\\.', "it's"]],
  ['BLOB', ['', '\\x00\\xFF'], ['\\x', '\\x00ff']],
  ['BIT', ['0', '10110'], ['0', '10110']],
  ['UUID', ['6F9619FF-8B86-D011-B42D-00CF4FC964FF'], ['6f9619ff-8b86-d011-b42d-00cf4fc964ff']],
  ['JSON', ['{"b":  1, "a": [1.50]}'], ['{"b":  1, "a": [1.50]}']],
  [
    'DATE',
    ['0044-03-15 (BC)', '2024-02-29', '12000-01-01', 'infinity', '-infinity'],
    ['0044-03-15 BC', '2024-02-29', '12000-01-01', 'infinity', '-infinity'],
  ],
  ['TIME', ['00:00:00', '23:59:59.999999', '24:00:00'], ['00:00:00', '23:59:59.999999', '24:00:00']],
  ['TIME_NS', ['12:00:00.123456789'], ['12:00:00.123456789']],
  ['TIMETZ', ['12:00:00.5+05:30'], ['12:00:00.5+05:30']],
  [
    'TIMESTAMP',
    ['0044-03-15 (BC) 12:00:00', '2024-02-29 12:00:00.1', 'infinity'],
    ['0044-03-15 12:00:00 BC', '2024-02-29 12:00:00.1', 'infinity'],
  ],
  [
    'TIMESTAMP_S',
    ['0044-03-15 (BC) 12:00:00', '2024-02-29 12:00:01', '-infinity'],
    ['0044-03-15 12:00:00 BC', '2024-02-29 12:00:01', '-infinity'],
  ],
  [
    'TIMESTAMP_MS',
    ['1969-12-31 23:59:59.999', '2024-02-29 12:00:01.5'],
    ['1969-12-31 23:59:59.999', '2024-02-29 12:00:01.5'],
  ],
  ['TIMESTAMP_NS', ['2024-02-29 12:00:01.123456789'], ['2024-02-29 12:00:01.123456789']],
  [
    'TIMESTAMPTZ',
    ['0044-03-15 (BC) 12:00:00+00', '2024-02-29 12:00:00.1+02', 'infinity'],
    ['0044-03-15 12:00:00+00 BC', '2024-02-29 10:00:00.1+00', 'infinity'],
  ],
  ['INTERVAL', ['1 year 2 days 03:00:00.5'], ['1 year 2 days 03:00:00.5']],
  ["ENUM('calm', 'it''s, \"so\"')", ['it\'s, "so"'], ['it\'s, "so"']],
  ['INTEGER[]', ['[1, NULL, 3]', '[]'], ['[1,null,3]', '[]']],
  ['DECIMAL(38,10)[2]', ['[12345678901234567890.1234567891, 1.5]'], ['[12345678901234567890.1234567891,1.5000000000]']],
  [
    'STRUCT(a HUGEINT, "b c" VARCHAR[])',
    ["{'a': 170141183460469231731687303715884105727, 'b c': ['x\"y']}"],
    ['{"a":170141183460469231731687303715884105727,"b c":["x\\"y"]}'],
  ],
  ['MAP(VARCHAR, DATE)', ['{k=2024-02-29}'], ['{"k":"2024-02-29"}']],
  ['UNION(num INTEGER, str VARCHAR)', ['str'], ['{"str":"str"}']],
  ['DOUBLE[]', ['[1.5, nan, inf, -inf, NULL, -1e-7]', '[]'], ['[1.5,"NaN","Infinity","-Infinity",null,-1e-7]', '[]']],
  [
    'STRUCT("a,NaN" VARCHAR, b STRUCT(c FLOAT, "\\""" VARCHAR)[])',
    [`{'a,NaN': '[NaN,"\\\\', 'b': [{'c': -inf, '\\\\"': ':Infinity,'}]}`, `{'a,NaN': '-NaN', 'b': []}`],
    ['{"a,NaN":"[NaN,\\"\\\\","b":[{"c":"-Infinity","\\\\\\"":":Infinity,"}]}', '{"a,NaN":"-NaN","b":[]}'],
  ],
  ['JSON[]', ['[1.50, 12345678901234567890.5]'], ['[1.5,12345678901234567000.0]']],
  ['MAP(DOUBLE, FLOAT)', ['{nan=nan, 1.5=inf}'], ['{"nan":"NaN","1.5":"Infinity"}']],
];

/** Types that DuckDB has on both sides of the wire; the others travel as text or json. */
const NESTED =
  /^(TIME_NS|TIMETZ|TIMESTAMP_NS|BIT|INTERVAL|BIGNUM|ENUM|U?HUGEINT|INTEGER\[|DECIMAL.*\[|DOUBLE\[|JSON\[|STRUCT|MAP|UNION)/;
const SAME = `SELECT ${TYPES.flatMap(([type], i) => (NESTED.test(type) ? [] : [`c${i}::VARCHAR`])).join(', ')} FROM every ORDER BY id`;

const PATH = 'source.duckdb';
let original: Awaited<ReturnType<typeof queryFile>>;
let side: Side;
let files: Awaited<ReturnType<typeof createFilesRoot>>;
let source: Connector;
let generation = 0;

beforeAll(async () => {
  side = await openSide();
  files = await createFilesRoot();
  const rows = Math.max(...TYPES.map(([, values]) => values.length));
  const columns = TYPES.map(([type], i) => `c${i} ${type}`).join(', ');
  const records = Array.from({ length: rows + 1 }, (_, row) => {
    const values = TYPES.map(([type, values]) => {
      const value = values[row];
      return value === undefined ? 'NULL' : `'${value.replaceAll("'", "''")}'::${type}`;
    });
    return `(${row}, ${values.join(', ')})`;
  });
  await queryFile(join(files.root, PATH), `CREATE TABLE every (id INTEGER PRIMARY KEY, ${columns})`);
  await queryFile(join(files.root, PATH), `INSERT INTO every VALUES ${records.join(', ')}`);
  original = await queryFile(join(files.root, PATH), SAME);
  source = await connectFile(files.root, PATH);
});

afterAll(async () => {
  await source[Symbol.asyncDispose]();
  await side[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

function copy(schemaId: string, options: Partial<Copy> = {}): Promise<Copied> {
  generation += 1;
  return copySchema({
    source,
    destination: side.connector,
    schemaId,
    ...options,
    plan: { generation, tombstones: true, ...options.plan },
  });
}

describe('into PostgreSQL', () => {
  it('lands every value of every type, and the receipt holds', async () => {
    const { expected, found, rejects } = await copy('main.every');
    expect(rejects).toEqual([]);
    expect(found).toEqual(expected);
    const landed: [string, unknown][] = [];
    for (const [i, [type]] of TYPES.entries()) {
      const rows = await side.sql(`SELECT c${i}::text FROM every WHERE c${i} IS NOT NULL ORDER BY id`);
      landed.push([type, rows.flat()]);
    }
    expect(landed).toEqual(TYPES.map(([type, , printed]) => [type, printed]));
    expect(await side.sql('SELECT count(*) FROM every')).toEqual([[String(found.records)]]);
  });
});

it('declares what JSON cannot say as it is, where it may occur', async () => {
  const [schema] = (await source.source?.discover(NEVER)) ?? [];
  const conversions = new Map(
    source.source?.offer(schema?.fields ?? [])[0]?.fields.map((field) => [field.wireType, field.conversion]),
  );
  const ids = new Map(TYPES.map(([type], i) => [type, `c${i}`]));
  expect(conversions.get('DOUBLE[]')).toBe(`${ids.get('DOUBLE[]')}: DOUBLE[] as json, NaN and infinities as strings`);
  expect(conversions.get('INTEGER[]')).toBe(`${ids.get('INTEGER[]')}: INTEGER[] as json`);
  expect(conversions.get('JSON[]')).toMatch(/JSON\[\] as json, fractions inside JSON as 64-bit floats$/);
});

describe('into DuckDB', () => {
  it('lands the same types, nested ones as json', async () => {
    const destination = await connectFile(files.root, 'copy.duckdb');
    const { expected, found } = await copy('main.every', { destination });
    await destination[Symbol.asyncDispose]();
    expect(found).toEqual(expected);
    expect(await queryFile(join(files.root, 'copy.duckdb'), SAME)).toEqual(original);
  });
});

describe('what it says of a file', () => {
  it('describes keys, foreign keys, enums, generated columns and views, and leaves out what is Millrace’s own', async () => {
    await queryFile(
      join(files.root, 'described.duckdb'),
      `
      CREATE SCHEMA "odd.one"; CREATE TABLE "odd.one".a (id INTEGER PRIMARY KEY);
      CREATE TABLE "odd.one".b (x INTEGER, y VARCHAR NOT NULL DEFAULT 'GENERATED ALWAYS AS(', a_id INTEGER REFERENCES "odd.one".a (id),
        "tw ice" INTEGER GENERATED ALWAYS AS (x * 2), mood ENUM('sad', 'ok'), seen_at TIMESTAMPTZ, PRIMARY KEY (y, x));
      CREATE VIEW seen AS SELECT x, y FROM "odd.one".b;
      CREATE SCHEMA __millrace; CREATE TABLE __millrace.owners (a INTEGER); CREATE TABLE __millrace_0a_g1 (a INTEGER)`,
    );
    await using connector = await connectFile(files.root, 'described.duckdb');
    const schemas = await connector.source?.discover(NEVER);
    expect(schemas?.map(({ id }) => id)).toEqual(['main.seen', '"odd.one".a', '"odd.one".b']);
    const b = schemas?.[2];
    expect(b?.primaryKey).toEqual(['y', 'x']);
    expect(
      b?.fields.map((field) => [
        field.id,
        field.remoteType,
        field.isNullable,
        field.canTrack,
        field.isGenerated === true,
      ]),
    ).toEqual([
      ['x', 'INTEGER', false, true, false],
      ['y', 'VARCHAR', false, false, false],
      ['a_id', 'INTEGER', true, true, false],
      ['tw ice', 'INTEGER', true, false, true],
      ['mood', "ENUM('sad', 'ok')", true, false, false],
      ['seen_at', 'TIMESTAMP WITH TIME ZONE', true, true, false],
    ]);
    expect(b?.fields[2]?.association).toMatchObject({ referenceTo: ['"odd.one".a'], referencedField: 'id' });
    expect(b?.fields[4]?.values).toEqual([
      { label: 'sad', value: 'sad' },
      { label: 'ok', value: 'ok' },
    ]);
    expect(schemas?.[0]).toMatchObject({ name: 'seen', primaryKey: [], estimatedRecords: null });
  });

  it('has no tables in a file that is not there yet, and no image of it', async () => {
    await using connector = await connectFile(files.root, 'none.duckdb');
    expect(await connector.source?.discover(NEVER)).toEqual([]);
    await connector.check(NEVER);
    await expect(connector.source?.openSnapshot(NEVER)).rejects.toMatchObject({ code: 'CONN_DATABASE_MISSING' });
  });

  it('shows a few records as JSON values', async () => {
    const [first] = (await source.source?.sample('main.every', 1, NEVER)) ?? [];
    expect(first).toMatchObject({ id: 0, c0: true, c7: '-9223372036854775808', c12: '-0.05' });
    expect(first?.[`c${TYPES.findIndex(([type]) => type === 'INTEGER[]')}`]).toEqual([1, null, 3]);
  });
});

describe('an image of the file', () => {
  const open = async (name: string) => {
    const path = join(files.root, name);
    await queryFile(
      path,
      "CREATE TABLE t AS SELECT i AS id, TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR AS changed, repeat('x', 100) AS pad FROM range(1000) r(i)",
    );
    const connector = await connectFile(files.root, name);
    if (connector.source === undefined) throw new Error('no source');
    const [schema] = await connector.source.discover(NEVER);
    if (schema === undefined) throw new Error('no schema');
    return { path, connector, source: connector.source, schema };
  };

  it('is lost when the file was put in another’s place, and a new one is of the new file', async () => {
    await using scene = await openDisposable(open('replaced.duckdb'));
    const { connector, source: reader, schema, path } = scene;
    const snapshot = await reader.openSnapshot(NEVER);
    await queryFile(
      join(files.root, 'next.duckdb'),
      'CREATE TABLE t AS SELECT 7 AS id, NULL::TIMESTAMP AS changed, NULL::VARCHAR AS pad',
    );
    await rename(join(files.root, 'next.duckdb'), path);
    const request = { schema, segmentBytes: 1e6, from: null, filters: [] };
    await expect(reader.planSegments({ ...request, snapshot }, NEVER)).rejects.toMatchObject({ code: 'SNAPSHOT_LOST' });
    const { found } = await copySchema({
      source: connector,
      destination: side.connector,
      schemaId: 'main.t',
      plan: { syncId: 'replaced', table: { schema: 'public', name: 'replaced' } },
    });
    expect(found.records).toBe(1);
    await snapshot[Symbol.asyncDispose]();
  });

  it('keeps our own syncs from writing the file, and is kept away by one that does', async () => {
    await using scene = await openDisposable(open('both.duckdb'));
    const { connector, source: reader } = scene;
    const snapshot = await reader.openSnapshot(NEVER);
    await using writer = await connectFile(files.root, 'both.duckdb');
    const write = () =>
      copySchema({ source: side.connector, destination: writer, schemaId: 'public.small', plan: { syncId: 'w' } });
    await side.sql('CREATE TABLE IF NOT EXISTS small AS SELECT 1 AS id');
    await expect(write()).rejects.toMatchObject({ code: 'FILE_LOCKED' });
    await snapshot[Symbol.asyncDispose]();
    await write();
    await expect(reader.openSnapshot(NEVER)).rejects.toMatchObject({
      code: 'FILE_LOCKED',
      message: expect.stringContaining('another sync'),
    });
    await writer[Symbol.asyncDispose]();
    await using after = await reader.openSnapshot(NEVER);
    expect(after.token).not.toBe(snapshot.token);
    expect((await connector.source?.discover(NEVER))?.map(({ id }) => id)).toEqual(['main.small', 'main.t']);
  });

  it('is cut into segments that fit, and read from a cursor on', async () => {
    await using scene = await openDisposable(open('cut.duckdb'));
    const plan = { syncId: 'cut', table: { schema: 'public', name: 'cut' } };
    const first = await copySchema({
      source: scene.connector,
      destination: side.connector,
      schemaId: 'main.t',
      segmentBytes: 30_000,
      tracking: 'changed',
      plan,
    });
    expect(first.ranges.length).toBeGreaterThanOrEqual(4);
    expect(first.found).toEqual(first.expected);
    expect(first.found.records).toBe(1000);
    expect(first.next).toMatchObject({ field: 'changed', value: '2024-02-11 14:55:00' });
    const { fields } = scene.schema;
    const delta = {
      schema: scene.schema,
      format: 'csv',
      fields: scene.source.offer(fields)[0]?.fields ?? [],
      filters: [],
      from: first.next,
    } as const;
    await using snapshot = await scene.source.openSnapshot(NEVER);
    const [range] = await scene.source.planSegments({ ...delta, snapshot, segmentBytes: 1000 }, NEVER);
    if (range === undefined) throw new Error('no range');
    let records = 0;
    for await (const { chunk } of scene.source.read({ ...delta, range, snapshot }, NEVER)) records += chunk.ends.length;
    expect([range.text, records]).toEqual(['changed from 2024-02-11 14:55:00', 1]);
  });
});

it('names the schema when a view cannot compute a value', async () => {
  await queryFile(
    join(files.root, 'broken.duckdb'),
    "CREATE VIEW v AS SELECT CAST(x AS INTEGER) AS n FROM (VALUES ('1'), ('secret')) t(x)",
  );
  await using connector = await connectFile(files.root, 'broken.duckdb');
  const broken = copySchema({
    source: connector,
    destination: side.connector,
    schemaId: 'main.v',
    plan: { syncId: 'v' },
  });
  await expect(broken).rejects.toMatchObject({
    code: 'SOURCE_QUERY_FAILED',
    message: expect.not.stringContaining('secret'),
  });
});

async function openDisposable<T extends { readonly connector: Connector }>(opening: Promise<T>) {
  const scene = await opening;
  return { ...scene, [Symbol.asyncDispose]: () => scene.connector[Symbol.asyncDispose]() };
}
