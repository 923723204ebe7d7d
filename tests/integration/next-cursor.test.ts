import { expect, it } from 'vitest';
import { queryDatabase } from '../setup/databases.ts';
import { useFailingServer, useSyncScene } from '../setup/hooks.ts';
import { type Ended, untilEnded } from '../setup/syncs.ts';

// Where the next delta begins, which is found while the records of this one are written.

const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text, changed_at timestamptz NOT NULL);
  INSERT INTO people SELECT i, 'p' || i, '2024-01-01Z'::timestamptz + i * interval '1 day' FROM generate_series(1, 10) i`;

const { server, failAt, recover } = useFailingServer();
const scene = useSyncScene(server, SOURCE);

const make = () => scene.make([{ id: 'public.people', tracking_field: 'changed_at' }]);

async function cursorOf(syncId: string): Promise<unknown> {
  const [[value] = []] = await queryDatabase(
    server.metadata.url,
    `SELECT cursor->>'value' FROM bulk_sync_schemas WHERE sync_id = '${syncId}'`,
  );
  return value;
}

const change = (id: number, at: string) =>
  scene.inSource(`UPDATE people SET name = name || '!', changed_at = '${at}' WHERE id = ${id}`);

async function expectEqual({ execution, receipt }: Ended, read: number): Promise<void> {
  const [schema] = receipt?.schemas ?? [];
  expect([execution.status, receipt?.verdict, schema?.load, schema?.counts.read]).toEqual([
    'completed',
    'equal',
    'delta',
    read,
  ]);
  const names = 'SELECT id, name FROM people ORDER BY id';
  expect(await scene.inDestination(names.replace('people', 'landing.people'))).toEqual(await scene.inSource(names));
}

it('moves with each delta', async () => {
  const sync = await make();
  await scene.run(sync.id);
  expect(await cursorOf(sync.id)).toBe('2024-01-11 00:00:00+00');
  await change(3, '2024-02-01Z');
  await expectEqual(await scene.run(sync.id), 2);
  expect(await cursorOf(sync.id)).toBe('2024-02-01 00:00:00+00');
  await expectEqual(await scene.run(sync.id), 1);
});

it('follows from what was read, without another look at the whole table', async () => {
  const reads = async () => {
    const sql = `SELECT pg_stat_force_next_flush(), seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'people'`;
    return Number((await scene.inSource(sql))[0]?.[1]);
  };
  // A session's reads are counted when it ends, at the latest.
  const others = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`;
  const untilCounted = () => expect.poll(() => scene.inSource(others)).toEqual([['0']]);
  const sync = await make();
  await scene.run(sync.id);
  await change(3, '2024-02-01Z');
  await untilCounted();
  const before = await reads();
  expect((await scene.run(sync.id)).execution.status).toBe('completed');
  await untilCounted();
  expect((await reads()) - before).toBe(1);
  expect(await cursorOf(sync.id)).toBe('2024-02-01 00:00:00+00');
});

it('stays where it was while a record is refused, so that it is tried again', async () => {
  const sync = await make();
  await scene.run(sync.id);
  await scene.inDestination(`ALTER TABLE landing.people ADD CONSTRAINT quiet CHECK (name NOT LIKE '%!')`);
  await change(3, '2024-02-01Z');
  await scene.inSource(`UPDATE people SET changed_at = '2024-03-01Z' WHERE id = 4`);
  const refused = await scene.run(sync.id);
  expect([refused.execution.status, refused.receipt?.schemas[0]?.counts.rejected]).toEqual(['errors', 1]);
  expect(await cursorOf(sync.id)).toBe('2024-01-11 00:00:00+00');
  await scene.inDestination('ALTER TABLE landing.people DROP CONSTRAINT quiet');
  await expectEqual(await scene.run(sync.id), 3);
  expect(await cursorOf(sync.id)).toBe('2024-03-01 00:00:00+00');
});

it('stays where it was when the image is gone before it was found', async () => {
  const sync = await make();
  await scene.run(sync.id);
  await change(3, '2024-02-01Z');
  await failAt('after-publish=exit');
  const { id } = await server.client.startBulkSync(sync.id, {}, scene.signal);
  await recover();
  await expectEqual(await untilEnded(server, sync.id, id, scene.signal), 2);
  expect(await cursorOf(sync.id)).toBe('2024-01-11 00:00:00+00');
  await change(4, '2024-03-01Z');
  await expectEqual(await scene.run(sync.id), 3);
  expect(await cursorOf(sync.id)).toBe('2024-03-01 00:00:00+00');
});
