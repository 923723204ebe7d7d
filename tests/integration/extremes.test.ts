import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectFile, createFilesRoot, queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { copySchema, openSide, type Side } from '../setup/postgresql-loads.ts';

let source: Side;
let destination: Side;
let files: Awaited<ReturnType<typeof createFilesRoot>>;

beforeAll(async () => {
  source = await openSide();
  destination = await openSide();
  files = await createFilesRoot();
});
afterAll(async () => {
  await source[Symbol.asyncDispose]();
  await destination[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('a table with as many columns as PostgreSQL takes', () => {
  beforeAll(async () => {
    const columns = numbers(1597).map((i) => `c${i} smallint`);
    await source.sql(`CREATE TABLE wide (id integer PRIMARY KEY, ${columns.slice(1).join(', ')})`);
    await source.sql('INSERT INTO wide (id, c1, c1596) SELECT i, i, -i FROM generate_series(1, 50) AS i');
    await source.sql(
      `CREATE TABLE widest (${numbers(1600)
        .map((i) => `c${i} boolean`)
        .join(', ')})`,
    );
    await source.sql('INSERT INTO widest (c0, c1599) VALUES (true, false)');
  });

  it('is replaced and merged in PostgreSQL', async () => {
    const sides = { source: source.connector, destination: destination.connector, schemaId: 'public.wide' };
    const first = await copySchema({ ...sides, plan: { tombstones: true } });
    expect(first.found).toEqual(first.expected);
    await source.sql('UPDATE wide SET c1596 = 7 WHERE id = 3');
    const merged = await copySchema({ ...sides, plan: { kind: 'merge', tombstones: true, generation: 2 } });
    expect(merged.found).toEqual(merged.expected);
    expect(merged.counts).toMatchObject({ updated: 1, unchanged: 49 });
    expect(await destination.sql('SELECT id, c1, c1596 FROM wide WHERE id IN (3, 50) ORDER BY id')).toEqual([
      ['3', '3', '7'],
      ['50', '50', '-50'],
    ]);
  });

  it('goes as a whole where Millrace adds no column, and is refused by name of the limit where it would', async () => {
    const sides = { source: source.connector, destination: destination.connector, schemaId: 'public.widest' };
    const bare = await copySchema({ ...sides, plan: { recordTimestamps: false } });
    expect(bare.found).toEqual(bare.expected);
    await expect(copySchema({ ...sides, plan: { generation: 2 } })).rejects.toThrow(
      expect.objectContaining({ code: 'TABLE_TOO_WIDE', message: expect.stringContaining('1602') }),
    );
  });

  it('lists the record that is too wide for a page together with the columns of Millrace', async () => {
    const columns = numbers(1015).map((i) => `c${i}`);
    await source.sql(
      `CREATE TABLE pages (id bigint PRIMARY KEY, ${columns.map((name) => `${name} bigint`).join(', ')})`,
    );
    await source.sql(`INSERT INTO pages SELECT ${['1', ...columns.map(() => '1')].join(', ')}`);
    await source.sql('INSERT INTO pages VALUES (2)');
    const sides = { source: source.connector, destination: destination.connector, schemaId: 'public.pages' };
    await expect(copySchema(sides)).rejects.toThrow(expect.objectContaining({ code: 'RECORD_REFUSED' }));
    const copied = await copySchema({ ...sides, plan: { generation: 2 }, isolate: true });
    expect(copied.rejects).toEqual([{ key: { id: '1' }, reason: 'row or key too large (SQLSTATE 54000)' }]);
    expect(await destination.sql('SELECT id FROM pages')).toEqual([['2']]);
  });

  it('is loaded and merged in DuckDB', async () => {
    const load = async (plan: object) => {
      await using file = await connectFile(files.root, 'wide.duckdb');
      return await copySchema({ source: source.connector, destination: file, schemaId: 'public.wide', plan });
    };
    const first = await load({ tombstones: true });
    expect(first.found).toEqual(first.expected);
    await source.sql('UPDATE wide SET c1596 = 8 WHERE id = 3');
    const merged = await load({ kind: 'merge', tombstones: true, generation: 2 });
    expect(merged.found).toEqual(merged.expected);
    expect(merged.counts).toMatchObject({ updated: 1, unchanged: 49 });
    expect(await queryFile(join(files.root, 'wide.duckdb'), 'SELECT c1, c1596 FROM wide WHERE id = 3')).toEqual([
      [3, 8],
    ]);
  });
});

it('keeps names of 63 bytes, also of letters with several bytes', async () => {
  const long = 'é'.repeat(31);
  const names = [`${long}x`, `${long}y`, `"${'q'.repeat(60)}"`, 'Select', 'a.b', ' '];
  const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`);
  const table = `"${long}T"`;
  await source.sql(
    `CREATE TABLE ${table} (${quoted.map((name) => `${name} text`).join(', ')}, PRIMARY KEY (${quoted[0]}))`,
  );
  await source.sql(`INSERT INTO ${table} VALUES ('1', '2', '3', '4', '5', '6')`);
  const schemaId = `public.${long}T`;
  const sides = { source: source.connector, destination: destination.connector, schemaId };
  for (const [generation, kind] of [
    [1, 'replace'],
    [2, 'merge'],
  ] as const) {
    const copied = await copySchema({ ...sides, plan: { kind, generation } });
    expect(copied.found).toEqual(copied.expected);
  }
  expect(await destination.sql(`SELECT ${quoted.join(', ')} FROM ${table}`)).toEqual([['1', '2', '3', '4', '5', '6']]);
});

it('lands odd JSON to the letter in DuckDB, or rejects it', async () => {
  const texts = [
    String.raw`"\ud800"`,
    String.raw`"\u0000"`,
    '1e99999',
    '-0',
    '12345678901234567890.000',
    '{"a":1,"a":2}',
    ' [ 1 , 2 ]\n',
    `${'['.repeat(2000)}${']'.repeat(2000)}`,
  ];
  await source.sql('CREATE TABLE documents (id integer PRIMARY KEY, document json)');
  for (const [id, text] of texts.entries()) {
    await source.sql('INSERT INTO documents VALUES ($1::int, $2::json)', [id, text]);
  }
  {
    await using file = await connectFile(files.root, 'json.duckdb');
    const schemaId = 'public.documents';
    const copied = await copySchema({ source: source.connector, destination: file, schemaId, isolate: true });
    expect(copied.found).toEqual(copied.expected);
    expect(copied.rejects).toEqual([{ key: { id: '0' }, reason: 'a value of the column document is no JSON' }]);
  }
  const rows = await queryFile(join(files.root, 'json.duckdb'), 'SELECT document FROM documents ORDER BY id');
  expect(rows.flat()).toEqual(texts.slice(1));
});

describe('a cell of 100 MB', () => {
  beforeAll(async () => {
    await source.sql('CREATE TABLE films (id integer PRIMARY KEY, film bytea)');
    await source.sql(`INSERT INTO films VALUES (1, decode(repeat('ab', 100000000), 'hex')), (2, '\\x00')`);
  });

  it('reaches PostgreSQL', async () => {
    const copied = await copySchema({
      source: source.connector,
      destination: destination.connector,
      schemaId: 'public.films',
    });
    expect(copied.found).toEqual(copied.expected);
    expect(await destination.sql('SELECT id, length(film), md5(film) FROM films ORDER BY id')).toEqual(
      await source.sql('SELECT id, length(film), md5(film) FROM films ORDER BY id'),
    );
  });

  it('stops a load into DuckDB with the limit', async () => {
    await using file = await connectFile(files.root, 'films.duckdb');
    await expect(copySchema({ source: source.connector, destination: file, schemaId: 'public.films' })).rejects.toThrow(
      expect.objectContaining({ code: 'RECORD_TOO_LARGE' }),
    );
  });
});
