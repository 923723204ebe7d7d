import { mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectFile, connectFiles, createFilesRoot, queryFile } from '../../../tests/setup/duckdb/duckdb-loads.ts';
import { copySchema, NEVER } from '../../../tests/setup/postgresql-loads.ts';

let files: Awaited<ReturnType<typeof createFilesRoot>>;

beforeEach(async () => {
  files = await createFilesRoot();
});

afterEach(() => files[Symbol.asyncDispose]());

async function put(path: string, text: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(files.root, path)), { recursive: true });
  await writeFile(join(files.root, path), text);
}

/** Writes the answer of a query as a file of DuckDB's. */
async function putQuery(path: string, query: string): Promise<void> {
  await mkdir(dirname(join(files.root, path)), { recursive: true });
  await queryFile(':memory:', `COPY (${query}) TO '${join(files.root, path)}'`);
}

/** Tables by schema id, and their fields with types. */
async function look(path: string, format: string, settings = {}): Promise<Record<string, Record<string, string>>> {
  await using connector = await connectFiles(files.root, path, format, settings);
  const schemas = (await connector.source?.discover(NEVER)) ?? [];
  return Object.fromEntries(
    schemas.map(({ id, fields }) => [id, Object.fromEntries(fields.map((field) => [field.id, field.remoteType]))]),
  );
}

let copies = 0;

/** Copies a table into DuckDB, checks that the hashes agree, and returns what landed. */
async function land(path: string, format: string, schemaId: string, order: string, segmentBytes = 1e6, settings = {}) {
  copies += 1;
  await using source = await connectFiles(files.root, path, format, settings);
  const destination = await connectFile(files.root, `landed-${copies}.duckdb`);
  const table = { schema: 'main', name: 'landed' };
  const plan = { syncId: `sync${copies}`, table, recordTimestamps: false };
  const copied = await copySchema({ source, destination, schemaId, segmentBytes, plan });
  await destination[Symbol.asyncDispose]();
  expect(copied.found).toEqual(copied.expected);
  const rows = await queryFile(join(files.root, `landed-${copies}.duckdb`), `FROM landed ORDER BY ${order}`);
  return { rows, ranges: copied.ranges.map(({ text }) => text) };
}

describe('tables', () => {
  it('are the files and folders in a folder, by their names', async () => {
    await put('data/orders.csv', 'a\n1\n');
    await put('data/v1.2.csv', 'a\n1\n');
    await put('data/notes.txt', 'no csv');
    await put('data/.hidden.csv', 'a\n1\n');
    await put('data/_temporary/x.csv', 'a\n1\n');
    await put('data/clicks/2024/01.csv', 'b\n1\n');
    await put('data/clicks/2025.tsv', 'b\tc\n2\t3\n');
    await put('data/empty/readme', '');
    await using pipe = createServer();
    await new Promise<void>((done) => pipe.listen(join(files.root, 'data/pipe.csv'), done));
    expect(await look('data', 'csv')).toEqual({
      orders: { a: 'VARCHAR' },
      '"v1.2"': { a: 'VARCHAR' },
      clicks: { b: 'VARCHAR', c: 'VARCHAR' },
    });
    expect(await look('data/orders.csv', 'csv')).toEqual({ orders: { a: 'VARCHAR' } });
    expect(await look('data/**/*.csv', 'csv')).toEqual({ data: { a: 'VARCHAR', b: 'VARCHAR' } });
    expect(await look('data/cli*/*/*.csv', 'csv')).toEqual({ data: { b: 'VARCHAR' } });
    expect(await look('nothing', 'csv')).toEqual({});
    expect(await look('data/pipe.csv', 'csv')).toEqual({});
  });

  it('keep their whole names where a file and a folder would have one', async () => {
    await put('data/orders.csv', 'a\n1\n');
    await put('data/orders/1.csv', 'b\n1\n');
    expect(Object.keys(await look('data', 'csv')).sort()).toEqual(['"orders.csv"', 'orders']);
  });

  it('take columns from folders that are named key=value, as text', async () => {
    await putQuery('events/month=01/a.parquet', 'SELECT 1 AS n');
    await putQuery('events/month=02/a.parquet', 'SELECT 2 AS n');
    expect(await look('events', 'parquet')).toEqual({ events: { n: 'INTEGER', month: 'VARCHAR' } });
    expect((await land('events', 'parquet', 'events', 'n')).rows).toEqual([
      [1, '01'],
      [2, '02'],
    ]);
  });

  it('are read from where a link named current leads, and from nowhere else in the folder', async () => {
    await putQuery('lake/orders/.millrace/g1/a.parquet', 'SELECT 1 AS n');
    await putQuery('lake/orders/.millrace/g2/a.parquet', 'SELECT 2 AS n');
    await putQuery('lake/orders/old.parquet', 'SELECT 0 AS n');
    await symlink('.millrace/g2', join(files.root, 'lake/orders/current'));
    expect((await land('lake', 'parquet', 'orders', 'n')).rows).toEqual([[2]]);
    expect((await land('lake/orders', 'parquet', 'orders', 'n')).rows).toEqual([[2]]);
    await putQuery('lake/current/.millrace/g1/a.parquet', 'SELECT 3 AS n');
    await symlink('.millrace/g1', join(files.root, 'lake/current/current'));
    expect(Object.keys(await look('lake', 'parquet')).sort()).toEqual(['current', 'orders']);
  });

  it('have names that patterns would be read from', async () => {
    await put('odd/[a]*? \'"{b}.csv', 'a\n1\n');
    await put('odd/aa.csv', 'b\n1\n');
    const name = '[a]*? \'"{b}';
    const id = `"${name.replace('"', '""')}"`;
    expect(await look('odd', 'csv')).toEqual({ [id]: { a: 'VARCHAR' }, aa: { b: 'VARCHAR' } });
    expect((await land('odd', 'csv', id, 'a')).rows).toEqual([['1']]);
  });
});

