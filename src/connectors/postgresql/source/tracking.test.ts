import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NEVER, openSide, type Side } from '../../../../tests/setup/postgresql-loads.ts';
import { byNumber, findSchema, readIds } from '../../../../tests/setup/read-ids.ts';
import type { BulkSource, HighestSeen } from '../../../connector-kit/index.ts';
import type { RowFilter } from '../../../core/index.ts';
import type { WireFormat } from '../../../formats/index.ts';

let side: Side;
let source: BulkSource;

beforeAll(async () => {
  side = await openSide();
  if (side.connector.source === undefined) throw new Error('the connector is no source');
  source = side.connector.source;
});

afterAll(() => side[Symbol.asyncDispose]());

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
    const schema = await findSchema(source, 'public.tracked');
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
    const schema = await findSchema(source, 'public.tracked');
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
    const schema = await findSchema(source, 'public.blank');
    const field = schema.fields[1];
    if (field === undefined) throw new Error('no such field');
    await using snapshot = await source.openSnapshot(NEVER);
    expect((await source.planTracking({ schema, field, snapshot }, NEVER)).next).toBeNull();
  });

  it('selects what is at or behind the cursor, and what has no value', async () => {
    const schema = await findSchema(source, 'public.tracked');
    await using snapshot = await source.openSnapshot(NEVER);
    const from = { version: 1, field: 'z', kind: 'timestamptz', value: '2026-01-09 00:00:00+00' };
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1, from, filters: [] }, NEVER);
    expect(ranges.map(({ text }) => text)).toEqual(['z from 2026-01-09 00:00:00+00']);
    await side.sql('UPDATE tracked SET z = NULL WHERE id = 1');
    await using later = await source.openSnapshot(NEVER);
    expect((await readIds(source, schema, ranges, later, from)).toSorted(byNumber)).toEqual(['1', '8', '9', '10']);
    await side.sql(`UPDATE tracked SET z = '2026-01-02' WHERE id = 1`);
  });

  /** What a delta from here says of its highest value while it is read. */
  async function readHighest(fieldId: string, value: string, format: WireFormat, filters: readonly RowFilter[] = []) {
    const schema = await findSchema(source, 'public.tracked');
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
    const schema = await findSchema(source, 'public.tracked');
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
    const schema = await findSchema(source, 'public.tracked');
    await using snapshot = await source.openSnapshot(NEVER);
    const from = { version: 1, field: 'z', kind: `timestamptz; DROP TABLE tracked`, value: '1' };
    const ranges = await source.planSegments({ schema, snapshot, segmentBytes: 1, from, filters: [] }, NEVER);
    await expect(readIds(source, schema, ranges, snapshot, from)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});
