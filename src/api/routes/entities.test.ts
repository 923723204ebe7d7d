import { expect, it } from 'vitest';
import { readContract } from '../../../tests/compatibility/contract.ts';
import { UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { planSchemas, startSync } from '../../../tests/setup/executions.ts';

const fixture = useBulkFixture();
const contract = readContract('2025-09-18');

async function ask(path: '/api/entities' | '/api/organizations/entities', id: string, authorization?: string) {
  const answer = await fixture.api.send({
    url: `${path}/${id}`,
    ...(authorization === undefined ? {} : { authorization }),
  });
  const body = answer.json();
  expect(contract.check(`GET ${path}/{id}`, answer.statusCode, body)).toEqual([]);
  return { status: answer.statusCode, data: body.data };
}

it('tells what each of our ids stands for, and where to read it', async () => {
  const { db } = fixture.api.services.store;
  const user = await db.selectFrom('users').select('id').executeTakeFirstOrThrow();
  const sync = await fixture.createSync({ schemas: ['public.orders', 'public.customers'] });
  const execution = await startSync(fixture.api, sync);
  await planSchemas(fixture.api, execution, [{ schemaId: 'public.orders' }], new Date());
  const found = new Map<string, ReturnType<typeof JSON.parse>>();
  for (const id of [fixture.api.keys.organizationId, user.id, fixture.sourceId, sync, execution]) {
    const { status, data } = await ask('/api/entities', id);
    expect([status, data.id, data.organization_id]).toEqual([200, id, undefined]);
    found.set(data.type, data);
    // What was named can be read there.
    expect((await fixture.send('GET', data.canonical_path)).status).toBe(200);
  }
  expect([...found.keys()]).toEqual(['organization', 'user', 'connection', 'bulk_sync', 'bulk_sync_execution']);
  expect(found.get('bulk_sync')).toMatchObject({
    relationships: {
      organization: { id: fixture.api.keys.organizationId, path: '/api/organization' },
      source_connection: { id: fixture.sourceId, path: `/api/connections/${fixture.sourceId}` },
      destination_connection: { id: fixture.destinationId },
    },
    context: { schema_ids: ['public.customers', 'public.orders'] },
  });
  expect(found.get('bulk_sync_execution')).toMatchObject({
    relationships: { bulk_sync: { id: sync, path: `/api/bulk/syncs/${sync}` } },
    context: { schema_ids: ['public.orders'] },
  });
});

it('knows nothing of other ids', async () => {
  expect((await ask('/api/entities', UNKNOWN_ID)).status).toBe(404);
  expect((await fixture.send('GET', '/api/entities/nothing')).status).toBe(404);
  expect((await fixture.send('GET', `/api/entities/${UNKNOWN_ID}`, undefined, '2024-02-08')).status).toBe(404);
});

it('tells partner and deployment keys the organization, too, and others nothing', async () => {
  const authorization = `Bearer ${fixture.api.keys.deploymentKey}`;
  const { organizationId } = fixture.api.keys;
  const { data } = await ask('/api/organizations/entities', fixture.sourceId, authorization);
  expect(data).toMatchObject({
    type: 'connection',
    organization_id: organizationId,
    relationships: { organization: { id: organizationId, path: `/api/organizations/${organizationId}` } },
  });
  expect((await ask('/api/organizations/entities', UNKNOWN_ID, authorization)).status).toBe(404);
  expect((await ask('/api/organizations/entities', fixture.sourceId)).status).toBe(403);
});
