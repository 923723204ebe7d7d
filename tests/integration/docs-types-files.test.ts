import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connector } from '../../src/connector-kit/index.ts';
import type { FieldDescription } from '../../src/core/index.ts';
import { createTestDatabase, type TestDatabase } from '../setup/databases.ts';
import {
  connectFile,
  connectFiles,
  createFilesRoot,
  createPlan,
  queryFile,
  runLoad,
} from '../setup/duckdb/duckdb-loads.ts';
import { connectFolder } from '../setup/duckdb/parquet-loads.ts';
import { readPage, writeTable } from '../setup/markdown.ts';
import { connectDatabase } from '../setup/postgresql-loads.ts';
import { describeLanding, KINDS } from '../setup/type-tables.ts';

// The tables are written anew by: npm test -- tests/integration/docs-types-files.test.ts -u

let files: Awaited<ReturnType<typeof createFilesRoot>>;

beforeAll(async () => {
  files = await createFilesRoot();
});
afterAll(() => files[Symbol.asyncDispose]());

describe('the table of types of a written folder', () => {
  it('says what is found in the files for every kind of value', async () => {
    const parquet = await readSchema(`${await writeKinds('parquet')}/*.parquet`);
    const folder = await writeKinds('csv');
    const [name = ''] = readdirSync(folder).filter((entry) => entry.endsWith('.csv'));
    const [, line = ''] = readFileSync(join(folder, name), 'utf8').split('\n');
    const csv = line.match(/("([^"]|"")*"|[^,]+)(?=,|$)/g) ?? [];
    expect([parquet.length, csv.length]).toEqual([KINDS.length, KINDS.length]);
    const rows = KINDS.map(([meaning], i) => [meaning, parquet[i]?.join(' | ') ?? '', `\`${csv[i]}\``]);
    const page = 'docs/connectors/parquet.md';
    await expect(writeTable(readPage(page), 'kind of value', rows)).toMatchFileSnapshot(`../../${page}`);
  });
});

/** A table with one record that has one value of each kind; answers the folder with its files. */
async function writeKinds(format: 'parquet' | 'csv'): Promise<string> {
  await using connector = await connectFolder(files.root, format, undefined, format);
  const fields = Object.fromEntries(KINDS.map(([, logicalType], i) => [`c${i}`, logicalType]));
  const table = { schema: '', name: 'kinds' };
  const plan = createPlan(connector, { fields, table, tombstones: false, recordTimestamps: false });
  await runLoad(connector, plan, [KINDS.map(([, , example]) => example)]);
  return join(files.root, format, 'kinds/current');
}

/** Of each column of Parquet files the type in the file, and the one as which DuckDB reads it. */
async function readSchema(path: string): Promise<readonly (readonly [file: string, read: string])[]> {
  const described = await queryFile(':memory:', `SELECT column_type FROM (DESCRIBE FROM read_parquet('${path}'))`);
  const written = await queryFile(
    ':memory:',
    `SELECT type, coalesce(converted_type::VARCHAR, ''), coalesce(logical_type, '') FROM parquet_schema('${path}')
     WHERE name SIMILAR TO 'c[0-9]+'`,
  );
  return written.map((row, i) => [toParquetType(row.map((part) => String(part ?? ''))), String(described[i]?.[0])]);
}

/** Physical type, and what its annotation says. */
function toParquetType([physical = '', converted = '', logical = '']: readonly string[]): string {
  const decimal = /scale=(\d+), precision=(\d+)/.exec(logical);
  const unit = /(MILLIS|MICROS|NANOS)=\w+Seconds/.exec(logical)?.[1]?.toLowerCase();
  const base = converted === '' ? (/^(\w+)Type/.exec(logical)?.[1] ?? '').toUpperCase() : converted;
  const zone = logical.includes('isAdjustedToUTC=1') ? ', UTC' : '';
  const meaning =
    decimal !== null
      ? `DECIMAL(${decimal[2]},${decimal[1]})`
      : `${base.replace(/_(MILLIS|MICROS)$/, '')}${unit === undefined ? '' : ` (${unit}${zone})`}`;
  return [physical, meaning].filter((part) => part !== '' && part !== 'null').join(', ');
}

