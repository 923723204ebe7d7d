import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BulkSyncBody, BulkSyncRequest } from '../../src/contract/index.ts';
import { createTestDatabase } from '../setup/databases.ts';
import { queryFile } from '../setup/duckdb/duckdb-loads.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';
import { makeConnection, postgresConfiguration, untilFresh } from '../setup/syncs.ts';

// What becomes of tables when the names of a sync change, and change back.

const PEOPLE = 'public.people';
const ORDERS = 'public.Order Items';
const ALSO_ORDERS = 'public.order-items';
const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL);
  INSERT INTO people SELECT i, 'p' || i FROM generate_series(1, 5) i;
  CREATE TABLE "Order Items" (id int PRIMARY KEY);
  INSERT INTO "Order Items" VALUES (1);
  CREATE TABLE "order-items" (id int PRIMARY KEY);
  INSERT INTO "order-items" VALUES (2)`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

/** Renames the sync's tables by a prefix. */
const setPrefix = (sync: BulkSyncBody, prefix: string, options: Partial<BulkSyncRequest> = {}) =>
  scene.send('PUT', `/api/bulk/syncs/${sync.id}`, {
    name: sync.name,
    source_connection_id: sync.source_connection_id,
    destination_connection_id: sync.destination_connection_id,
    destination_configuration: { schema: 'landing', advanced: { table_prefix: prefix } },
    default_schedule: { frequency: 'manual' },
    mode: 'replicate',
    ...options,
  });

/** Runs to a good end and answers the loads, by schema. */
async function runWell({ id }: BulkSyncBody): Promise<Readonly<Record<string, string>>> {
  const { execution, receipt } = await scene.run(id);
  expect([execution.status, execution.status_message, receipt?.verdict]).toEqual(['completed', undefined, 'equal']);
  return Object.fromEntries((receipt?.schemas ?? []).map(({ schema, load }) => [schema, load]));
}

const inFile = (sql: string) => queryFile(join(server.filesFolder, `${scene.source.name}.duckdb`), sql);

const ENDS = [
  ['PostgreSQL', {}, (sql: string) => scene.inDestination(sql)],
  ['a DuckDB file', { destination: 'duckdb' }, inFile],
] as const;

describe.each(ENDS)(
  'a table in %s that its schema comes back to',
  (_, { destination }: { destination?: string }, ask) => {
    const make = (schemas: NonNullable<BulkSyncRequest['schemas']>) =>
      scene.make(
        schemas,
        {},
        destination === undefined ? {} : { destination: [destination, { path: `${scene.source.name}.duckdb` }] },
      );

    it('is brought up to date, and keeps its deleted records', async () => {
      const sync = await make([PEOPLE]);
      await runWell(sync);
      await scene.inSource('DELETE FROM people WHERE id = 1');
      await runWell(sync);
      await setPrefix(sync, 'raw_');
      expect(await runWell(sync)).toEqual({ [PEOPLE]: 'replace' });
      await scene.inSource(`DELETE FROM people WHERE id = 2; UPDATE people SET name = 'new' WHERE id = 3`);
      await setPrefix(sync, '');
      expect(await runWell(sync)).toEqual({ [PEOPLE]: 'merge' });
      const state = 'id, name, __millrace_deleted_at IS NULL';
      expect(await ask(`SELECT ${state} FROM landing.people ORDER BY id`)).toEqual([
        [1, 'p1', false],
        [2, 'p2', false],
        [3, 'new', true],
        [4, 'p4', true],
        [5, 'p5', true],
      ]);
      expect(await ask('SELECT count(*)::int FROM landing.raw_people')).toEqual([[4]]);
    });

    it('is made anew where a field of it is obfuscated by now, its deleted records too', async () => {
      const sync = await make([PEOPLE]);
      await runWell(sync);
      await scene.inSource('DELETE FROM people WHERE id = 1');
      await runWell(sync);
      await setPrefix(sync, 'raw_');
      const fields = [{ id: 'id' }, { id: 'name', obfuscated: true }];
      await scene.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, { schemas: [{ id: PEOPLE, fields }] });
      await runWell(sync);
      await setPrefix(sync, '');
      expect(await runWell(sync)).toEqual({ [PEOPLE]: 'replace' });
      expect(
        await ask(
          `SELECT count(*)::int, count(*) FILTER (WHERE name LIKE 'p%' AND length(name) < 9)::int FROM landing.people`,
        ),
      ).toEqual([[4, 0]]);
    });

    it.each([
      ['its sync', false],
      ['the connection', true],
    ])('is made anew where a field of it was obfuscated while %s led elsewhere', async (_what, isEdited) => {
      await using other = await createTestDatabase();
      const sync = await make([PEOPLE]);
      const { destination_connection_id: id } = sync;
      const here =
        destination === undefined
          ? postgresConfiguration(scene.destination.ownerUrl)
          : { path: `${scene.source.name}.duckdb` };
      const there =
        destination === undefined ? postgresConfiguration(other.ownerUrl) : { path: `${other.name}.duckdb` };
      const type = destination ?? 'postgresql';
      const otherId = await makeConnection(server, [type, there], `elsewhere ${other.name}`, scene.signal);
      const lead = async (isThere: boolean) => {
        if (!isEdited) return setPrefix(sync, '', { destination_connection_id: isThere ? otherId : id });
        const configuration = isThere ? there : here;
        await scene.send('PUT', `/api/connections/${id}`, { name: `edited ${other.name}`, configuration });
        await untilFresh(server, id, scene.signal);
      };
      await runWell(sync);
      await scene.inSource('DELETE FROM people WHERE id = 1');
      await runWell(sync);
      await lead(true);
      const fields = [{ id: 'id' }, { id: 'name', obfuscated: true }];
      await scene.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, { schemas: [{ id: PEOPLE, fields }] });
      await runWell(sync);
      await lead(false);
      expect(await runWell(sync)).toEqual({ [PEOPLE]: 'replace' });
      expect(
        await ask(`SELECT count(*)::int, count(*) FILTER (WHERE length(name) < 9)::int FROM landing.people`),
      ).toEqual([[4, 0]]);
      await lead(true);
      expect(await runWell(sync)).toEqual({ [PEOPLE]: 'merge' });
    });

    it('has its records replaced where they are known by another key by now', async () => {
      const sync = await make([PEOPLE]);
      await runWell(sync);
      await setPrefix(sync, 'raw_');
      await scene.send('PUT', `/api/connections/${sync.source_connection_id}/schemas/${PEOPLE}/primary_keys`, {
        fields: [{ field_id: 'name', is_primary_key: true }],
      });
      await runWell(sync);
      await scene.inSource('ALTER TABLE people DROP CONSTRAINT people_pkey; UPDATE people SET id = 7');
      await setPrefix(sync, '');
      expect(await runWell(sync)).toEqual({ [PEOPLE]: 'replace' });
      expect(await ask('SELECT id, count(*)::int FROM landing.people GROUP BY id')).toEqual([[7, 5]]);
      await scene.inSource('UPDATE people SET id = 8');
      expect(await runWell(sync)).toEqual({ [PEOPLE]: 'merge' });
    });

    it('is not given to another schema of the sync, adopt or not', async () => {
      const sync = await make([ORDERS]);
      await runWell(sync);
      await server.client.setSyncSettings(sync.id, { adopt: true }, scene.signal);
      await setPrefix(sync, 'raw_');
      await runWell(sync);
      const named = [{ id: ALSO_ORDERS, enabled: true, user_output_name: 'order_items' }];
      await scene.send('PATCH', `/api/bulk/syncs/${sync.id}/schemas`, { schemas: named });
      const { execution } = await scene.run(sync.id);
      expect(execution.status_message).toContain(`was filled by this sync from ${ORDERS}`);
      expect(await ask('SELECT id FROM landing.order_items')).toEqual([[1]]);
    });
  },
);

it('has its records replaced where the sync that gave it up knew them by another key', async () => {
  const first = await scene.make([PEOPLE]);
  await runWell(first);
  await scene.send('DELETE', `/api/bulk/syncs/${first.id}`);
  const second = await scene.make([PEOPLE]);
  await server.client.setSyncSettings(second.id, { adopt: true }, scene.signal);
  await scene.send('PUT', `/api/connections/${second.source_connection_id}/schemas/${PEOPLE}/primary_keys`, {
    fields: [{ field_id: 'name', is_primary_key: true }],
  });
  await scene.inSource('ALTER TABLE people DROP CONSTRAINT people_pkey; UPDATE people SET id = 7');
  expect(await runWell(second)).toEqual({ [PEOPLE]: 'replace' });
  expect(await scene.inDestination('SELECT id, count(*)::int FROM landing.people GROUP BY id')).toEqual([[7, 5]]);
});
