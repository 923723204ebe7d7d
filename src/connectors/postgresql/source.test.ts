import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase, NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import { byNumber, findSchema, readIds } from '../../../tests/setup/read-ids.ts';
import type { BulkSource, Connector, SnapshotRef } from '../../connector-kit/index.ts';

const sourceOf = ({ source: found }: Pick<Connector, 'source'>): BulkSource => {
  if (found === undefined) throw new Error('the connector is no source');
  return found;
};

let side: Side;
let source: BulkSource;

beforeAll(async () => {
  side = await openSide();
  source = sourceOf(side.connector);
  await side.sql(`
    CREATE TABLE keyed (id bigint PRIMARY KEY, note text);
    INSERT INTO keyed SELECT i * i, repeat('x', 200) FROM generate_series(1, 20000) i;
    CREATE TABLE keyless (id int, note text);
    INSERT INTO keyless SELECT i, repeat('x', 200) FROM generate_series(1, 20000) i;
    DELETE FROM keyless WHERE id % 3 = 0;
    CREATE TABLE parts (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
    CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (5000);
    CREATE TABLE parts_b PARTITION OF parts FOR VALUES FROM (5000) TO (MAXVALUE);
    INSERT INTO parts SELECT i, repeat('x', 200) FROM generate_series(1, 20000) i;
    CREATE VIEW seen AS SELECT * FROM keyed;
    CREATE TABLE parent (id int PRIMARY KEY, note text); CREATE TABLE child () INHERITS (parent);
    INSERT INTO parent VALUES (1, 'own'); INSERT INTO child VALUES (2, 'inherited');
    CREATE TABLE empty (id int PRIMARY KEY);
    CREATE TABLE scattered (id int PRIMARY KEY, note text);
    INSERT INTO scattered SELECT i, repeat('x', 200) FROM generate_series(1, 20000) i ORDER BY md5(i::text);
    ANALYZE`);
});

afterAll(() => side[Symbol.asyncDispose]());

describe('segments', () => {
  it.each(['public.keyed', 'public.seen'])(
    'of %s are named by the session that reads them, until their end',
    async (id) => {
      const names = async () =>
        (
          await side.sql(
            `SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%/%'`,
          )
        ).flat();
      const schema = await findSchema(source, id);
      await using snapshot = await source.openSnapshot(NEVER);
      const question = { schema, snapshot, segmentBytes: 500_000, from: null, filters: [] };
      const [range] = await source.planSegments(question, NEVER);
      const [offer] = source.offer(schema.fields);
      if (range === undefined || offer === undefined) throw new Error('nothing is offered');
      const seen: unknown[] = [];
      const request = { ...question, ...offer, range, segment: { no: 12, token: 3 } };
      for await (const { chunk } of source.read(request, NEVER))
        if (chunk.ends.length > 0) seen.push(...(await names()));
      expect(new Set(seen)).toEqual(new Set(['millrace test 12/3']));
      expect(await names()).toEqual([]);
    },
  );

  it.each([
    ['public.keyed', 'key'],
    ['public.keyless', 'blocks'],
    ['public.parts', 'key'],
    ['public.scattered', 'blocks'],
    ['public.seen', 'whole'],
    ['public.parent', 'whole'],
    ['public.empty', 'whole'],
  ])('of %s hold every record exactly once, cut by %s', async (id, kind) => {
    const schema = await findSchema(source, id);
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments(
      { schema, snapshot, segmentBytes: 500_000, from: null, filters: [] },
      NEVER,
    );
    expect(new Set(ranges.map(({ value }) => value.kind))).toEqual(new Set([kind]));
    if (kind !== 'whole') expect(ranges.length).toBeGreaterThan(5);
    const only = id === 'public.parent' ? 'ONLY ' : '';
    const all = (await side.sql(`SELECT id FROM ${only}${id} ORDER BY id`)).flat();
    expect((await readIds(source, schema, ranges, snapshot)).toSorted(byNumber)).toEqual(all);
  });

  it('are of like size where the key is unevenly spread', async () => {
    const schema = await findSchema(source, 'public.keyed');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments(
      { schema, snapshot, segmentBytes: 500_000, from: null, filters: [] },
      NEVER,
    );
    const sizes = await Promise.all(
      ranges.map(async (range) => (await readIds(source, schema, [range], snapshot)).length),
    );
    expect(Math.max(...sizes)).toBeLessThan((2 * 20_000) / ranges.length);
    expect(ranges[0]?.key).toEqual({ field: 'id', from: null, to: ranges[1]?.key?.from });
    expect(ranges.at(-1)?.key?.to).toBeNull();
    expect(ranges[1]?.text).toBe(`id from ${ranges[1]?.key?.from} to below ${ranges[1]?.key?.to}`);
  });

  it('are one for a small table', async () => {
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments(
      { schema: await findSchema(source, 'public.keyed'), snapshot, segmentBytes: 1e9, from: null, filters: [] },
      NEVER,
    );
    expect(ranges.map(({ text }) => text)).toEqual(['whole table']);
  });

  it('cannot be planned for a table that is gone, and the snapshot outlives the failure', async () => {
    const schema = await findSchema(source, 'public.keyed');
    await using snapshot = await source.openSnapshot(NEVER);
    await expect(
      source.planSegments(
        { schema: { ...schema, id: 'public.gone' }, snapshot, segmentBytes: 1e9, from: null, filters: [] },
        NEVER,
      ),
    ).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    expect(await readIds(source, schema, ranges, snapshot)).toHaveLength(20_000);
  });
});

