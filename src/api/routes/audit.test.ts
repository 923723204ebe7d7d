import { expect, it } from 'vitest';
import { type BulkFixture, UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { postgresConfiguration } from '../../../tests/setup/syncs.ts';

const fixture = useBulkFixture();
const send: BulkFixture['send'] = (...request) => fixture.send(...request);

type Entry = Record<'action' | 'before' | 'after' | 'actor' | 'object' | 'id', ReturnType<typeof JSON.parse>>;

/** Entries about one object, oldest first. */
async function history(id: string): Promise<Entry[]> {
  const { status, body } = await send('GET', `/api/x/audit?object_id=${encodeURIComponent(id)}`);
  expect(status).toBe(200);
  return body.data.reverse();
}

it('tells who made, changed and deleted a bulk sync, and what differs', async () => {
  const body = fixture.syncBody({ name: 'audited' });
  const { id } = (await send('POST', '/api/bulk/syncs', body)).body.data;
  await send('PUT', `/api/bulk/syncs/${id}`, { ...body, name: 'renamed', concurrency_limit: 3 });
  await send('PUT', `/api/x/bulk/syncs/${id}/settings`, { max_loss_percent: 20 });
  await send('POST', `/api/bulk/syncs/${id}/activate`, { active: true });
  await send('PATCH', `/api/bulk/syncs/${id}/schemas`, {
    schemas: [{ id: 'public.notes', enabled: false, fields: [] }],
  });
  const start = await send('POST', `/api/bulk/syncs/${id}/executions`, { resync_mode: 'refetch' });
  await send('POST', `/api/bulk/syncs/${id}/schemas/public.orders/cancel`);
  await send('POST', `/api/bulk/syncs/${id}/cancel`);
  await send('POST', `/api/bulk/syncs/${id}/cancel`);
  await send('DELETE', `/api/bulk/syncs/${id}`);
  const entries = await history(id);
  expect(entries.map(({ action }) => action)).toEqual([
    'create',
    'update',
    'update',
    'activate',
    'update_schemas',
    'start',
    'cancel',
    'cancel',
    'delete',
  ]);
  const [made, changed, settings, activated, selected, started, , , deleted] = entries;
  expect(made).toMatchObject({
    actor: { type: 'user', name: 'Administrator' },
    object: { type: 'bulk_sync', id, name: 'audited' },
    before: null,
    after: {
      name: 'audited',
      destination_configuration: body.destination_configuration,
      default_schedule: { frequency: 'manual' },
    },
  });
  expect([changed?.before, changed?.after]).toEqual([
    { name: 'audited', concurrency_limit: null },
    { name: 'renamed', concurrency_limit: 3 },
  ]);
  expect([settings?.before, settings?.after]).toEqual([{ max_loss_percent: 50 }, { max_loss_percent: 20 }]);
  expect([activated?.before, activated?.after]).toEqual([{ active: false }, { active: true }]);
  expect(selected?.after.schemas).toMatchObject([{ id: 'public.notes', enabled: false }]);
  expect(started?.after).toMatchObject({ execution_id: start.body.data.id, resync_mode: 'refetch' });
  expect(deleted).toMatchObject({ before: { name: 'renamed' }, after: null });
});

it('tells of schedules and of what users say of schemas', async () => {
  const sync = await fixture.createSync();
  const url = `/api/bulk/syncs/${sync}/schedules`;
  const schedule = { frequency: 'daily', hour: '3', minute: '0' };
  const made = await send('POST', url, { schedule });
  const { data } = (await send('GET', url)).body;
  const id = data.at(-1)?.id;
  expect(made.status).toBe(200);
  await send('PUT', `${url}/${id}`, { schedule: { ...schedule, hour: '4' } });
  await send('DELETE', `${url}/${id}`);
  expect((await history(id)).map(({ action, after }) => [action, after?.hour])).toEqual([
    ['create', '3'],
    ['update', '4'],
    ['delete', undefined],
  ]);
  const place = `/api/connections/${fixture.sourceId}/schemas/public.notes`;
  await send('PUT', `${place}/primary_keys`, { fields: [{ field_id: 'body', is_primary_key: true }] });
  const [override] = await history(`${fixture.sourceId}/public.notes`);
  expect([override?.before, override?.after]).toEqual([{ primary_key: null }, { primary_key: ['body'] }]);
});

it('never holds a secret, not even as before', async () => {
  const { db } = fixture.api.services.store;
  const rows = await db.selectFrom('auditEntries').selectAll().execute();
  const connections = await db.selectFrom('connections').selectAll().execute();
  expect(connections.length).toBeGreaterThan(0);
  for (const row of connections) {
    if (row.secrets === null) continue;
    const owner = { organizationId: row.organizationId, connectionId: row.id };
    const { password } = fixture.api.services.store.secrets.unseal(row.secrets, owner);
    expect(JSON.stringify(rows)).not.toContain(JSON.stringify(password));
  }
});

it('comes in pages and is filtered by type, time and actor', async () => {
  const first = (await send('GET', '/api/x/audit?object_type=bulk_sync&limit=2')).body;
  expect(first.data.map(({ object }: Entry) => object.type)).toEqual(['bulk_sync', 'bulk_sync']);
  const next = `/api/x/audit?object_type=bulk_sync&limit=2&page_token=${first.pagination.next_page_token}`;
  await fixture.createSync();
  const second = (await send('GET', next)).body;
  const ids = [...first.data, ...second.data].map(({ id }: Entry) => Number(id));
  expect(ids).toEqual([...ids].sort((a, b) => b - a));
  expect(new Set(ids).size).toBe(4);
  const userId = first.data[0].actor.id;
  expect((await send('GET', `/api/x/audit?actor_id=${userId}`)).body.data.length).toBeGreaterThan(0);
  expect((await send('GET', `/api/x/audit?actor_id=${UNKNOWN_ID}`)).body.data).toEqual([]);
  expect((await send('GET', '/api/x/audit?starting_after=2999-01-01T00:00:00Z')).body.data).toEqual([]);
  expect((await send('GET', '/api/x/audit?object_type=bulk_sync&page_token=nothing')).status).toBe(400);
  expect((await send('GET', '/api/x/audit?who=me')).status).toBe(400);
});

it('tells of a delete once, however many ask for it at the same moment', async () => {
  const connection = { name: 'deleted', type: 'postgresql', configuration: postgresConfiguration(fixture.source.url) };
  const webhook = { endpoint: 'http://127.0.0.1:9/', secret: 'hidden' };
  for (const [path, body] of [
    ['/api/connections', connection],
    ['/api/webhooks', webhook],
  ] as const) {
    const { id } = (await send('POST', path, body)).body.data;
    const answers = await Promise.all(Array.from({ length: 5 }, () => send('DELETE', `${path}/${id}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404, 404]);
    expect((await history(id)).map(({ action }) => action)).toEqual(['create', 'delete']);
  }
});
