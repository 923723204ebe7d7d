import { once } from 'node:events';
import { mkdir, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createFilesRoot,
  createPlan,
  type Fields,
  loadSegment,
  type PlanOptions,
  runLoad,
  sumOf,
} from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import { connectFolder, currentOf, queryTable } from '../../../../tests/setup/duckdb/parquet-loads.ts';
import type { Connector, Load, LoadPlan } from '../../../connector-kit/index.ts';
import type { LogicalType } from '../../../core/index.ts';

const FIELDS = { '*id': { kind: 'integer', bits: 64 }, name: { kind: 'text' } } as const;
const THREE: readonly Fields[] = [
  ['1', 'one'],
  ['2', null],
  ['3', ''],
];
const signal = new AbortController().signal;
const failure = (code: string) => expect.objectContaining({ code });

let files: Awaited<ReturnType<typeof createFilesRoot>>;
let connector: Connector;
let lake: string;

beforeEach(async () => {
  files = await createFilesRoot();
  connector = await connectFolder(files.root, 'lake');
  lake = join(files.root, 'lake');
});

afterEach(async () => {
  await connector[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
});

function plan(options: Partial<PlanOptions> = {}): LoadPlan {
  return createPlan(connector, {
    fields: FIELDS,
    table: { schema: '', name: 'flights' },
    tombstones: false,
    ...options,
  });
}

async function open(opened: LoadPlan): Promise<Load> {
  const load = await connector.destination?.open(opened, signal);
  if (load === undefined) throw new Error('no destination');
  return load;
}

function flights(): string {
  return join(lake, 'flights');
}

describe('a generation', () => {
  it('is read through the link, with record timestamps and a manifest', async () => {
    const { counts, destination } = await runLoad(connector, plan(), THREE);
    expect(counts).toMatchObject({ inserted: 3, updated: 0, unchanged: 0, deleted: 0, rejects: [] });
    expect(destination).toEqual(sumOf(plan(), THREE));
    expect(await queryTable(flights(), 'SELECT *, typeof(id) FROM $table ORDER BY id')).toEqual([
      ['1', 'one', '2024-05-01 12:00:00+00', '2024-05-01 12:00:00+00', 'BIGINT'],
      ['2', null, '2024-05-01 12:00:00+00', '2024-05-01 12:00:00+00', 'BIGINT'],
      ['3', '', '2024-05-01 12:00:00+00', '2024-05-01 12:00:00+00', 'BIGINT'],
    ]);
    const manifest = JSON.parse(await readFile(join(flights(), 'current/_manifest.json'), 'utf8'));
    const names = (await readdir(join(flights(), 'current'))).filter((name) => name.endsWith('.parquet'));
    expect(manifest).toMatchObject({ generation: 1, records: 3, files: names.map((name) => ({ name })) });
  });

  it('leaves only the table and the hidden lock in the folder', async () => {
    await runLoad(connector, plan(), THREE);
    await connector[Symbol.asyncDispose]();
    expect((await readdir(lake)).sort()).toEqual(['.millrace', 'flights']);
    expect((await readdir(flights())).sort()).toEqual(['.millrace', 'current']);
    expect(await readdir(join(lake, '.millrace'))).toEqual(['work.duckdb']);
  });

  it('outlives its successor once, for readers who are at work, and has no file name in common with it', async () => {
    await runLoad(connector, plan(), THREE);
    const first = await realpath(join(flights(), 'current'));
    await runLoad(connector, plan({ generation: 2 }), [['9', 'nine']]);
    expect((await readdir(first)).length).toBe(2);
    const second = await realpath(join(flights(), 'current'));
    const parts = (names: string[]) => names.filter((name) => name.endsWith('.parquet'));
    expect(parts(await readdir(second))).not.toEqual(parts(await readdir(first)));
    await runLoad(connector, plan({ generation: 3 }), [['9', 'nine']]);
    await expect(readdir(first)).rejects.toThrow('ENOENT');
    expect((await readdir(second)).length).toBe(2);
  });

  it('of an empty table has its columns', async () => {
    await runLoad(connector, plan(), []);
    expect(await queryTable(flights(), 'SELECT count(*), count(name) FROM $table')).toEqual([['0', '0']]);
    const described = 'SELECT column_name, column_type FROM (DESCRIBE SELECT id, name FROM $table)';
    expect(await queryTable(flights(), described)).toEqual([
      ['id', 'BIGINT'],
      ['name', 'VARCHAR'],
    ]);
  });

  it('holds what its segments committed, and no file of one that was given up', async () => {
    const load = await open(plan());
    await load.prepare(signal);
    await loadSegment(load, plan(), { no: 0, token: 1 }, [THREE]);
    await loadSegment(load, plan(), { no: 1, token: 1 }, []);
    await loadSegment(load, plan(), { no: 2, token: 1 }, [[['4', 'four']]]);
    const generation = join(flights(), '.millrace', (await readdir(join(flights(), '.millrace')))[0] ?? '');
    await writeFile(join(generation, 'stray.parquet'), 'half a file');
    await load.seal(signal);
    expect(await load.digest(null, false, signal)).toEqual(sumOf(plan(), [...THREE, ['4', 'four']]));
    await load.publish({ maxLossPercent: 0 }, signal);
    expect(await queryTable(flights(), 'SELECT count(*) FROM $table')).toEqual([['4']]);
  });

  it('is proved by ranges of the key', async () => {
    const load = await open(plan());
    await load.prepare(signal);
    await loadSegment(load, plan(), { no: 0, token: 1 }, [THREE]);
    await load.seal(signal);
    const range = { text: 'id below 3', value: {}, key: { field: 'id', from: null, to: '3' } };
    expect(await load.digest(range, false, signal)).toEqual(sumOf(plan(), THREE.slice(0, 2)));
  });

  it('that fails is removed, and leaves the last one as it was', async () => {
    await runLoad(connector, plan(), THREE);
    const load = await open(plan({ generation: 2 }));
    await load.prepare(signal);
    await loadSegment(load, plan({ generation: 2 }), { no: 0, token: 1 }, [[['1', 'one']]]);
    await load.seal(signal);
    await expect(load.publish({ maxLossPercent: 50 }, signal)).rejects.toThrow(failure('LOSS_GUARD'));
    await load.discard(signal);
    expect((await readdir(join(flights(), '.millrace'))).sort()).toEqual([await currentOf(flights()), 'table.json']);
    expect(await queryTable(flights(), 'SELECT count(*) FROM $table')).toEqual([['3']]);
  });

  it('is stopped when a column would lose most of its values', async () => {
    const many = (name: (id: number) => string | null) =>
      Array.from({ length: 2_000 }, (_, index) => [String(index + 1), name(index + 1)]);
    await runLoad(
      connector,
      plan(),
      many((id) => `n${id}`),
    );
    const emptied = many((id) => (id <= 900 ? `n${id}` : null));
    await expect(runLoad(connector, plan({ generation: 2 }), emptied, { maxLossPercent: 50 })).rejects.toThrow(
      /900 of the 2000 values in column name/,
    );
    expect(await queryTable(flights(), 'SELECT count(name) FROM $table')).toEqual([['2000']]);
    await runLoad(connector, plan({ generation: 3 }), emptied, { maxLossPercent: 55 });
    expect(await queryTable(flights(), 'SELECT count(name) FROM $table')).toEqual([['900']]);
  });

  it('replaces one whose files somebody removed', async () => {
    await runLoad(connector, plan(), THREE);
    const current = await realpath(join(flights(), 'current'));
    for (const name of await readdir(current)) if (name.endsWith('.parquet')) await rm(join(current, name));
    const { counts } = await runLoad(connector, plan({ generation: 2 }), THREE);
    expect(counts).toMatchObject({ inserted: 3, deleted: 0 });
  });
});

describe('values', () => {
  /** A new kind does not compile until it was tried. */
  const VALUES: { readonly [Kind in LogicalType['kind']]: readonly (readonly [LogicalType, readonly string[]])[] } = {
    boolean: [[{ kind: 'boolean' }, ['t', 'f']]],
    integer: [
      [{ kind: 'integer', bits: 16 }, ['-32768', '32767']],
      [{ kind: 'integer', bits: 32 }, ['-2147483648', '2147483647']],
      [{ kind: 'integer', bits: 64 }, ['-9223372036854775808', '9223372036854775807']],
    ],
    decimal: [
      [{ kind: 'decimal', precision: 38, scale: 10 }, ['-0.0000000001', '9999999999999999999999999999.9999999999']],
      [{ kind: 'decimal', precision: 4, scale: 4 }, ['0.0001', '-0.9999']],
      [{ kind: 'decimal', precision: 60, scale: 2 }, [`${'1'.padEnd(58, '0')}.25`]],
    ],
    float: [
      [{ kind: 'float', bits: 32 }, ['-0', 'NaN', 'Infinity', '1.17549435e-38']],
      [{ kind: 'float', bits: 64 }, ['-0', '5e-324', '-Infinity', '0.1']],
    ],
    text: [[{ kind: 'text' }, ['', ' ', 'a"b', 'a\nb', '\u{1f30a}']]],
    bytes: [[{ kind: 'bytes' }, ['\\x', '\\x00ff']]],
    uuid: [[{ kind: 'uuid' }, ['6ba7b810-9dad-11d1-80b4-00c04fd430c8']]],
    json: [[{ kind: 'json' }, ['{"z": 1,  "a": [1.10]}', 'null']]],
    date: [[{ kind: 'date' }, ['2024-02-29', '0044-03-15 BC', 'infinity', '10000-01-01']]],
    time: [[{ kind: 'time' }, ['00:00:00', '24:00:00', '12:30:00.5']]],
    timestamp: [[{ kind: 'timestamp' }, ['2024-02-29 12:34:56.789', '0044-03-15 01:02:03 BC', '-infinity']]],
    timestamptz: [[{ kind: 'timestamptz' }, ['2024-02-29 12:34:56.789+00', 'infinity', '0001-12-31 23:00:00+00 BC']]],
  };

  it.each(Object.values(VALUES).flat())('of %o come back from the file as they were', async (logicalType, values) => {
    const opened = plan({ fields: { value: logicalType } });
    const records = [...values.map((value) => [value]), [null]];
    await using texts = await connectFolder(files.root, 'texts', undefined, 'csv');
    expect((await runLoad(texts, opened, records)).destination).toEqual(sumOf(opened, records));
    const { destination } = await runLoad(connector, opened, records);
    expect(destination).toEqual(sumOf(opened, records));
    expect(await queryTable(flights(), 'SELECT DISTINCT typeof(value) FROM $table')).toEqual([
      [opened.columns[0]?.type],
    ]);
  });

  it('that do not fit are refused one by one', async () => {
    const opened = plan({ fields: { '*id': { kind: 'integer', bits: 64 }, n: { kind: 'integer', bits: 16 } } });
    const records = [
      ['1', '1'],
      ['2', '40000'],
      ['3', '3'],
    ];
    const { outcome, destination } = await runLoad(connector, opened, records, { isolate: true });
    expect(outcome.rejects).toMatchObject([{ key: { id: '2' } }]);
    expect(destination).toEqual(outcome.source);
    await expect(runLoad(connector, { ...opened, generation: 2 }, records)).rejects.toThrow(failure('RECORD_REFUSED'));
  });
});

describe('a table', () => {
  it('whose folder holds files of somebody else needs adopt, and then stands beside them', async () => {
    await mkdir(flights(), { recursive: true });
    await writeFile(join(flights(), 'old.parquet'), 'theirs');
    expect(await connector.destination?.inspect(plan().table, signal)).toMatchObject({ exists: true, owner: null });
    await expect(runLoad(connector, plan(), THREE)).rejects.toThrow(failure('TABLE_NOT_OURS'));
    await runLoad(connector, plan({ adopt: true }), THREE);
    expect(await readFile(join(flights(), 'old.parquet'), 'utf8')).toBe('theirs');
    expect(await queryTable(flights(), 'SELECT count(*) FROM $table')).toEqual([['3']]);
  });

  it('of a sync that is gone is adopted whole: its last files stay for readers, then go', async () => {
    await runLoad(connector, plan(), THREE);
    const old = await currentOf(flights());
    const other = { syncId: 'other', adopt: true };
    await runLoad(connector, plan({ ...other }), THREE);
    expect(await connector.destination?.inspect(plan().table, signal)).toMatchObject({ owner: { syncId: 'other' } });
    expect(await readdir(join(flights(), '.millrace'))).toContain(old);
    await runLoad(connector, plan({ ...other, generation: 2 }), THREE);
    expect(await readdir(join(flights(), '.millrace'))).not.toContain(old);
  });

  it.each(['..', 'a/b', '.hidden', 'x=y', '%2e', 'naïve 🌊', '*'])('named %s stays inside the folder', async (name) => {
    await runLoad(connector, plan({ table: { schema: name, name } }), THREE);
    const entries = (await readdir(lake)).filter((entry) => entry !== '.millrace');
    expect(entries).toEqual([expect.stringMatching(/^[^./*=]+$/)]);
    const folder = join(lake, entries[0] ?? '');
    expect(await queryTable(join(folder, (await readdir(folder))[0] ?? ''), 'SELECT count(*) FROM $table')).toEqual([
      ['3'],
    ]);
    expect(await readdir(files.root)).toEqual(['lake']);
  });

  it('cannot lie in another one', async () => {
    await runLoad(connector, plan(), THREE);
    const inside = plan({ syncId: 'other', table: { schema: 'flights', name: 'late' } });
    await expect(runLoad(connector, inside, THREE)).rejects.toThrow(failure('TABLE_DIFFERS'));
    await runLoad(connector, plan({ schemaId: 'b', table: { schema: 'shop', name: 'orders' } }), THREE);
    const around = plan({ schemaId: 'c', table: { schema: '', name: 'shop' }, adopt: true });
    await expect(runLoad(connector, around, THREE)).rejects.toThrow(failure('TABLE_DIFFERS'));
  });

  it('is not written through a link', async () => {
    const outside = join(files.root, 'outside');
    await mkdir(outside);
    await mkdir(lake, { recursive: true });
    await symlink(outside, flights());
    await expect(runLoad(connector, plan({ adopt: true }), THREE)).rejects.toThrow(failure('TABLE_DIFFERS'));
    expect(await readdir(outside)).toEqual([]);
  });
});

describe('the folder', () => {
  it('is not made by looking at it, and is made by a check', async () => {
    expect(await connector.destination?.inspect(plan().table, signal)).toMatchObject({ exists: false });
    expect(await readdir(files.root)).toEqual([]);
    await connector.check(signal);
    expect(await readdir(lake)).toEqual([]);
  });

  it('must be one', async () => {
    await writeFile(lake, 'a file');
    await expect(connector.check(signal)).rejects.toThrow(failure('FILE_INVALID'));
  });

  it('is written by one thread at a time, as by one process', async () => {
    await runLoad(connector, plan(), THREE);
    const script = `
      const { connectFolder } = await import(${JSON.stringify(new URL('../../../../tests/setup/duckdb/parquet-loads.ts', import.meta.url))});
      const { parentPort } = await import('node:worker_threads');
      const other = await connectFolder(${JSON.stringify(files.root)}, 'lake');
      const load = await other.destination.open(${JSON.stringify(plan({ generation: 2 }))}, new AbortController().signal);
      parentPort.postMessage(await load.prepare(new AbortController().signal).then(() => 'done', ({ code }) => code));`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
    const [said] = await once(worker, 'message');
    await worker.terminate();
    expect(said).toBe('FILE_LOCKED');
  });
});
