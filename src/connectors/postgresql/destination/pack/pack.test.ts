import pg from 'pg';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { WAITING_FOR_US } from '../../../../../tests/setup/databases.ts';
import { useSides } from '../../../../../tests/setup/postgresql-copies.ts';
import {
  connectDatabase,
  copySchema,
  NEVER,
  openLoad,
  readWhole,
} from '../../../../../tests/setup/postgresql-loads.ts';
import type { Connector, LoadPlan, Pack } from '../../../../connector-kit/index.ts';

const { source, destination } = useSides(
  `CREATE TABLE one (id int PRIMARY KEY, note text);
   INSERT INTO one SELECT i, 'note ' || i FROM generate_series(1, 10) i;
   CREATE TABLE two AS SELECT i AS id FROM generate_series(1, 3) i`,
);
let generation = 0;

beforeEach(async () => {
  await destination.sql('DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS __millrace CASCADE');
});

const copyOf = (name: string, plan: Partial<LoadPlan> = {}) => ({
  source: source.connector,
  destination: destination.connector,
  schemaId: `public.${name}`,
  plan: { generation, ...plan },
});

type Read = Awaited<ReturnType<typeof readWhole>>;

/** A table's plan in a new generation, and all of its records. */
async function read(name: string, given: Partial<LoadPlan> = {}): Promise<Read> {
  generation += 1;
  const side = source.connector.source;
  if (side === undefined) throw new Error('no source');
  await using snapshot = await side.openSnapshot(NEVER);
  return await readWhole(copyOf(name, given), snapshot);
}

async function openPack(connector: Connector, reads: readonly Read[], token = 1): Promise<Pack> {
  const pack = await connector.destination?.openPack?.(
    reads.map(({ plan }) => ({ plan, segment: { no: 1, token } })),
    NEVER,
  );
  if (pack === undefined) throw new Error('no packs');
  return pack;
}

const outcomeOf = (records: number) => ({
  recordsRead: records,
  bytesRead: 1,
  source: { records, sum: null },
  rejects: [],
});

async function waysOf(...reads: readonly Read[]): Promise<readonly string[]> {
  await using pack = await openPack(destination.connector, reads);
  return pack.enter(NEVER);
}

/** Names in the server's list that say what is worked on. */
function sessionNames(): Promise<unknown[][]> {
  const sql = `SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'millrace test %'`;
  return destination.sql(sql);
}

describe('the way of a table in a pack', () => {
  it('is to be loaded when it is new, and to be compared when it is there as it was planned', async () => {
    const one = await read('one');
    expect(await waysOf(one, await read('two'))).toEqual(['load', 'load']);
    generation += 1;
    await copySchema(copyOf('one'));
    expect(await waysOf(await read('one', { kind: 'merge' }))).toEqual(['compare']);
  });

  it.each([
    ['another hand made it', 'CREATE TABLE one (id int)', {}],
    ['the name of its key is taken', 'CREATE TABLE two (id int CONSTRAINT one_pkey PRIMARY KEY)', {}],
    ['its key was declared by a user', 'SELECT', { isKeyDeclared: true }],
  ])('is its own when %s', async (_, sql, given) => {
    await destination.sql(sql);
    expect(await waysOf(await read('one', given))).toEqual(['alone']);
  });

  it.each([
    ['a column has another type', 'ALTER TABLE one ALTER note TYPE varchar(200)'],
    ['a column is missing', 'ALTER TABLE one DROP note'],
    [
      'a column that nobody fills takes no NULL',
      'ALTER TABLE one ADD more int NOT NULL DEFAULT 0; ALTER TABLE one ALTER more DROP DEFAULT',
    ],
    ['tombstones are no longer kept', 'ALTER TABLE one ADD __millrace_deleted_at timestamptz'],
    ['row-level security binds us', 'ALTER TABLE one ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY'],
    ['an earlier load has left something', null],
  ])('is its own when %s', async (_, sql) => {
    generation += 1;
    await copySchema(copyOf('one'));
    const { plan } = await read('one', { kind: 'merge' });
    if (sql === null) await (await openLoad(destination.connector, plan)).prepare(NEVER);
    else await destination.sql(sql);
    expect(await waysOf(await read('one', { kind: 'merge' }))).toEqual(['alone']);
  });
});

