import { globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCliFile } from '../../src/runtime/index.ts';
import { startCli } from '../setup/cli-process.ts';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import { createFilesRoot, queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { queryTable } from '../setup/duckdb/parquet-loads.ts';
import { createTestHome, type MillraceProcess, startMillrace, type TestHome, waitFor } from '../setup/millrace.ts';

let source: TestDatabase;
let session: pg.Client;
let home: TestHome;
let server: MillraceProcess;
/** Where connections of the running server may name files. */
let served: string;

beforeAll(async () => {
  [source, home] = await Promise.all([createTestDatabase(), createTestHome()]);
  session = new pg.Client(source.url);
  await session.connect();
  await session.query('CREATE TABLE people (id bigint PRIMARY KEY, name text, born date, balance numeric(12,2))');
  await session.query(
    `INSERT INTO people SELECT i, nullif('person ' || i, 'person 7'), date '1970-01-01' + i, i / 4.0 FROM generate_series(1, 1000) AS i`,
  );
  await session.query('CREATE TABLE notes (body text)');
  await session.query(`INSERT INTO notes VALUES ('one'), (NULL), ('')`);
  server = await startMillrace(home);
  served = join(home.folder, 'files', readCliFile(home.folder)?.organizationId ?? '');
  mkdirSync(served, { recursive: true });
}, 90_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await session.end();
  await home[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
});

/** The address without its password, as people write it. */
function urlOf({ url }: TestDatabase): string {
  const written = new URL(url);
  written.password = '';
  return written.href;
}

function start(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const PGPASSWORD = decodeURIComponent(new URL(source.url).password);
  return startCli(['copy', ...args], { MILLRACE_HOME: home.folder, PGPASSWORD, ...environment });
}

function copy(args: readonly string[], environment?: Readonly<Record<string, string>>) {
  return start(args, environment).ended;
}

async function expectNothingLeft(): Promise<void> {
  expect(await server.client.listBulkSyncs()).toEqual([]);
  expect(await server.client.listConnections()).toEqual([]);
}

/** Homes of databases that root keeps outside of them. */
function listOutsideHomes(): string[] {
  return globSync('/var/lib/millrace/*/owner').flatMap((file) => {
    try {
      return [readFileSync(file, 'utf8')];
    } catch {
      // Tests that run beside this one have just removed theirs.
      return [];
    }
  });
}

describe('copy without a server', () => {
  it('starts one for itself, takes paths from anywhere, and leaves nothing of it', async () => {
    await using files = await createFilesRoot();
    const temporary = join(files.root, 'temporary');
    mkdirSync(temporary);
    const lake = join(files.root, 'lake');
    const result = await copy([urlOf(source), `${lake}/`], {
      MILLRACE_HOME: join(files.root, 'nobody'),
      TMPDIR: temporary,
    });
    expect(result.errors).toBe('');
    expect(result.output).toMatch(/Receipt +equal/);
    expect(result.code).toBe(0);
    expect(await queryTable(join(lake, 'people'), 'SELECT count(*), sum(balance) FROM $table')).toEqual([
      ['1000', '125125.00'],
    ]);
    expect(await queryTable(join(lake, 'notes'), 'SELECT count(*), count(body) FROM $table')).toEqual([['3', '2']]);
    expect(readdirSync(temporary)).toEqual([]);
    expect(listOutsideHomes().filter((owner) => owner.includes(temporary))).toEqual([]);
    expect(readdirSync(files.root).sort()).toEqual(['lake', 'temporary']);
  });
});

describe('copy through the running server of the home', () => {
  it('takes a DuckDB file, a selection of tables, and leaves no connection and no sync', async () => {
    const file = join(served, 'people.duckdb');
    const result = await copy([urlOf(source), file, '--tables', 'PEOPLE']);
    expect(result).toMatchObject({ code: 0, errors: '' });
    expect(await queryFile(file, 'SELECT count(*), count(name) FROM people')).toEqual([['1000', '999']]);
    expect(await queryFile(file, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'")).toEqual([
      ['people'],
    ]);
    await expectNothingLeft();
  });

  it('takes another database, in JSON and by counts', async () => {
    await using destination = await createTestDatabase();
    const first = await copy([
      ...[urlOf(source), urlOf(destination), '--schema', 'copied'],
      ...['--depth', 'counts', '--json'],
    ]);
    expect(JSON.parse(first.output)).toMatchObject({
      execution: { status: 'completed', record_count: 1003 },
      receipt: { verdict: 'equal', depth: 'counts' },
    });
    expect(first.code).toBe(0);
    const client = new pg.Client(destination.url);
    await client.connect();
    const { rows } = await client.query('SELECT count(*)::int AS people FROM copied.people');
    await client.end();
    expect(rows).toEqual([{ people: 1000 }]);
    await expectNothingLeft();
  });

  it('replaces what is there only when told to', async () => {
    const file = join(served, 'theirs.duckdb');
    await queryFile(file, 'CREATE TABLE notes (body VARCHAR)');
    const args = [urlOf(source), file, '--tables', 'notes'];
    expect(await copy(args)).toMatchObject({ code: 1, errors: expect.stringContaining('--adopt') });
    expect(await copy([...args, '--adopt'])).toMatchObject({ code: 0, errors: '' });
    await expectNothingLeft();
  });

  it('takes a Parquet folder that a copy has written back into a database, record for record', async () => {
    await using destination = await createTestDatabase();
    expect(await copy([urlOf(source), `${join(served, 'back')}/`])).toMatchObject({ code: 0, errors: '' });
    const result = await copy([`${join(served, 'back')}/`, urlOf(destination), '--schema', 'back']);
    expect(result).toMatchObject({ code: 0, errors: '' });
    const sql = (schema: string) => `SELECT id, name, born::text, balance::text FROM ${schema}.people ORDER BY id`;
    const client = new pg.Client(destination.url);
    await client.connect();
    const { rows } = await client.query(sql('back'));
    await client.end();
    expect(rows).toEqual((await session.query(sql('public'))).rows);
    await expectNothingLeft();
  });

  it('writes CSV files of which another copy makes the same table', async () => {
    await using destination = await createTestDatabase();
    mkdirSync(join(served, 'given'), { recursive: true });
    const text = 'id,note\n1,"Ulm, ""Danube"" "\n2,\n3,""\n4,"a\nb"\n5,007\n6,ü \\N\n';
    writeFileSync(join(served, 'given/cities.csv'), text);
    const tables = ['--tables', 'cities'];
    const into = (schema: string) => [urlOf(destination), '--schema', schema, ...tables];
    const out = `csv:${join(served, 'out')}`;
    expect(await copy([`${join(served, 'given')}/`, ...into('one')])).toMatchObject({ code: 0, errors: '' });
    expect(await copy([urlOf(destination), out, ...tables])).toMatchObject({ code: 0, errors: '' });
    expect(await copy([out, ...into('two')])).toMatchObject({ code: 0, errors: '' });
    const client = new pg.Client(destination.url);
    await client.connect();
    const rowsOf = async (schema: string) =>
      (await client.query(`SELECT id, note FROM ${schema}.cities ORDER BY id`)).rows;
    const [one, two] = [await rowsOf('one'), await rowsOf('two')];
    await client.end();
    expect(two).toEqual(one);
    expect(one.map(({ note }) => note)).toEqual(['Ulm, "Danube" ', null, '', 'a\nb', '007', 'ü \\N']);
    await expectNothingLeft();
  });

  it('guards tables that it replaces, unless told that the loss is meant', async () => {
    const file = join(served, 'guarded.duckdb');
    await queryFile(file, 'CREATE TABLE notes AS SELECT i::VARCHAR AS body FROM range(2000) r(i)');
    const args = [urlOf(source), file, '--tables', 'notes', '--adopt'];
    expect(await copy(args)).toMatchObject({ code: 1, errors: expect.stringContaining('--max-loss-percent') });
    expect(await queryFile(file, 'SELECT count(*)::INTEGER FROM notes')).toEqual([[2000]]);
    expect(await copy([...args, '--max-loss-percent', 'all'])).toMatchObject({ code: 2 });
    expect(await copy([...args, '--max-loss-percent', '100'])).toMatchObject({ code: 0, errors: '' });
    expect(await queryFile(file, 'SELECT count(*)::INTEGER FROM notes')).toEqual([[3]]);
    await expectNothingLeft();
  });

  it('takes CSV files', async () => {
    mkdirSync(join(served, 'exports'), { recursive: true });
    writeFileSync(join(served, 'exports/cities.csv'), 'id,name,since\n1,"Ulm, Danube",854-07-22\n2,,1200-01-01\n');
    const file = join(served, 'cities.duckdb');
    const result = await copy([join(served, 'exports/cities.csv'), file]);
    expect(result).toMatchObject({ code: 0, errors: '' });
    expect(result.output).toMatch(/Receipt +equal/);
    expect(await queryFile(file, 'SELECT name FROM cities ORDER BY id')).toEqual([['Ulm, Danube'], [null]]);
    await expectNothingLeft();
  });

  it.each([
    ['true', '1,Lee\n2,Ray\n', '"1", lee', [['2', 'Ray']]],
    [
      'false',
      'Ann,Lee\nBob,Ray\n',
      'column_0, column_1',
      [
        ['Ann', 'Lee'],
        ['Bob', 'Ray'],
      ],
    ],
  ])('takes the first lines of CSV files as it is told: --header %s', async (header, text, columns, rows) => {
    mkdirSync(join(served, 'exports'), { recursive: true });
    writeFileSync(join(served, 'exports/people.csv'), text);
    const file = join(served, `headed-${header}.duckdb`);
    const result = await copy([join(served, 'exports/people.csv'), file, '--header', header]);
    expect(result).toMatchObject({ code: 0, errors: '' });
    expect(await queryFile(file, `SELECT ${columns} FROM people ORDER BY 1`)).toEqual(rows);
  });

  it('stops at Ctrl-C and tidies up', async () => {
    await session.query('BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE');
    const limit = AbortSignal.timeout(60_000);
    const { child, text, ended } = start([urlOf(source), join(served, 'stopped.duckdb')]);
    await waitFor(async () => (text.output.includes('Ctrl-C stops it') ? true : null), limit);
    child.kill('SIGINT');
    const { code, errors } = await ended;
    await session.query('ROLLBACK');
    expect(errors).toContain('canceled');
    expect(code).toBe(130);
    await expectNothingLeft();
  });

  it('says which connection it does not know, and which system does not answer', async () => {
    const file = join(served, 'x.duckdb');
    expect(await copy(['nowhere', file])).toMatchObject({ code: 2, errors: expect.stringContaining('"nowhere"') });
    const unreachable = await copy(['postgresql://me@127.0.0.1:1/shop', file]);
    expect(unreachable).toMatchObject({ code: 1, errors: expect.stringContaining('127.0.0.1:1') });
    await expectNothingLeft();
  });

  it('names a table that is not there', async () => {
    const result = await copy([urlOf(source), join(served, 'x.duckdb'), '--tables', 'people,orders']);
    expect(result).toMatchObject({ code: 2, errors: expect.stringContaining('nothing is named orders') });
    await expectNothingLeft();
  });
});
