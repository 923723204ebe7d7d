import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  createFilesRoot,
  createPlan,
  loadSegment,
  runLoad,
  sumOf,
} from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import { connectFolder, queryTable } from '../../../../tests/setup/duckdb/parquet-loads.ts';
import type { Connector, LoadPlan } from '../../../connector-kit/index.ts';
import type { LogicalType } from '../../../core/index.ts';

const FIELDS = { '*id': { kind: 'integer', bits: 64 }, name: { kind: 'text' } } as const;
const signal = new AbortController().signal;

let files: Awaited<ReturnType<typeof createFilesRoot>>;
let connector: Connector;

beforeEach(async () => {
  files = await createFilesRoot();
  connector = await connectFolder(files.root, 'out', undefined, 'csv');
});

afterEach(async () => {
  await connector[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

function plan(fields: Readonly<Record<string, LogicalType>> = FIELDS, options: Partial<LoadPlan> = {}): LoadPlan {
  const table = { schema: '', name: 'flights' };
  return createPlan(connector, { fields, table, tombstones: false, recordTimestamps: false, ...options });
}

/** The lines of the published files, without those of names. */
async function readText(): Promise<string> {
  const folder = join(files.root, 'out/flights/current');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.csv'));
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('');
}

it('has names, tells NULL from the empty text, and puts what needs it into quotes', async () => {
  const records = [
    ['1', 'a,b'],
    ['2', null],
    ['3', ''],
    ['4', 'a "b"\r\nü'],
    ['5', 'NULL'],
  ];
  const { destination } = await runLoad(
    connector,
    plan({ '*id': FIELDS['*id'], 'odd, "name': { kind: 'text' } }),
    records,
  );
  expect(destination).toEqual(sumOf(plan(), records));
  expect(await readText()).toBe('id,"odd, ""name"\n1,"a,b"\n2,\n3,""\n4,"a ""b""\r\nü"\n5,NULL\n');
});

it('has values as they travel, 32-bit floats with their own digits', async () => {
  const fields = {
    flag: { kind: 'boolean' },
    bytes: { kind: 'bytes' },
    real: { kind: 'float', bits: 32 },
    double: { kind: 'float', bits: 64 },
    at: { kind: 'timestamptz' },
    day: { kind: 'date' },
  } as const;
  const records = [['t', '\\x00ff', '0.1', 'NaN', '2024-05-01 10:00:00.5+00', '0044-03-15 BC']];
  await runLoad(connector, plan(fields, { recordTimestamps: true }), records);
  expect(await readText()).toBe(
    'flag,bytes,real,double,at,day,__millrace_created_at,__millrace_updated_at\n' +
      't,\\x00ff,0.1,NaN,2024-05-01 10:00:00.5+00,0044-03-15 BC,2024-05-01 12:00:00+00,2024-05-01 12:00:00+00\n',
  );
});

it('of a table without records has its names', async () => {
  await runLoad(connector, plan(), []);
  expect(await readText()).toBe('id,name\n');
});

it('is guarded against the loss of records and of values', async () => {
  const many = (named: number) => Array.from({ length: 2_000 }, (_, i) => [`${i}`, i < named ? `n${i}` : null]);
  await runLoad(connector, plan(), many(2_000));
  const next = (generation: number) => plan(FIELDS, { generation });
  await expect(runLoad(connector, next(2), many(2_000).slice(0, 10), { maxLossPercent: 50 })).rejects.toThrow(
    /1990 of 2000/,
  );
  await expect(runLoad(connector, next(3), many(100), { maxLossPercent: 50 })).rejects.toThrow(
    /100 of the 2000 values in column name: 95 %/,
  );
  expect(await runLoad(connector, next(4), many(1_999), { maxLossPercent: 50 })).toMatchObject({
    counts: { inserted: 2_000, deleted: 0 },
  });
});

it('follows a connection that gets another format, but not in the middle of a load', async () => {
  await runLoad(connector, plan(), [['1', 'one']]);
  await connector[Symbol.asyncDispose]();
  connector = await connectFolder(files.root, 'out', undefined, 'parquet');
  const { counts } = await runLoad(connector, plan(FIELDS, { generation: 2 }), [['2', 'two']]);
  expect(counts).toMatchObject({ inserted: 1, deleted: 1 });
  expect(await queryTable(join(files.root, 'out/flights'), 'FROM $table')).toEqual([['2', 'two']]);
  const third = plan(FIELDS, { generation: 3 });
  const begun = await connector.destination?.open(third, signal);
  await begun?.prepare(signal);
  if (begun !== undefined) await loadSegment(begun, third, { no: 0, token: 1 }, [[['3', 'three']]]);
  await connector[Symbol.asyncDispose]();
  connector = await connectFolder(files.root, 'out', undefined, 'csv');
  const gone = await connector.destination?.open(third, signal);
  await expect(gone?.seal(signal)).rejects.toMatchObject({ code: 'TABLE_DIFFERS' });
});
