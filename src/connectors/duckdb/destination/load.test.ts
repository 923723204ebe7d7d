import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Fields, loadSegment, runLoad, sumOf } from '../../../../tests/setup/duckdb/duckdb-loads.ts';
import {
  FLIGHT_FIELDS,
  failure,
  NEVER,
  THREE_FLIGHTS,
  useDuckdbFile,
} from '../../../../tests/setup/duckdb/use-file.ts';

const file = useDuckdbFile();
const { connector, open, plan, query, reopen } = file;

describe('fences', () => {
  it('let only the newest token commit a segment', async () => {
    const opened = plan();
    const load = await open(opened);
    await load.prepare(NEVER);
    await using old = await load.beginSegment({ no: 0, token: 1 }, { isolate: false }, NEVER);
    const outcome = await loadSegment(load, opened, { no: 0, token: 2 }, [THREE_FLIGHTS]);
    await expect(old.commit(outcome, NEVER)).rejects.toThrow(failure('FENCE_LOST'));
    expect(await load.lookup({ no: 0, token: 3 }, NEVER)).toEqual({ state: 'committed', outcome });
    await expect(load.beginSegment({ no: 0, token: 3 }, { isolate: false }, NEVER)).rejects.toThrow(
      failure('FENCE_LOST'),
    );
  });

  it('let only the newest generation write and publish, and drop what older ones left', async () => {
    const old = await open(plan());
    await old.prepare(NEVER);
    await using writer = await old.beginSegment({ no: 0, token: 1 }, { isolate: false }, NEVER);
    const load = await open(plan({ generation: 2 }));
    await load.prepare(NEVER);
    await expect(old.beginSegment({ no: 1, token: 1 }, { isolate: false }, NEVER)).rejects.toThrow(
      failure('FENCE_LOST'),
    );
    await expect(
      writer.commit({ recordsRead: 0, bytesRead: 0, source: { records: 0, sum: null }, rejects: [] }, NEVER),
    ).rejects.toThrow(failure('FENCE_LOST'));
    await expect(old.prepare(NEVER)).rejects.toThrow(failure('FENCE_LOST'));
    await expect(old.publish({ maxLossPercent: 100 }, NEVER)).rejects.toThrow();
    await load.publish({ maxLossPercent: 100 }, NEVER);
    expect(await query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'")).toEqual([['flights']]);
  });

  it('answer a repeated publication with the first counts', async () => {
    const load = await open(plan());
    await load.prepare(NEVER);
    expect(await load.published(NEVER)).toBeNull();
    await loadSegment(load, plan(), { no: 0, token: 1 }, [THREE_FLIGHTS]);
    const counts = await load.publish({ maxLossPercent: 100 }, NEVER);
    expect(await load.publish({ maxLossPercent: 100 }, NEVER)).toEqual(counts);
    expect(await load.published(NEVER)).toEqual(counts);
  });

  it('let a load be prepared again without losing its committed segments', async () => {
    const load = await open(plan());
    await load.prepare(NEVER);
    await loadSegment(load, plan(), { no: 0, token: 1 }, [THREE_FLIGHTS]);
    const again = await open(plan());
    await again.prepare(NEVER);
    expect(await again.digest(null, false, NEVER)).toEqual(sumOf(plan(), THREE_FLIGHTS));
  });
});

describe('failures', () => {
  it('leave nothing of a segment that dies between write and commit', async () => {
    await reopen((name) => {
      if (name === 'duckdb-before-commit') throw new Error('died');
    });
    const load = await open(plan());
    await load.prepare(NEVER);
    await expect(loadSegment(load, plan(), { no: 0, token: 1 }, [THREE_FLIGHTS])).rejects.toThrow('died');
    expect(await load.lookup({ no: 0, token: 1 }, NEVER)).toEqual({ state: 'absent' });
    expect(await load.digest(null, true, NEVER)).toEqual({ records: 0, sum: null });
    expect(await readdir(`${file.path}.millrace`)).toEqual([]);
  });

  it('leave the old data when a publication dies', async () => {
    await runLoad(connector, plan(), THREE_FLIGHTS);
    await reopen((name) => {
      if (name === 'duckdb-before-publish') throw new Error('died');
    });
    await expect(runLoad(connector, plan({ generation: 2 }), [['9', 'nine', null]])).rejects.toThrow('died');
    expect(await query('SELECT id FROM flights ORDER BY id')).toEqual([['1'], ['2'], ['3']]);
  });

  it('stop a statement within a second when the work is cancelled', async () => {
    const abort = new AbortController();
    await reopen(() => abort.abort());
    const load = await open(plan());
    await load.prepare(NEVER);
    await expect(loadSegment(load, plan(), { no: 0, token: 1 }, [THREE_FLIGHTS], abort.signal)).rejects.toThrow(
      /abort|cancel/i,
    );
    expect(await load.lookup({ no: 0, token: 1 }, NEVER)).toEqual({ state: 'absent' });
  });

  it('name a record that is larger than the cap', async () => {
    const load = await open(plan());
    await load.prepare(NEVER);
    const huge = 'x'.repeat(16 * 1024 * 1024);
    await expect(loadSegment(load, plan(), { no: 0, token: 1 }, [[['1', huge, null]]])).rejects.toThrow(
      failure('RECORD_TOO_LARGE'),
    );
  });

  it('say that a file is no database, and do not touch it', async () => {
    await mkdir(join(file.filesRoot, 'data'), { recursive: true });
    await writeFile(file.path, 'no database');
    await expect(connector.check(NEVER)).rejects.toThrow(failure('FILE_INVALID'));
    await expect(runLoad(connector, plan(), THREE_FLIGHTS)).rejects.toThrow(failure('FILE_INVALID'));
  });
});

it('takes large cells, quotes and line ends in text', async () => {
  const texts = ['"', ',', 'a\nb', '\r\n', '', '\\N', '漢字'.repeat(1_000_000), 'x'.repeat(15 * 1024 * 1024)];
  const records = texts.map((text, i): Fields => [`${i}`, text, null]);
  const { destination } = await runLoad(connector, plan(), records);
  expect(destination).toEqual(sumOf(plan(), records));
});

it('writes to paths and names that need quoting', async () => {
  await reopen(undefined, 'o\'dd [x]* {a,b}/fi"le.duckdb');
  const odd = plan({
    table: { schema: 'Odd "schema"', name: 'ta\'ble "x"' },
    fields: { '*i"d': FLIGHT_FIELDS['*id'], "na'me": { kind: 'text' } },
  });
  const records: readonly Fields[] = [['1', "it's"]];
  const { destination } = await runLoad(connector, odd, records);
  expect(destination).toEqual(sumOf(odd, records));
  const merged = await runLoad(connector, { ...odd, kind: 'merge', generation: 2 }, [
    ['1', 'new'],
    ['2', null],
  ]);
  expect(merged.counts).toMatchObject({ inserted: 1, updated: 1 });
});