describe('what is refused', () => {
  it.each(['../outside', '/etc', 'link', 'link/*.csv', 'a\0b'])('a path that leads out: %j', async (path) => {
    await symlink('/etc', join(files.root, 'link'));
    await expect(connectFiles(files.root, path, 'csv')).rejects.toMatchObject({ code: 'CONN_PATH_REFUSED' });
  });

  it.each(['data', 'data/*.csv', 'data/**'])('a link out of the folder that %s finds', async (path) => {
    await using outside = await createFilesRoot();
    await writeFile(join(outside.root, 'secret.csv'), 'secret\n1\n');
    await put('data/a.csv', 'a\n1\n');
    await symlink(join(outside.root, 'secret.csv'), join(files.root, 'data/b.csv'));
    await expect(look(path, 'csv')).rejects.toMatchObject({ code: 'CONN_PATH_REFUSED' });
  });

  it('a connection without files, and files of another format', async () => {
    const check = async (path: string, format: string) => {
      await using connector = await connectFiles(files.root, path, format);
      await connector.check(NEVER);
    };
    await expect(check('none', 'csv')).rejects.toMatchObject({ code: 'CONN_DATABASE_MISSING' });
    await put('data/a.csv', 'a\n1\n');
    await expect(check('data', 'parquet')).rejects.toMatchObject({ code: 'CONN_DATABASE_MISSING' });
    await expect(check('data/a.csv', 'parquet')).rejects.toMatchObject({ code: 'FILE_INVALID' });
    await expect(check('data/a.csv', 'json')).rejects.toMatchObject({ code: 'FILE_INVALID' });
    await put('latin/a.csv', Buffer.from('a\ncaf\xe9\n', 'latin1'));
    await expect(check('latin', 'csv')).rejects.toMatchObject({ code: 'FILE_INVALID' });
    await put('latin/b.csv', 'b\n1\n');
    await expect(check('latin', 'csv')).rejects.toMatchObject({ code: 'FILE_INVALID' });
    expect(await look('latin', 'csv')).toEqual({ b: { b: 'VARCHAR' } });
    await check('data', 'csv');
    await putQuery('cut/a.parquet', 'SELECT i FROM range(1000) r(i)');
    const whole = await readFile(join(files.root, 'cut/a.parquet'));
    await put('cut/a.parquet', Buffer.concat([whole.subarray(0, -8), Buffer.from('PAR1')]));
    await expect(check('cut', 'parquet')).rejects.toMatchObject({ code: 'FILE_INVALID' });
  });

  it('a record with too many fields, by its line', async () => {
    const good = Array.from({ length: 30_000 }, (_, i) => `${i},x\n`).join('');
    await put('data/a.csv', `a,b\n${good}secret,2,3\n`);
    await expect(land('data', 'csv', 'a', 'a')).rejects.toMatchObject({
      code: 'SOURCE_QUERY_FAILED',
      message: expect.stringMatching(/^(?!.*secret).*line 30002/),
    });
  });
});

