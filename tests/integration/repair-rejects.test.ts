import { describe, expect, it } from 'vitest';
import type { BulkSyncBody, SchemaReceiptBody } from '../../src/contract/index.ts';
import { LIMIT_MS, useServer, useSyncScene } from '../setup/hooks.ts';
import { parseMetrics, sumOf } from '../setup/prometheus.ts';

// Syncs of depth `repair` into destinations that refuse some records.

const RECORDS = 3_000;

/** One key column of each kind whose text two systems could write differently. */
const KEYS = `a bigint, b numeric(12,3), c timestamptz, d timestamp, e date, f bytea, g uuid, h text, i boolean, j double precision, k inet, l char(5), m interval`;

const SOURCE = `
  CREATE TABLE people (id bigint PRIMARY KEY, name text, amount numeric(12,2), changed_at timestamptz NOT NULL);
  INSERT INTO people SELECT i, 'name ' || i, i, '2024-01-01Z'::timestamptz + i * interval '1 minute' FROM generate_series(1, ${RECORDS}) i;
  CREATE TABLE keyed (${KEYS}, note text, changed_at timestamptz NOT NULL, PRIMARY KEY (a, b, c, d, e, f, g, h, i, j, k, l, m));
  INSERT INTO keyed SELECT i, i / 8.0, '2024-05-01 12:00:00.25+02', '0044-03-15 10:00 BC', '2024-02-29', '\\x00ff5c', '9f3c0e1c-1b1f-4e43-9a1c-8d6f0f3b2a11',
    E'quote" back\\\\slash, comma\\nline', true, 1e21 / i, '10.0.0.1/24', 'ab', '1 month 2 days', 'note', '2024-01-01Z'::timestamptz - i * interval '1 year' FROM generate_series(1, 3) i;`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

async function make(schema: string, isTracked = true): Promise<BulkSyncBody> {
  const sync = await scene.make([{ id: schema, ...(isTracked ? { tracking_field: 'changed_at' } : {}) }]);
  await server.client.setSyncSettings(sync.id, { receipt_depth: 'repair' }, scene.signal);
  expect((await scene.run(sync.id)).receipt?.verdict).toBe('equal');
  return sync;
}

/** What an execution has made of the one schema. */
async function run(sync: BulkSyncBody) {
  const { execution, receipt } = await scene.run(sync.id);
  const [schema] = receipt?.schemas ?? [];
  const rejects = await server.client.listRejects(sync.id, execution.id, 100, scene.signal);
  return {
    ended: [execution.status, execution.status_message, receipt?.verdict, execution.error_count],
    schema,
    repaired: repairedKeys(schema),
    rejects: rejects.map(({ key }) => Object.values(key ?? {}).join('/')).sort(),
    reasons: [...new Set(rejects.map(({ reason }) => reason))],
  };
}

const repairedKeys = (receipt: SchemaReceiptBody | undefined) =>
  receipt?.repaired?.records.map(({ kind, key }) => `${kind} ${Object.values(key).join('/')}`).sort() ?? null;

const landed = (ids: string) =>
  scene.inDestination(
    `SELECT id, name, amount FROM landing.people WHERE id IN (${ids}) AND __millrace_deleted_at IS NULL ORDER BY id`,
  );

const rejected = (count: number) => [
  'errors',
  `${count} records were rejected by the destination; the others landed.`,
  'equal',
  count,
];

/** Counters of records, as they stand. */
async function scrape() {
  const metrics = parseMetrics(await (await fetch(`${server.url}/metrics`)).text());
  const of = (what: string) => sumOf(metrics, `millrace_${what}_records_total`);
  return { read: of('read'), written: of('written'), deleted: of('deleted'), rejected: of('rejected') };
}

