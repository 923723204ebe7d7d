import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  connectFile,
  createFilesRoot,
  createPlan,
  queryFile,
  runLoad,
} from '../../../../tests/setup/duckdb/duckdb-loads.ts';

const FIELDS = { '*id': { kind: 'integer', bits: 64 } } as const;
const OLD = [['-1'], ['-2']];
const signal = new AbortController().signal;
let files: Awaited<ReturnType<typeof createFilesRoot>>;

beforeEach(async () => {
  files = await createFilesRoot();
  await using connector = await connectFile(files.root, 'a.duckdb');
  await runLoad(connector, createPlan(connector, { fields: FIELDS }), OLD);
});

afterEach(() => files[Symbol.asyncDispose]());

async function dieAt(point: string): Promise<void> {
  const script = new URL('../../../../tests/setup/duckdb/duckdb-child.ts', import.meta.url);
  const child = fork(script, [files.root, 'a.duckdb', point], { stdio: 'inherit' });
  const [, killedBy] = await once(child, 'exit');
  expect(killedBy).toBe('SIGKILL');
}

it.each([
  ['duckdb-before-commit', 'absent'],
  ['duckdb-after-commit', 'committed'],
  ['duckdb-before-publish', 'committed'],
])('keeps the old records when the process is killed at %s, and the next load needs no help', async (point, state) => {
  await dieAt(point);
  {
    await using connector = await connectFile(files.root, 'a.duckdb');
    const load = await connector.destination?.open(createPlan(connector, { fields: FIELDS, generation: 2 }), signal);
    expect(await load?.lookup({ no: 0, token: 2 }, signal)).toMatchObject({ state });
    expect(await load?.published(signal)).toBeNull();
  }
  expect(await queryFile(join(files.root, 'a.duckdb'), 'SELECT id FROM flights ORDER BY id DESC')).toEqual(OLD);
  {
    await using connector = await connectFile(files.root, 'a.duckdb');
    const plan = createPlan(connector, { fields: FIELDS, generation: 3, tombstones: false });
    await runLoad(connector, plan, [['7']]);
  }
  expect(await queryFile(join(files.root, 'a.duckdb'), 'SELECT id FROM flights')).toEqual([['7']]);
  const tables = await queryFile(
    join(files.root, 'a.duckdb'),
    "SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, '__millrace')",
  );
  expect(tables).toEqual([]);
  expect(await readdir(files.root)).toEqual(['a.duckdb']);
});