describe('csv', () => {
  it('loses nothing: every value as it is written', async () => {
    const lines = [
      'id;code;note;gap',
      '1;007;"a ""b""\nc";',
      '2;1.50;"";""',
      '#3; x ;NULL;-',
      '4;2024-01-01;back\\slash;é',
    ];
    await put('data/a.csv', `${lines.join('\r\n')}\r\n`);
    expect((await land('data', 'csv', 'a', 'id')).rows).toEqual([
      ['#3', ' x ', 'NULL', '-'],
      ['1', '007', 'a "b"\nc', null],
      ['2', '1.50', '', ''],
      ['4', '2024-01-01', 'back\\slash', 'é'],
    ]);
  });

  it('has NULLs where a file lacks a column, also in a segment without any file that has it', async () => {
    await put('data/a/1.csv', `a,b\n${'1,x\n'.repeat(3)}`);
    await put('data/a/2.csv', 'c,a\nz,2\n');
    const { rows, ranges } = await land('data', 'csv', 'a', 'a', 1);
    expect(ranges).toEqual(['1.csv', '2.csv']);
    expect(rows).toEqual([...Array.from({ length: 3 }, () => ['1', 'x', null]), ['2', null, 'z']]);
  });
});

describe('csv that looks like something else', () => {
  it.each([
    ['a line with more fields', { 'a.csv': 'id,name\n1,x\n2,y,z\n' }],
    ['a line with fewer fields, without names', { 'a.csv': '1,2\n3\n' }],
    ['a quote without an end', { 'a.csv': 'id,"na,me"\n1,"x\n2,y\n' }],
    ['a packed file like that', { 'a.csv.gz': gzipSync('id,name\n1,x\n2,y,z\n') }],
    ['one of several files like that', { 'a.csv': 'id,name\n1,x\n', 'b.csv': 'id,name\n2,y,z\n' }],
    ['an empty first line', { 'a.csv': '\nid,name\n1,x\n' }],
    ['names in some files only', { 'a.csv': 'id,name\n1,x\n', 'b.csv': '2,y\n' }],
    ['what is not packed', { 'a.csv.gz': 'id,name\n1,x\n' }],
  ])('is refused: %s', async (_, parts) => {
    for (const [name, text] of Object.entries(parts)) await put(`data/t/${name}`, text);
    await expect(look('data', 'csv')).rejects.toMatchObject({ code: 'FILE_INVALID' });
  });

  it.each([
    ['separators in quotes', { 'a.csv': '"last, first"\n"Lee, Ann"\n' }, ['last, first']],
    ['a first column without a name', { 'a.csv': ',x\n0,1\n', 'b.csv': ',x\n1,2\n' }, ['column0', 'x']],
    ['an empty file', { 'a.csv': '', 'b.csv': 'id,name\n1,x\n' }, ['id', 'name']],
    ['unlike separators', { 'a.csv': '\ufeffid;name\n1;x\n', 'b.csv': 'NAME,id\ny,2\n' }, ['id', 'name']],
    [
      'no names, but those of folders',
      { 'day=1/a.csv': '1,x\n', 'day=2/b.csv': '2,y\n' },
      ['column0', 'column1', 'day'],
    ],
    ['no names anywhere', { 'a.csv': '1,x\n', 'b.csv': '2,y\n' }, ['column0', 'column1']],
  ])('is taken: %s', async (_, parts, columns) => {
    for (const [name, text] of Object.entries(parts)) await put(`data/t/${name}`, text);
    expect(Object.keys((await look('data', 'csv')).t ?? {})).toEqual(columns);
  });
});

describe('csv whose first lines the connection tells about', () => {
  it('loses no first line that could hold names when it is told that there are none', async () => {
    await put('data/t/1.csv', 'Ann,Lee\nBob,Ray\n');
    await put('data/t/2.csv', 'Cy,Doe,x\n');
    expect((await land('data', 'csv', 't', 'column0', 1e6, { header: false })).rows).toEqual([
      ['Ann', 'Lee', null],
      ['Bob', 'Ray', null],
      ['Cy', 'Doe', 'x'],
    ]);
    expect((await land('data', 'csv', 't', 'Ann')).rows).toHaveLength(1);
  });

  it('has the names of lines that do not look like names', async () => {
    await put('data/t/1.csv', '2023,2024\n1,2\n');
    await put('data/t/2.csv', '2024,note\n3,x\n');
    const { rows } = await land('data', 'csv', 't', '"2024"', 1e6, { header: true });
    expect(rows).toEqual([
      ['1', '2', null],
      [null, '3', 'x'],
    ]);
  });

  it.each([
    [true, 'id,name\n1,x\n2,y,z\n'],
    [true, '\nid,name\n1,x\n'],
    [false, '1,2\n3,4,5\n'],
    [false, '\n1,2\n'],
  ])('is refused when its lines do not fit together: header %s, %j', async (header, text) => {
    await put('data/t.csv', text);
    await expect(look('data', 'csv', { header })).rejects.toMatchObject({ code: 'FILE_INVALID' });
  });

  it('is nothing that other formats have', async () => {
    for (const format of ['json', 'parquet'])
      await expect(connectFiles(files.root, 'data', format, { header: true })).rejects.toThrow('header');
  });
});

