import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFilesRoot, createPlan, runLoad } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import { connectFolder, currentOf, queryTable } from '../../../../tests/setup/duckdb/parquet-loads.ts';

const FIELDS = { '*id': { kind: 'integer', bits: 64 } } as const;
const table = { schema: '', name: 'flights' };
const signal = new AbortController().signal;
let files: Awaited<ReturnType<typeof createFilesRoot>>;
let folder: string;

beforeEach(async () => {
  files = await createFilesRoot();
  folder = join(files.root, 'lake/flights');
  await load(1, [['-1'], ['-2']]);
});

afterEach(() => files[Symbol.asyncDispose]());

async function load(generation: number, records: readonly string[][]): Promise<void> {
  await using connector = await connectFolder(files.root, 'lake');
  await runLoad(connector, createPlan(connector, { fields: FIELDS, table, generation }), records);
}

it.each([
  { point: 'parquet-before-commit', segment: 'absent', isPublished: false },
  { point: 'parquet-after-commit', segment: 'committed', isPublished: false },
  { point: 'parquet-before-publish', segment: 'committed', isPublished: false },
  { point: 'parquet-after-publish', segment: 'committed', isPublished: true },
])('killed at $point it shows one whole generation, and the next load needs no help', async (expected) => {
  const child = fork(
    new URL('../../../../tests/setup/duckdb/parquet-child.ts', import.meta.url),
    [files.root, 'lake', expected.point],
    { stdio: 'inherit' },
  );
  const [, killedBy] = await once(child, 'exit');
  expect(killedBy).toBe('SIGKILL');
  {
    await using connector = await connectFolder(files.root, 'lake');
    const load = await connector.destination?.open(
      createPlan(connector, { fields: FIELDS, table, generation: 2 }),
      signal,
    );
    expect(await load?.lookup({ no: 0, token: 2 }, signal)).toMatchObject({ state: expected.segment });
    expect(await load?.published(signal)).toEqual(expected.isPublished ? expect.anything() : null);
  }
  const found = expected.isPublished ? ['100000', '0'] : ['2', '-2'];
  expect(await queryTable(folder, 'SELECT count(*), min(id) FROM $table')).toEqual([found]);

  await load(3, [['7']]);
  expect(await queryTable(folder, 'SELECT id FROM $table')).toEqual([['7']]);
  const current = await currentOf(folder);
  const previous = (expected.isPublished ? 'g2' : 'g1') + current.slice(2);
  expect((await readdir(join(folder, '.millrace'))).sort()).toEqual([previous, current, 'table.json'].sort());
  expect(await readdir(join(files.root, 'lake/.millrace'))).toEqual(['work.duckdb']);
});