describe('a pack', () => {
  it('publishes nothing before it is told to, and everything at once', async () => {
    const reads = [await read('one'), await read('two')];
    await using pack = await openPack(destination.connector, reads);
    await pack.enter(NEVER);
    for (const [index, { chunks }] of reads.entries()) await pack.write(index, chunks, NEVER);
    const outcomes = new Map([
      [0, outcomeOf(10)],
      [1, outcomeOf(3)],
    ]);
    await pack.commit(outcomes, NEVER);
    expect(await destination.sql(`SELECT to_regclass('one'), to_regclass('two')`)).toEqual([[null, null]]);
    expect(await pack.digest(1, true, NEVER)).toEqual({ records: 3, sum: null });
    const counts = await pack.publish(outcomes, NEVER);
    expect([...counts.values()].map(({ inserted }) => inserted)).toEqual([10, 3]);
    expect(await destination.sql('SELECT count(*) FROM one UNION ALL SELECT count(*) FROM two')).toEqual([
      ['10'],
      ['3'],
    ]);
  });

  it('has its session name the table that it is at, and itself while it publishes', async () => {
    const reads = [await read('one'), await read('two')];
    await using pack = await openPack(destination.connector, reads);
    await pack.enter(NEVER);
    for (const [index, { chunks }] of reads.entries()) {
      await pack.write(index, chunks, NEVER);
      expect(await sessionNames()).toEqual([[`millrace test ${['one', 'two'][index]}`]]);
    }
    const outcomes = new Map([
      [0, outcomeOf(10)],
      [1, outcomeOf(3)],
    ]);
    await pack.commit(outcomes, NEVER);
    expect(await sessionNames()).toEqual([]);
    await using client = Object.assign(new pg.Client(destination.url), { [Symbol.asyncDispose]: () => client.end() });
    await client.connect();
    await client.query('BEGIN; LOCK TABLE __millrace.publications IN SHARE MODE');
    const publishing = pack.publish(outcomes, NEVER);
    await vi.waitUntil(async () => (await client.query(WAITING_FOR_US)).rows.length > 0, { timeout: 60_000 });
    expect(await sessionNames()).toEqual([['millrace test pack of 2']]);
    await client.query('COMMIT');
    await publishing;
  });

  it.each([
    ['before its commit', false, 'absent'],
    ['behind its commit', true, 'committed'],
  ])('that was given up %s is ended by whoever goes on with its tables', async (_, isCommitted, found) => {
    const one = await read('one');
    await using frozen = await connectDatabase(destination.url);
    const pack = await openPack(frozen, [one]);
    await pack.enter(NEVER);
    await pack.write(0, one.chunks, NEVER);
    if (isCommitted) await pack.commit(new Map([[0, outcomeOf(10)]]), NEVER);
    const load = await openLoad(destination.connector, one.plan);
    await load.prepare(NEVER);
    expect((await load.lookup({ no: 1, token: 2 }, NEVER)).state).toBe(found);
    const late = isCommitted ? pack.publish(new Map([[0, outcomeOf(10)]]), NEVER) : pack.commit(new Map(), NEVER);
    await expect(late).rejects.toMatchObject({ code: 'CONN_LOST' });
    await pack[Symbol.asyncDispose]();
    if (!isCommitted) {
      await using writer = await load.beginSegment({ no: 1, token: 2 }, { isolate: false }, NEVER);
      for (const chunk of one.chunks) await writer.write(chunk, NEVER);
      await writer.commit(outcomeOf(10), NEVER);
    }
    await load.seal(NEVER);
    expect(await load.publish({ maxLossPercent: 0 }, NEVER)).toMatchObject({ inserted: 10 });
    expect(await destination.sql('SELECT count(*) FROM one')).toEqual([['10']]);
  });

  it('that is given up before it wrote anything leaves nobody who is ended for it later', async () => {
    const [one, two] = [await read('one'), await read('two')];
    const pack = await openPack(destination.connector, [one, two]);
    await pack.enter(NEVER);
    await pack[Symbol.asyncDispose]();
    const [first, second] = [
      await openLoad(destination.connector, one.plan),
      await openLoad(destination.connector, two.plan),
    ];
    await first.prepare(NEVER);
    await using writer = await first.beginSegment({ no: 1, token: 2 }, { isolate: false }, NEVER);
    await second.prepare(NEVER);
    for (const chunk of one.chunks) await writer.write(chunk, NEVER);
    await writer.commit(outcomeOf(10), NEVER);
    expect((await first.lookup({ no: 1, token: 2 }, NEVER)).state).toBe('committed');
  });

  it('cannot publish when another sync has taken the table meanwhile', async () => {
    const one = await read('one');
    const pack = await openPack(destination.connector, [one]);
    await pack.enter(NEVER);
    await pack.write(0, one.chunks, NEVER);
    await pack.commit(new Map([[0, outcomeOf(10)]]), NEVER);
    const other = { ...one.plan, syncId: 'other', adopt: true };
    await destination.sql(`UPDATE __millrace.owners SET sync_id = '${other.syncId}'`);
    await expect(pack.publish(new Map([[0, outcomeOf(10)]]), NEVER)).rejects.toMatchObject({ code: 'FENCE_LOST' });
    await pack[Symbol.asyncDispose]();
    expect(await destination.sql(`SELECT to_regclass('one')`)).toEqual([[null]]);
  });

  it('lets go of tables that it does not publish', async () => {
    const one = await read('one');
    await using pack = await openPack(destination.connector, [one]);
    await pack.enter(NEVER);
    await pack.publish(new Map(), NEVER);
    expect(await destination.sql('SELECT pid FROM __millrace.fences')).toEqual([[null]]);
  });
});