describe('the table of types of files', () => {
  let database: TestDatabase;
  let postgresql: Connector;
  let duckdb: Connector;

  beforeAll(async () => {
    database = await createTestDatabase();
    postgresql = await connectDatabase(database.ownerUrl);
    duckdb = await connectFile(files.root, 'types.duckdb');
  });
  afterAll(async () => {
    await postgresql[Symbol.asyncDispose]();
    await duckdb[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  it('says what is read from real files, and where it lands', async () => {
    const rows: string[][] = [];
    for (const [format, write] of [
      ['parquet', writeParquet],
      ['csv', writeCsv],
      ['json', writeJson],
    ] as const) {
      mkdirSync(join(files.root, 'in', format), { recursive: true });
      const names = await write(join(files.root, 'in', format));
      await using source = await connectFiles(files.root, `in/${format}`, format);
      const fields = (await source.source?.discover(AbortSignal.timeout(20_000)))?.[0]?.fields ?? [];
      expect(fields.length).toBe(names.length);
      rows.push(...fields.map((field, i) => [names[i] ?? '', ...describeField(source, field)]));
    }
    const page = 'docs/connectors/files.md';
    await expect(writeTable(readPage(page), 'in the file', rows)).toMatchFileSnapshot(`../../${page}`);
  });

  function describeField(source: Connector, field: FieldDescription): string[] {
    return [
      `\`${field.remoteType}\``,
      field.type,
      describeLanding(source, postgresql, field),
      describeLanding(source, duckdb, field),
      field.canTrack ? 'yes' : 'no',
    ];
  }
});

/** Types of DuckDB, as the writer of a column of each type that Parquet has. */
const PARQUET_TYPES: readonly string[] = [
  ...['BOOLEAN', 'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT'],
  ...['FLOAT', 'DOUBLE', 'DECIMAL(4,2)', 'DECIMAL(18,3)', 'DECIMAL(38,9)', 'VARCHAR', 'BLOB', 'UUID', 'JSON'],
  ...['DATE', 'TIME', 'TIMETZ', 'TIMESTAMP', 'TIMESTAMP_MS', 'TIMESTAMP_NS', 'TIMESTAMPTZ', 'INTERVAL'],
];
const NESTED_TYPES: Readonly<Record<string, string>> = {
  LIST: 'INTEGER[]',
  MAP: 'MAP(VARCHAR, INTEGER)',
  'a group of fields': 'STRUCT(a INTEGER)',
};

async function writeParquet(folder: string): Promise<readonly string[]> {
  const types = [...PARQUET_TYPES, ...Object.values(NESTED_TYPES)];
  const columns = types.map((type, i) => `NULL::${type} AS c${i}`).join(', ');
  await queryFile(':memory:', `COPY (SELECT ${columns}) TO '${folder}/t.parquet' (FORMAT parquet)`);
  const plain = (await readSchema(`${folder}/t.parquet`)).slice(0, PARQUET_TYPES.length);
  return [...plain.map(([written]) => written), ...Object.keys(NESTED_TYPES)].map((name) => `Parquet: ${name}`);
}

async function writeCsv(folder: string): Promise<readonly string[]> {
  writeFileSync(join(folder, 't.csv'), 'a\n1.50\n');
  return ['CSV: a field'];
}

const JSON_VALUES: Readonly<Record<string, readonly [unknown, unknown]>> = {
  'true, false': [true, false],
  'whole numbers of one sign and up to 64 bits': [1, 2],
  'whole numbers of both signs': [1, -1],
  'larger whole numbers': [1, 12345678901234567890n],
  'numbers, some with a fraction or larger still': [1, 1.5],
  texts: ['a', '2024-01-01'],
  lists: [[1], []],
  objects: [{ a: 1 }, {}],
  'values of several kinds': [1, 'a'],
  'nothing but null': [null, null],
};

async function writeJson(folder: string): Promise<readonly string[]> {
  const names = Object.keys(JSON_VALUES);
  const print = (value: unknown) => (typeof value === 'bigint' ? `${value}` : JSON.stringify(value));
  const lines = [0, 1].map((line) => {
    const pairs = Object.values(JSON_VALUES).map((values, i) => `"c${i}": ${print(values[line])}`);
    return `{${pairs.join(', ')}}\n`;
  });
  writeFileSync(join(folder, 't.json'), lines.join(''));
  return names.map((name) => `JSON: ${name}`);
}