describe('a repair beside records that the destination refuses', { timeout: LIMIT_MS }, () => {
  it('counts what it reads, writes, removes and leaves out', async () => {
    const sync = await make('public.people');
    await scene.inDestination(`
      ALTER TABLE landing.people ADD CHECK (name <> 'name 5') NOT VALID;
      DELETE FROM landing.people WHERE id IN (5, 6, 7);
      INSERT INTO landing.people (id, name, amount, changed_at) VALUES (9001, 'extra', 0, now())`);
    const before = await scrape();
    const { repaired, rejects } = await run(sync);
    expect([repaired, rejects]).toEqual([['extra 9001', 'missing 6', 'missing 7'], ['5']]);
    const counted = { written: before.written + 2, deleted: before.deleted + 1, rejected: before.rejected + 1 };
    await expect.poll(scrape).toMatchObject(counted);
    // All to be compared, and some again to be written.
    expect((await scrape()).read).toBeGreaterThanOrEqual(before.read + RECORDS + 3);
  });

  it('leaves out what the load could not write, and repairs the rest', async () => {
    const sync = await make('public.people');
    await scene.inDestination(`
      ALTER TABLE landing.people ADD CHECK (name <> 'bad') NOT VALID;
      UPDATE landing.people SET name = 'altered' WHERE id = 777;
      DELETE FROM landing.people WHERE id = 1`);
    await scene.inSource(`
      UPDATE people SET name = 'bad', changed_at = now() WHERE id = 10;
      INSERT INTO people VALUES (5001, 'bad', 0, now()), (5002, 'good', 0, now())`);
    const first = await run(sync);
    expect(first.ended).toEqual(rejected(2));
    expect([first.repaired, first.rejects]).toEqual([
      ['different 777', 'missing 1'],
      ['10', '5001'],
    ]);
    // Of a refused change the destination keeps the version before it.
    expect(await landed('1, 10, 777, 5001, 5002')).toEqual([
      ['1', 'name 1', '1.00'],
      ['10', 'name 10', '10.00'],
      ['777', 'name 777', '777.00'],
      ['5002', 'good', '0.00'],
    ]);
    const second = await run(sync);
    expect([second.ended, second.repaired, second.rejects]).toEqual([rejected(2), null, ['10', '5001']]);
  });

  it.each(['delta', 'merge'])('lists what the destination refuses to have repaired, behind a %s', async (load) => {
    const sync = await make('public.people', load === 'delta');
    await scene.inDestination(`
      UPDATE landing.people SET amount = 0 WHERE id = 2500;
      UPDATE landing.people SET name = 'altered' WHERE id = 5;
      DELETE FROM landing.people WHERE id = 2600;
      ALTER TABLE landing.people ADD CHECK (amount < 2000) NOT VALID`);
    const { ended, schema, repaired, rejects, reasons } = await run(sync);
    expect([schema?.load, ended]).toEqual([load, rejected(2)]);
    expect(rejects).toEqual(['2500', '2600']);
    expect(reasons).toEqual([expect.stringContaining('people_amount_check')]);
    expect(repaired).toEqual(load === 'delta' ? ['different 5'] : null);
    expect(await landed('5, 2500, 2600')).toEqual([
      ['5', 'name 5', '5.00'],
      ['2500', 'name 2500', '0.00'],
    ]);
  });

  it('knows a refused record by its key, whatever that is made of', async () => {
    const sync = await make('public.keyed');
    await scene.inDestination(`ALTER TABLE landing.keyed ADD CHECK (note <> 'bad') NOT VALID;
      UPDATE landing.keyed SET note = 'altered' WHERE a = 3`);
    await scene.inSource(`UPDATE keyed SET note = 'bad', changed_at = now() WHERE a < 3`);
    const { ended, repaired, rejects } = await run(sync);
    expect(ended).toEqual(rejected(2));
    expect([repaired?.length, rejects.length]).toEqual([1, 2]);
    expect(await scene.inDestination('SELECT a, note FROM landing.keyed ORDER BY a')).toEqual([
      ['1', 'note'],
      ['2', 'note'],
      ['3', 'note'],
    ]);
  });
});