it('refuses a packed file that was cut off, which DuckDB would take for a shorter one', async () => {
  const packed = gzipSync(Array.from({ length: 5000 }, (_, i) => `${i}\n`).join(''));
  await put('data/a.csv.gz', packed.subarray(0, -2000));
  await expect(land('data', 'csv', 'a', 'column0')).rejects.toMatchObject({ code: 'FILE_INVALID' });
  await put('data/b.csv.gz', packed);
  expect((await land('data', 'csv', 'b', 'column0')).rows).toHaveLength(5000);
});

describe('json', () => {
  it('is read from lines and from an array', async () => {
    const records = [
      { id: 1, ok: true, name: 'a', day: '2024-01-01', price: 1.5, tags: [1, { x: null }], mixed: 1 },
      { id: 2, ok: null, name: 'é\n', uuid: '6F9619FF-8B86-D011-B42D-00CF4FC964FF', mixed: 'x' },
    ];
    await put('data/lines.ndjson', records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    await put('data/array.json', JSON.stringify(records, null, 2));
    const fields = {
      id: 'BIGINT',
      ok: 'BOOLEAN',
      name: 'VARCHAR',
      day: 'VARCHAR',
      price: 'DOUBLE',
      tags: 'JSON',
      mixed: 'JSON',
      uuid: 'VARCHAR',
    };
    expect(await look('data', 'json')).toEqual({ lines: fields, array: fields });
    for (const name of ['lines', 'array']) {
      expect((await land('data', 'json', name, 'id')).rows).toEqual([
        ['1', true, 'a', '2024-01-01', 1.5, '[1,{"x":null}]', '1', null],
        ['2', null, 'é\n', null, null, null, '"x"', '6F9619FF-8B86-D011-B42D-00CF4FC964FF'],
      ]);
    }
  });

  it('declares numbers that become floats, and keeps whole ones', async () => {
    await put('a.json', '{"n": 12345678901234567890, "f": 0.1}\n');
    await using connector = await connectFiles(files.root, 'a.json', 'json');
    const [schema] = (await connector.source?.discover(NEVER)) ?? [];
    const [offer] = connector.source?.offer(schema?.fields ?? []) ?? [];
    expect(offer?.fields.map(({ conversion }) => conversion)).toEqual([null, 'f: JSON number as a 64-bit float']);
    expect((await land('a.json', 'json', 'a', 'n')).rows).toEqual([['12345678901234567890', 0.1]]);
  });

  it('refuses keys that differ only in case, and takes those with a number behind', async () => {
    await put('a.json', '{"line": 1, "line_2": 2}\n');
    expect(await look('a.json', 'json')).toEqual({ a: { line: 'BIGINT', line_2: 'BIGINT' } });
    await put('b.json', '{"line": 1, "Line": 2}\n');
    await expect(look('b.json', 'json')).rejects.toMatchObject({ code: 'FILE_INVALID' });
  });
});

describe('parquet', () => {
  it('keeps its types, and a large file is cut by its records', async () => {
    const query =
      "SELECT i::INTEGER AS id, (i / 7)::DECIMAL(12,4) AS n, DATE '2024-01-01' + i::INTEGER AS day, [i, i + 1] AS l FROM range(30000) r(i)";
    await putQuery('a.parquet', query);
    expect(await look('a.parquet', 'parquet')).toEqual({
      a: { id: 'INTEGER', n: 'DECIMAL(12,4)', day: 'DATE', l: 'BIGINT[]' },
    });
    const { rows, ranges } = await land('a.parquet', 'parquet', 'a', 'id', 200_000);
    expect(ranges.length).toBeGreaterThan(2);
    expect(rows).toEqual(await queryFile(':memory:', `SELECT id, n, day, to_json(l) FROM (${query}) ORDER BY id`));
  });
});

it('loses its image when a file of it changes, but not when one comes along', async () => {
  await put('data/a.csv', 'a\n1\n');
  await using connector = await connectFiles(files.root, 'data', 'csv');
  const { source } = connector;
  if (source === undefined) throw new Error('no source');
  const [schema] = await source.discover(NEVER);
  if (schema === undefined) throw new Error('no schema');
  await using snapshot = await source.openSnapshot(NEVER);
  const plan = () => source.planSegments({ schema, snapshot, segmentBytes: 1000, from: null, filters: [] }, NEVER);
  await put('data/b.csv', 'b\n1\n');
  expect((await plan()).map(({ text }) => text)).toEqual(['whole table']);
  await put('data/a.csv', 'a\n2\n');
  await utimes(join(files.root, 'data/a.csv'), 1, 1);
  await expect(plan()).rejects.toMatchObject({ code: 'SNAPSHOT_LOST' });
});
