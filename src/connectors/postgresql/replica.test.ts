import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OwnServer, type Replica, startOwnServer } from '../../../tests/setup/own-server.ts';
import { connectDatabase, copySchema, NEVER, openSide, type Side } from '../../../tests/setup/postgresql-loads.ts';
import type { Connector } from '../../connector-kit/index.ts';

// A streaming replica as the source. It cancels readers that are in the way of its primary's changes at once.

let primary: OwnServer;
let replica: Replica;
let side: Side;
let source: Connector;

beforeAll(async () => {
  // What it cleans up by itself would cancel readers, too.
  primary = await startOwnServer({ autovacuum: 'off' });
  await primary.sql('CREATE TABLE t AS SELECT i AS id, now() AS changed_at FROM generate_series(1, 5000) i');
  await primary.sql('ALTER TABLE t ADD PRIMARY KEY (id)');
  replica = await primary.startReplica({ max_standby_streaming_delay: '0' });
  side = await openSide();
  source = await connectDatabase(replica.url);
});

afterAll(async () => {
  await source[Symbol.asyncDispose]();
  await side[Symbol.asyncDispose]();
  await replica[Symbol.asyncDispose]();
  await primary[Symbol.asyncDispose]();
});

describe('a replica', () => {
  it('is read in one snapshot, cut into parts, by several sessions', async () => {
    await replica.catchUp();
    await source.check(NEVER);
    const { found, expected, ranges } = await copySchema({
      source,
      destination: side.connector,
      schemaId: 'public.t',
      segmentBytes: 50_000,
    });
    expect(ranges.length).toBeGreaterThan(1);
    expect(found).toEqual(expected);
    expect(found.records).toBe(5000);
  });

  it('tracks changes by best effort, and says why', async () => {
    await replica.catchUp();
    if (source.source === undefined) throw new Error('no source');
    await using snapshot = await source.source.openSnapshot(NEVER);
    expect(snapshot.position.position).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    const schema = (await source.source.discover(NEVER)).find(({ id }) => id === 'public.t');
    const field = schema?.fields.find(({ id }) => id === 'changed_at');
    if (schema === undefined || field === undefined) throw new Error('no field');
    expect(await source.source.planTracking({ schema, field, snapshot }, NEVER)).toMatchObject({
      guarantee: 'best_effort',
      reason: expect.stringContaining('replica'),
    });
  });

  it('that cancels a reader loses the snapshot, which is renewed, and the advice names the settings', async () => {
    await replica.catchUp();
    const bulk = source.source;
    if (bulk === undefined) throw new Error('no source');
    await using snapshot = await bulk.openSnapshot(NEVER);
    const schema = (await bulk.discover(NEVER)).find(({ id }) => id === 'public.t');
    if (schema === undefined) throw new Error('no table');
    await using reader = await connectDatabase(replica.url);
    const plan = () =>
      reader.source?.planSegments({ schema, snapshot, segmentBytes: 1 << 30, from: null, filters: [] }, NEVER);
    await plan();
    await primary.sql('DELETE FROM t WHERE id % 2 = 0');
    await primary.sql('VACUUM t');
    await replica.catchUp();
    const error: unknown = await Promise.resolve(plan()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'transient' });
    await expect(plan()).rejects.toMatchObject({
      code: 'SNAPSHOT_LOST',
      message: expect.stringContaining('hot_standby_feedback'),
    });
  });

  it('is its primary’s database, and no other one of the same name', async () => {
    await replica.catchUp();
    await using written = await connectDatabase(primary.url);
    const into = await written.destination?.identify?.(NEVER);
    const foreign = await side.connector.destination?.identify?.(NEVER);
    if (into === undefined || foreign === undefined) throw new Error('a destination that does not say which it is');
    const request = { schemaIds: ['public.t'], tables: [{ schema: 'public', name: 't' }] };
    const overwritten = request.tables.map((table) => ({ schemaId: 'public.t', table }));
    expect(await source.source?.findOverwritten?.({ ...request, into }, NEVER)).toEqual(overwritten);
    expect(await source.source?.findOverwritten?.({ ...request, into: foreign }, NEVER)).toEqual([]);
  });

  it('is named where it is the destination', async () => {
    const copy = { source: side.connector, destination: source, schemaId: 'public.t2' };
    await side.sql('CREATE TABLE t2 (id int PRIMARY KEY)');
    await expect(copySchema(copy)).rejects.toMatchObject({
      code: 'CONN_PRIVILEGE_MISSING',
      message: expect.stringContaining('replica'),
    });
  });
});