describe('a snapshot', () => {
  it('is one image for every reader, also in other connectors, whatever is written meanwhile', async () => {
    await side.sql(`CREATE TABLE moving (id int PRIMARY KEY); INSERT INTO moving SELECT generate_series(1, 100)`);
    const schema = await findSchema(source, 'public.moving');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    await side.sql(`UPDATE moving SET id = id + 1000; INSERT INTO moving VALUES (5000)`);
    await using other = await connectDatabase(side.url);
    const ref: SnapshotRef = JSON.parse(
      JSON.stringify({ token: snapshot.token, position: snapshot.position, lowerBound: snapshot.lowerBound }),
    );
    const ids = await readIds(sourceOf(other), schema, ranges, ref);
    expect(ids.toSorted(byNumber)).toEqual(Array.from({ length: 100 }, (_, index) => String(index + 1)));
    expect(snapshot.position.position).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
  });

  it.each([
    ['truncated', 'TRUNCATE cut'],
    ['rewritten', 'ALTER TABLE cut ALTER COLUMN id TYPE bigint'],
    ['made anew', 'DROP TABLE cut; CREATE TABLE cut (id int, part int)'],
    ['truncated in part', 'TRUNCATE parted_1'],
  ])('is lost for a table that was %s since', async (_how, sql) => {
    await side.sql(`DROP TABLE IF EXISTS cut, parted;
      CREATE TABLE cut (id int, part int); INSERT INTO cut VALUES (1, 1);
      CREATE TABLE parted (id int, part int) PARTITION BY LIST (part);
      CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1); INSERT INTO parted VALUES (1, 1)`);
    const schema = await findSchema(source, sql.includes('parted') ? 'public.parted' : 'public.cut');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    expect(await readIds(source, schema, ranges, snapshot)).toEqual(['1']);
    await side.sql(sql);
    await expect(readIds(source, schema, ranges, snapshot)).rejects.toMatchObject({ code: 'SNAPSHOT_LOST' });
  });

  it('keeps no locks of what was planned and read, so that thousands of tables have room', async () => {
    const schema = await findSchema(source, 'public.keyed');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    await readIds(source, schema, ranges, snapshot);
    // The server may be cleaning up the table just now.
    await expect.poll(() => side.sql(`SELECT mode FROM pg_locks WHERE relation = 'keyed'::regclass`)).toEqual([]);
  });

  it('is lost with its holder, and the reader says so', async () => {
    const schema = await findSchema(source, 'public.keyed');
    const snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    await snapshot[Symbol.asyncDispose]();
    await expect(readIds(source, schema, ranges, snapshot)).rejects.toMatchObject({
      code: 'SNAPSHOT_LOST',
      kind: 'transient',
    });
  });

  it('is not confused with another one of the same name', async () => {
    const schema = await findSchema(source, 'public.empty');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    const forged = { ...snapshot, token: snapshot.token.replace(/ .*/, ' 00000000000000000000000000000000') };
    await using other = await connectDatabase(side.url);
    await expect(readIds(sourceOf(other), schema, ranges, forged)).rejects.toMatchObject({ code: 'SNAPSHOT_LOST' });
  });

  it('lets go of the source when it ends', async () => {
    const schema = await findSchema(source, 'public.keyed');
    const snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments(
      { schema, snapshot, segmentBytes: 500_000, from: null, filters: [] },
      NEVER,
    );
    await readIds(source, schema, ranges, snapshot);
    await snapshot[Symbol.asyncDispose]();
    await expect
      .poll(() =>
        side.sql(
          `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`,
        ),
      )
      .toEqual([['0']]);
  });
});

describe('reading', () => {
  it('names a field that is gone', async () => {
    await side.sql('CREATE TABLE shrinking (id int PRIMARY KEY, gone text)');
    const schema = await findSchema(source, 'public.shrinking');
    await side.sql('ALTER TABLE shrinking DROP COLUMN gone');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    await expect(readIds(source, schema, ranges, snapshot)).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringContaining('gone'),
    });
  });

  it('takes no parallel workers for a range, and leaves them to a whole table in the same transaction', async () => {
    // Each statement sees the records that say how it is run.
    await side.sql(`CREATE TABLE gathered (workers text, note text);
      INSERT INTO gathered SELECT unnest(ARRAY['none', 'some']), repeat('x', 200) FROM generate_series(1, 10000);
      ALTER TABLE gathered ENABLE ROW LEVEL SECURITY; ALTER TABLE gathered FORCE ROW LEVEL SECURITY;
      CREATE POLICY by_workers ON gathered
        USING (workers = CASE current_setting('max_parallel_workers_per_gather') WHEN '0' THEN 'none' ELSE 'some' END);
      ANALYZE gathered`);
    const schema = await findSchema(source, 'public.gathered');
    await using snapshot = await source.openSnapshot(NEVER);
    const plan = (segmentBytes: number) =>
      source.planSegments({ schema, snapshot, segmentBytes, from: null, filters: [] }, NEVER);
    const ranges = await plan(500_000);
    expect(ranges.length).toBeGreaterThan(5);
    expect(new Set(await readIds(source, schema, ranges, snapshot))).toEqual(new Set(['none']));
    const sessions = () =>
      side.sql(
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction' ORDER BY pid`,
      );
    const before = await sessions();
    expect(new Set(await readIds(source, schema, await plan(1e9), snapshot))).toEqual(new Set(['some']));
    expect(await sessions()).toEqual(before);
    expect(before).toHaveLength(2);
  });
});
