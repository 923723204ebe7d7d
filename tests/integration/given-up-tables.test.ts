import { expect, it } from 'vitest';
import type { BulkSyncBody, BulkSyncRequest } from '../../src/contract/index.ts';
import { createTestDatabase } from '../setup/databases.ts';
import { useServer, useSyncScene } from '../setup/hooks.ts';
import { makeConnection, postgresConfiguration } from '../setup/syncs.ts';

// A table that one sync filled and writes no more, wanted by another one.

const PEOPLE = 'public.people';
const SOURCE = `
  CREATE TABLE people (id int PRIMARY KEY, name text);
  INSERT INTO people SELECT i, 'p' || i FROM generate_series(1, 5) i;
  CREATE TABLE notes (body text);
  INSERT INTO notes VALUES ('one')`;

const server = useServer();
const scene = useSyncScene(server, SOURCE);

/** A second sync between the two connections of the first one. */
const makeSecond = async (
  { source_connection_id, destination_connection_id }: BulkSyncBody,
  options: Partial<BulkSyncRequest> = {},
): Promise<BulkSyncBody> => {
  const body: BulkSyncRequest = {
    name: 'second',
    mode: 'replicate',
    source_connection_id,
    destination_connection_id,
    destination_configuration: { schema: 'landing' },
    default_schedule: { frequency: 'manual' },
    schemas: [PEOPLE],
    ...options,
  };
  return server.client.createBulkSync(body, scene.signal);
};

async function adopt(syncId: string): Promise<void> {
  await server.client.setSyncSettings(syncId, { adopt: true }, scene.signal);
}

const statusOf = async (syncId: string) => {
  const { execution } = await scene.run(syncId);
  return [execution.status, execution.status_message];
};

it('goes to a sync that adopts, after the first one has disabled its schema, and then stays with it', async () => {
  const first = await scene.make([PEOPLE, 'public.notes']);
  expect(await statusOf(first.id)).toEqual(['completed', undefined]);
  const schemas = `/api/bulk/syncs/${first.id}/schemas`;
  await scene.send('PATCH', schemas, { schemas: [{ id: PEOPLE, enabled: false }] });
  const second = await makeSecond(first);
  const refusal = `belonged to the sync ${first.id}, which does not write it any more. Set "adopt"`;
  expect(await statusOf(second.id)).toEqual(['failed', expect.stringContaining(refusal)]);
  await adopt(second.id);
  await scene.inSource('DELETE FROM people WHERE id = 1');
  expect(await statusOf(second.id)).toEqual(['completed', undefined]);
  expect(await scene.inDestination('SELECT id FROM landing.people WHERE __millrace_deleted_at IS NULL')).toHaveLength(
    4,
  );
  await expect(scene.send('PATCH', schemas, { schemas: [{ id: PEOPLE, enabled: true }] })).rejects.toThrow(
    'writes already',
  );
  expect(await statusOf(first.id)).toEqual(['completed', undefined]);
});

/** A connection that a sync can be saved with, and that leads elsewhere afterwards. */
async function connectThenMove(name: string, toUrl: string, use: (connectionId: string) => Promise<BulkSyncBody>) {
  await using before = await createTestDatabase();
  const id = await makeConnection(server, ['postgresql', postgresConfiguration(before.ownerUrl)], name, scene.signal);
  const sync = await use(id);
  await scene.send('PUT', `/api/connections/${id}`, { name, configuration: postgresConfiguration(toUrl) });
  return sync;
}

it('is not taken from a sync that writes it through another connection, adopt or not', async () => {
  const first = await scene.make([PEOPLE]);
  expect(await statusOf(first.id)).toEqual(['completed', undefined]);
  const second = await connectThenMove(`other way ${first.id}`, scene.destination.ownerUrl, (other) =>
    makeSecond({ ...first, destination_connection_id: other }),
  );
  await adopt(second.id);
  expect(await statusOf(second.id)).toEqual(['failed', expect.stringContaining(`belongs to the sync ${first.id}`)]);
});

it('is not what the sync itself reads, whichever way it gets there', async () => {
  const first = await scene.make([PEOPLE]);
  const own = { destination_configuration: { schema: 'public' } };
  const second = await connectThenMove(`own source ${first.id}`, scene.source.ownerUrl, (other) =>
    makeSecond({ ...first, destination_connection_id: other }, own),
  );
  await adopt(second.id);
  const before = await scene.inSource('SELECT ctid, xmin, * FROM people ORDER BY id');
  expect(await statusOf(second.id)).toEqual(['failed', expect.stringContaining('holds what this sync reads')]);
  expect(await scene.inSource('SELECT ctid, xmin, * FROM people ORDER BY id')).toEqual(before);
  const { data: plan } = await scene.send('GET', `/api/x/bulk/syncs/${second.id}/plan`);
  expect(plan.schemas[0].refusals).toEqual([
    { code: 'REQUEST_REFUSED', message: expect.stringContaining('public.people holds what this sync reads') },
  ]);
});
