import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase, NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import type { BulkSource, Checkpoint, HighestSeen, SegmentRange, SnapshotRef } from '../../connector-kit/index.ts';
import type { RowFilter, SchemaDescription } from '../../core/index.ts';
import { readKey, type WireFormat } from '../../formats/index.ts';

let side: Side;
let source: BulkSource;

beforeAll(async () => {
  side = await openSide();
  if (side.connector.source === undefined) throw new Error('the connector is no source');
  source = side.connector.source;
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

async function find(id: string, from: BulkSource = source): Promise<SchemaDescription> {
  const schema = (await from.discover(NEVER)).find((one) => one.id === id);
  if (schema === undefined) throw new Error(`${id} was not discovered`);
  return schema;
}

/** First fields of all records of these ranges, as text. */
async function readIds(
  schema: SchemaDescription,
  ranges: readonly SegmentRange[],
  snapshot: SnapshotRef,
  from: Checkpoint | null = null,
  by: BulkSource = source,
): Promise<string[]> {
  const [offer] = by.offer(schema.fields);
  const [first] = offer?.fields ?? [];
  if (offer === undefined || first === undefined) throw new Error('nothing is offered');
  const ids: string[] = [];
  for (const range of ranges) {
    for await (const { chunk } of by.read(
      { schema, format: offer.format, fields: offer.fields, range, snapshot, from, filters: [] },
      NEVER,
    )) {
      for (const index of chunk.ends.keys())
        ids.push(readKey(chunk, index, [{ position: 0, id: 'id', logicalType: first.logicalType }]).id ?? 'null');
    }
  }
  return ids;
}

const byNumber = (a: string, b: string) => Number(BigInt(a) - BigInt(b));

describe('segments', () => {
  it.each([
    ['public.keyed', 'key'],
    ['public.keyless', 'blocks'],
    ['public.parts', 'key'],
    ['public.scattered', 'blocks'],
    ['public.seen', 'whole'],
    ['public.parent', 'whole'],
    ['public.empty', 'whole'],
  ])('of %s hold every record exactly once, cut by %s', async (id, kind) => {
    const schema = await find(id);
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments(
      { schema, snapshot, segmentBytes: 500_000, from: null, filters: [] },
      NEVER,
    );
    expect(new Set(ranges.map(({ value }) => value.kind))).toEqual(new Set([kind]));
    if (kind !== 'whole') expect(ranges.length).toBeGreaterThan(5);
    const only = id === 'public.parent' ? 'ONLY ' : '';
    const all = (await side.sql(`SELECT id FROM ${only}${id} ORDER BY id`)).flat();
    expect((await readIds(schema, ranges, snapshot)).toSorted(byNumber)).toEqual(all);
  });

  it('are of like size where the key is unevenly spread', async () => {
    const schema = await find('public.keyed');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments(
      { schema, snapshot, segmentBytes: 500_000, from: null, filters: [] },
      NEVER,
    );
    const sizes = await Promise.all(ranges.map(async (range) => (await readIds(schema, [range], snapshot)).length));
    expect(Math.max(...sizes)).toBeLessThan((2 * 20_000) / ranges.length);
    expect(ranges[0]?.key).toEqual({ field: 'id', from: null, to: ranges[1]?.key?.from });
    expect(ranges.at(-1)?.key?.to).toBeNull();
    expect(ranges[1]?.text).toBe(`id from ${ranges[1]?.key?.from} to below ${ranges[1]?.key?.to}`);
  });

  it('are one for a small table', async () => {
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments(
      { schema: await find('public.keyed'), snapshot, segmentBytes: 1e9, from: null, filters: [] },
      NEVER,
    );
    expect(ranges.map(({ text }) => text)).toEqual(['whole table']);
  });

  it('cannot be planned for a table that is gone, and the snapshot outlives the failure', async () => {
    const schema = await find('public.keyed');
    await using snapshot = await source.openSnapshot(NEVER);
    await expect(
      source.planSegments(
        { schema: { ...schema, id: 'public.gone' }, snapshot, segmentBytes: 1e9, from: null, filters: [] },
        NEVER,
      ),
    ).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    expect(await readIds(schema, ranges, snapshot)).toHaveLength(20_000);
  });
});

describe('a snapshot', () => {
  it('is one image for every reader, also in other connectors, whatever is written meanwhile', async () => {
    await side.sql(`CREATE TABLE moving (id int PRIMARY KEY); INSERT INTO moving SELECT generate_series(1, 100)`);
    const schema = await find('public.moving');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    await side.sql(`UPDATE moving SET id = id + 1000; INSERT INTO moving VALUES (5000)`);
    await using other = await connectDatabase(side.url);
    const ref: SnapshotRef = JSON.parse(
      JSON.stringify({ token: snapshot.token, position: snapshot.position, lowerBound: snapshot.lowerBound }),
    );
    const ids = await readIds(schema, ranges, ref, null, other.source);
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
    const schema = await find(sql.includes('parted') ? 'public.parted' : 'public.cut');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    expect(await readIds(schema, ranges, snapshot)).toEqual(['1']);
    await side.sql(sql);
    await expect(readIds(schema, ranges, snapshot)).rejects.toMatchObject({ code: 'SNAPSHOT_LOST' });
  });

  it('keeps no locks of what was planned and read, so that thousands of tables have room', async () => {
    const schema = await find('public.keyed');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    await readIds(schema, ranges, snapshot);
    const held = await side.sql(`SELECT FROM pg_locks WHERE relation = 'keyed'::regclass`);
    expect(held).toHaveLength(0);
  });

  it('is lost with its holder, and the reader says so', async () => {
    const schema = await find('public.keyed');
    const snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    await snapshot[Symbol.asyncDispose]();
    await expect(readIds(schema, ranges, snapshot)).rejects.toMatchObject({ code: 'SNAPSHOT_LOST', kind: 'transient' });
  });

  it('is not confused with another one of the same name', async () => {
    const schema = await find('public.empty');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    const forged = { ...snapshot, token: snapshot.token.replace(/ .*/, ' 00000000000000000000000000000000') };
    await using other = await connectDatabase(side.url);
    await expect(readIds(schema, ranges, forged, null, other.source)).rejects.toMatchObject({ code: 'SNAPSHOT_LOST' });
  });

  it('lets go of the source when it ends', async () => {
    const schema = await find('public.keyed');
    const snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments(
      { schema, snapshot, segmentBytes: 500_000, from: null, filters: [] },
      NEVER,
    );
    await readIds(schema, ranges, snapshot);
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

describe('a tracking field', () => {
  beforeAll(async () => {
    await side.sql(
      `CREATE TABLE tracked (id int PRIMARY KEY, z timestamptz, s timestamp, d date, n int, p timestamptz(0), nul timestamptz)`,
    );
    await side.sql(
      `INSERT INTO tracked SELECT i, '2026-01-01'::timestamptz + i * interval '1 day', '2026-01-01'::timestamp + i * interval '1 day', '2026-01-01'::date + i, i FROM generate_series(1, 10) i`,
    );
  });

  async function plan(fieldId: string) {
    const schema = await find('public.tracked');
    const field = schema.fields.find(({ id }) => id === fieldId);
    if (field === undefined) throw new Error('no such field');
    await using snapshot = await source.openSnapshot(NEVER);
    const tracking = await source.planTracking({ schema, field, snapshot }, NEVER);
    return { tracking, snapshot, schema };
  }

  it.each([
    ['z', 'database_clock', '2026-01-11 00:00:00+00'],
    ['s', 'best_effort', '2026-01-10 23:55:00'],
    ['d', 'best_effort', '2026-01-10'],
    ['n', 'best_effort', '10'],
  ])('%s gives the label %s and begins the next delta at %s', async (field, guarantee, value) => {
    const { tracking } = await plan(field);
    expect(tracking).toMatchObject({ guarantee, next: { version: 1, field, value } });
    expect(tracking.reason).not.toBe('');
  });

  it('is explained without a look at the table where its next value may stay open', async () => {
    const schema = await find('public.tracked');
    const field = schema.fields.find(({ id }) => id === 'z');
    if (field === undefined) throw new Error('no such field');
    await using snapshot = await source.openSnapshot(NEVER);
    const tracking = await source.planTracking({ schema, field, snapshot, mayLeaveOpen: true }, NEVER);
    expect(tracking).toMatchObject({ next: null, isNextOpen: true, guarantee: 'database_clock' });
  });

  it('never begins the next delta behind the oldest open transaction', async () => {
    const writer = new pg.Client(side.url);
    await writer.connect();
    await writer.query('BEGIN');
    // Reads only: it has no transaction id yet, and may still write a value stamped with its start.
    const { rows } = await writer.query<{ started: string }>(`SELECT now()::text AS started`);
    await side.sql(`INSERT INTO tracked (id, z) VALUES (50, now() + interval '1 year')`);
    const { tracking, snapshot } = await plan('z');
    await writer.query('ROLLBACK');
    await writer.end();
    await side.sql('DELETE FROM tracked WHERE id = 50');
    const started = new Date(rows[0]?.started ?? '').getTime();
    expect(snapshot.lowerBound.isExact).toBe(true);
    expect(new Date(snapshot.lowerBound.value).getTime()).toBeLessThan(started);
    expect(new Date(String(tracking.next?.value)).getTime()).toBeLessThan(started);
  });

  it('is best effort while sessions are hidden from the user', async () => {
    const hidden = new pg.Client(side.superuserUrl);
    await hidden.connect();
    try {
      const { tracking } = await plan('z');
      expect(tracking).toMatchObject({ guarantee: 'best_effort' });
      expect(tracking.reason).toContain('pg_read_all_stats');
      expect(tracking.next?.value).toBe('2026-01-10 23:55:00+00');
    } finally {
      await hidden.end();
    }
  });

  it('without any value reads everything again, unless the clock can be trusted', async () => {
    expect((await plan('nul')).tracking.next).toMatchObject({ field: 'nul' });
    await side.sql('CREATE TABLE blank (id int PRIMARY KEY, s timestamp)');
    const schema = await find('public.blank');
    const field = schema.fields[1];
    if (field === undefined) throw new Error('no such field');
    await using snapshot = await source.openSnapshot(NEVER);
    expect((await source.planTracking({ schema, field, snapshot }, NEVER)).next).toBeNull();
  });

  it('selects what is at or behind the cursor, and what has no value', async () => {
    const schema = await find('public.tracked');
    await using snapshot = await source.openSnapshot(NEVER);
    const from = { version: 1, field: 'z', kind: 'timestamptz', value: '2026-01-09 00:00:00+00' };
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1, from, filters: [] }, NEVER);
    expect(ranges.map(({ text }) => text)).toEqual(['z from 2026-01-09 00:00:00+00']);
    await side.sql('UPDATE tracked SET z = NULL WHERE id = 1');
    await using later = await source.openSnapshot(NEVER);
    expect((await readIds(schema, ranges, later, from)).toSorted(byNumber)).toEqual(['1', '8', '9', '10']);
    await side.sql(`UPDATE tracked SET z = '2026-01-02' WHERE id = 1`);
  });

  /** What a delta from here says of its highest value while it is read. */
  async function readHighest(fieldId: string, value: string, format: WireFormat, filters: readonly RowFilter[] = []) {
    const schema = await find('public.tracked');
    const field = schema.fields.find(({ id }) => id === fieldId);
    const offer = source.offer(schema.fields).find((one) => one.format === format);
    if (field === undefined || offer === undefined) throw new Error('no such field or format');
    await using snapshot = await source.openSnapshot(NEVER);
    const from = { version: 1, field: fieldId, kind: field.logicalType.kind, value };
    const [range] = await source.planSegments({ schema, snapshot, segmentBytes: 1, from, filters }, NEVER);
    if (range === undefined) throw new Error('nothing to read');
    let highest: HighestSeen | undefined;
    const request = { schema, format, fields: offer.fields, range, snapshot, from, filters };
    for await (const read of source.read(request, NEVER)) highest = read.highest;
    const question = { schema, field, snapshot };
    const known = highest === undefined ? null : await source.planTracking({ ...question, highest }, NEVER);
    return { highest, known, looked: await source.planTracking(question, NEVER) };
  }

  it.each([
    ['z', '2026-01-09 00:00:00+00'],
    ['s', '2026-01-09 00:00:00'],
    ['d', '2026-01-09'],
    ['n', '9'],
  ])('%s has the same next value by what a delta has read as by a look at the table', async (field, value) => {
    const { highest, known, looked } = await readHighest(field, value, 'pgcopy-binary');
    expect(highest).toBeDefined();
    expect(known).toEqual(looked);
  });

  it('without an end is as high by a read as by a look', async () => {
    await side.sql(`INSERT INTO tracked (id, z, d) VALUES (60, 'infinity', 'infinity')`);
    const found = [
      await readHighest('z', '2026-01-09 00:00:00+00', 'pgcopy-binary'),
      await readHighest('d', '2026-01-09', 'pgcopy-binary'),
    ];
    await side.sql('DELETE FROM tracked WHERE id = 60');
    for (const { highest, known, looked } of found) {
      expect(highest?.value).toBe('infinity');
      // The bound is the clock's, which two snapshots have not in common, but one has.
      expect(known).toEqual(looked);
    }
    expect(found[1]?.looked.next).toBeNull();
  });

  it('is looked for where a delta was read by another field', async () => {
    const schema = await find('public.tracked');
    const field = schema.fields.find(({ id }) => id === 'n');
    if (field === undefined) throw new Error('no such field');
    await using snapshot = await source.openSnapshot(NEVER);
    const highest = { field: 'id', value: '1000' };
    const { next } = await source.planTracking({ schema, field, snapshot, highest }, NEVER);
    expect(next).toMatchObject({ field: 'n', value: '10' });
  });

  it('is not watched while filters hide records, nor in other formats', async () => {
    const filters = [{ field: 'n', function: 'LessThan', value: 10 }] as const;
    expect((await readHighest('z', '2026-01-09 00:00:00+00', 'pgcopy-binary', filters)).highest).toBeUndefined();
    expect((await readHighest('z', '2026-01-09 00:00:00+00', 'csv')).highest).toBeUndefined();
  });

  it('refuses a checkpoint that it did not make', async () => {
    const schema = await find('public.tracked');
    await using snapshot = await source.openSnapshot(NEVER);
    const from = { version: 1, field: 'z', kind: `timestamptz; DROP TABLE tracked`, value: '1' };
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1, from, filters: [] }, NEVER);
    await expect(readIds(schema, ranges, snapshot, from)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

describe('reading', () => {
  it('names a field that is gone', async () => {
    await side.sql('CREATE TABLE shrinking (id int PRIMARY KEY, gone text)');
    const schema = await find('public.shrinking');
    await side.sql('ALTER TABLE shrinking DROP COLUMN gone');
    await using snapshot = await source.openSnapshot(NEVER);
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1e9, from: null, filters: [] }, NEVER);
    await expect(readIds(schema, ranges, snapshot)).rejects.toMatchObject({
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
    const schema = await find('public.gathered');
    await using snapshot = await source.openSnapshot(NEVER);
    const plan = (segmentBytes: number) =>
      source.planSegments({ schema, snapshot, segmentBytes, from: null, filters: [] }, NEVER);
    const ranges = await plan(500_000);
    expect(ranges.length).toBeGreaterThan(5);
    expect(new Set(await readIds(schema, ranges, snapshot))).toEqual(new Set(['none']));
    const sessions = () =>
      side.sql(
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction' ORDER BY pid`,
      );
    const before = await sessions();
    expect(new Set(await readIds(schema, await plan(1e9), snapshot))).toEqual(new Set(['some']));
    expect(await sessions()).toEqual(before);
    expect(before).toHaveLength(2);
  });
});
