import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type Answer, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { postgresConfiguration } from '../../../tests/setup/syncs.ts';

// Two connections that lead to one place, and syncs that would write one table through them.

const fixture = useBulkFixture();
let again: string;
let sourceAgain: string;

const create = (changes: Readonly<Record<string, unknown>>): Promise<Answer> =>
  fixture.send('POST', '/api/bulk/syncs', fixture.syncBody(changes));

beforeAll(async () => {
  again = await fixture.connect('warehouse by another name', fixture.destination);
  sourceAgain = await fixture.connect('shop by another name', fixture.source);
  for (const id of [fixture.destinationId, again, sourceAgain]) await fixture.refresh(id);
});

it('refuses a table that a sync writes through another connection to the database, naming that sync', async () => {
  const target = { destination_configuration: { schema: 'shared' } };
  const owner = await fixture.createSync({ ...target, name: 'The first', schemas: ['public.orders'] });
  const through = { ...target, destination_connection_id: again };
  const { status, body } = await create({ ...through, schemas: ['public.notes', 'archive.orders'] });
  expect([status, body.metadata]).toEqual([
    422,
    expect.objectContaining({ schema: 'archive.orders', sync_id: owner, sync_name: 'The first' }),
  ]);
  expect((await create({ ...through, schemas: ['public.notes'] })).status).toBe(200);
});

it('refuses such a table when it is named or moved there later', async () => {
  const target = { destination_configuration: { schema: 'later' } };
  await fixture.createSync({ ...target, schemas: ['public.orders'] });
  const id = await fixture.createSync({ ...target, destination_connection_id: again, schemas: ['public.notes'] });
  const named = { schemas: [{ id: 'public.notes', user_output_name: 'orders' }] };
  expect((await fixture.send('PATCH', `/api/bulk/syncs/${id}/schemas`, named)).status).toBe(422);
  const elsewhere = await fixture.createSync({ destination_connection_id: again, schemas: ['public.orders'] });
  const moved = fixture.syncBody({ ...target, destination_connection_id: again });
  expect((await fixture.send('PUT', `/api/bulk/syncs/${elsewhere}`, moved)).status).toBe(422);
});

it('refuses what it reads itself through another connection', async () => {
  const target = { destination_connection_id: sourceAgain, destination_configuration: { schema: 'public' } };
  const { status, body } = await create({ ...target, schemas: ['public.notes', 'archive.orders'] });
  expect([status, body.metadata]).toEqual([422, { field: 'destination_configuration.schema', schema: 'public.notes' }]);
  expect((await create({ ...target, schemas: ['archive.orders'] })).status).toBe(200);
});

it('lets only one of two syncs have a table when both are made at once through two connections', async () => {
  const target = { destination_configuration: { schema: 'raced' }, schemas: ['public.orders'] };
  const ends = [fixture.destinationId, again, fixture.destinationId, again];
  const answers = await Promise.all(ends.map((end) => create({ ...target, destination_connection_id: end })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 422, 422, 422]);
});

it('takes a connection that was led elsewhere for what it is now, before that was asked', async () => {
  const name = 'moved away';
  const id = await fixture.connect(name, fixture.source);
  await fixture.refresh(id);
  const own = {
    destination_connection_id: id,
    destination_configuration: { schema: 'public' },
    schemas: ['public.notes'],
  };
  expect((await create(own)).status).toBe(422);
  const configuration = postgresConfiguration(fixture.destination.url);
  const moved = await fixture.send('PUT', `/api/connections/${id}`, { name, configuration });
  expect([moved.status, (await create(own)).status]).toEqual([200, 200]);
});

it('knows a file again that is reached over a link', async () => {
  const { filesRoot } = fixture.api.services.connectorContext(fixture.api.keys.organizationId);
  await mkdir(join(filesRoot, 'real'), { recursive: true });
  await symlink(join(filesRoot, 'real'), join(filesRoot, 'link'));
  const connect = async (name: string, path: string): Promise<string> => {
    const body = { name, type: 'duckdb', configuration: { path } };
    return (await fixture.send('POST', '/api/connections', body)).body.data.id;
  };
  const [real, link] = [await connect('file', 'real/a.duckdb'), await connect('link', 'link/a.duckdb')];
  const target = { destination_configuration: { schema: 'main' }, schemas: ['public.orders'] };
  expect((await create({ ...target, destination_connection_id: real })).status).toBe(200);
  const { status, body } = await create({ ...target, destination_connection_id: link });
  expect([status, body.message]).toEqual([422, expect.stringContaining('which the sync "Shop to warehouse"')]);
  const { body: own } = await create({ source_connection_id: real, destination_connection_id: link, schemas: [] });
  expect(own.metadata).toEqual({ field: 'destination_connection_id' });
});
