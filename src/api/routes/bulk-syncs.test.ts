import { describe, expect, it } from 'vitest';
import {
  type Answer,
  type BulkFixture,
  SOURCE_SCHEMAS,
  UNKNOWN_ID,
  useBulkFixture,
} from '../../../tests/setup/bulk-fixture.ts';

const fixture = useBulkFixture();
const send: BulkFixture['send'] = (...request) => fixture.send(...request);

describe('the selection of a sync', () => {
  const listSchemas = async (id: string): Promise<Answer['body']> =>
    (await send('GET', `/api/bulk/syncs/${id}/schemas`)).body.data;

  it('is every schema when none is named, with output names that keep out of each other’s way', async () => {
    const data = await listSchemas(await fixture.createSync());
    expect(data.map((schema: { id: string }) => schema.id).sort()).toEqual([...SOURCE_SCHEMAS].sort());
    const names = Object.fromEntries(
      data.map((schema: { id: string; output_name: string }) => [schema.id, schema.output_name]),
    );
    expect(names).toMatchObject({
      'archive.orders': 'orders',
      'public.orders': 'orders_',
      'public.OrderItems': 'order_items',
    });
  });

  it('is what was named, and the others stay off and without a name', async () => {
    const data = await listSchemas(
      await fixture.createSync({ schemas: ['public.orders', { id: 'public.notes', enabled: false }] }),
    );
    const enabled = data.filter((schema: { enabled: boolean }) => schema.enabled);
    expect(enabled).toEqual([
      {
        id: 'public.orders',
        enabled: true,
        output_name: 'orders',
        data_cutoff_timestamp: null,
        disable_data_cutoff: false,
      },
    ]);
    expect(data.find((schema: { id: string }) => schema.id === 'public.notes')).not.toHaveProperty('output_name');
  });

  it('is nothing when the list is empty', async () => {
    const data = await listSchemas(await fixture.createSync({ schemas: [] }));
    expect(data.filter((schema: { enabled: boolean }) => schema.enabled)).toEqual([]);
  });

  it('shows the fields of one schema with what was chosen for them', async () => {
    const configuration = {
      id: 'public.OrderItems',
      fields: ['OrderID', { id: 'Line No' }, { id: 'LoginID', obfuscate: true }],
      filters: [{ field_id: 'OrderID', function: 'GreaterThan', value: 10 }],
      tracking_field: 'OrderID',
      data_cutoff_timestamp: '2024-01-01T00:00:00.000Z',
      disable_data_cutoff: true,
    };
    const id = await fixture.createSync({ schemas: [configuration] });
    const { status, body } = await send('GET', `/api/bulk/syncs/${id}/schemas/public.OrderItems`);
    expect(status).toBe(200);
    expect(body.data).toEqual({
      id: 'public.OrderItems',
      enabled: true,
      output_name: 'order_items',
      tracking_field: 'OrderID',
      data_cutoff_timestamp: '2024-01-01T00:00:00.000Z',
      disable_data_cutoff: true,
      filters: [{ field_id: 'OrderID', function: 'GreaterThan', value: 10 }],
      fields: [
        { id: 'OrderID', enabled: true, obfuscated: false, output_name: 'order_id' },
        { id: 'Line No', enabled: true, obfuscated: false, output_name: 'line_no' },
        { id: 'login_id', enabled: false, obfuscated: false, output_name: 'login_id' },
        { id: 'LoginID', enabled: true, obfuscated: true, output_name: 'login_id_' },
      ],
    });
  });

  it('answers 404 to an unknown schema or sync', async () => {
    const id = await fixture.createSync();
    expect((await send('GET', `/api/bulk/syncs/${id}/schemas/public.nope`)).status).toBe(404);
    expect((await send('GET', `/api/bulk/syncs/${UNKNOWN_ID}/schemas`)).status).toBe(404);
    expect((await send('GET', `/api/bulk/syncs/${id}/schemas/a%00b`)).status).toBe(404);
  });
});

describe('activating and deleting', () => {
  it('switches a sync on and off', async () => {
    const id = await fixture.createSync();
    const on = await send('POST', `/api/bulk/syncs/${id}/activate`, { active: true });
    expect([on.status, on.body]).toEqual([200, { data: { id, active: true } }]);
    expect((await send('GET', `/api/bulk/syncs/${id}`)).body.data.active).toBe(true);
    expect((await send('POST', `/api/bulk/syncs/${id}/activate`, {})).status).toBe(400);
    expect((await send('POST', `/api/bulk/syncs/${UNKNOWN_ID}/activate`, { active: true })).status).toBe(404);
  });

  it('deletes a sync with everything of it, and a second time answers 404', async () => {
    const id = await fixture.createSync({ additional_schedules: [{ frequency: 'continuous' }] });
    await send('POST', `/api/bulk/syncs/${id}/executions`);
    const gone = await send('DELETE', `/api/bulk/syncs/${id}`);
    expect([gone.status, gone.body]).toEqual([200, null]);
    expect((await send('GET', `/api/bulk/syncs/${id}`)).status).toBe(404);
    expect((await send('DELETE', `/api/bulk/syncs/${id}`)).status).toBe(404);
    const { db } = fixture.api.services.store;
    for (const table of ['bulkSyncSchedules', 'bulkSyncSchemas', 'executions'] as const) {
      expect(await db.selectFrom(table).selectAll().where('syncId', '=', id).execute()).toEqual([]);
    }
  });

  it('answers 404 to a sync of another organization', async () => {
    const id = await fixture.createSync();
    const { db } = fixture.api.services.store;
    const organizationId = fixture.api.services.newId();
    await db.insertInto('organizations').values({ id: organizationId, name: 'Strangers' }).execute();
    const authorization = `Basic ${Buffer.from(`${organizationId}:${fixture.api.keys.deploymentKey}`).toString('base64')}`;
    for (const [method, url] of [
      ['GET', `/api/bulk/syncs/${id}`],
      ['DELETE', `/api/bulk/syncs/${id}`],
      ['GET', `/api/bulk/syncs/${id}/schemas`],
      ['GET', `/api/bulk/syncs/${id}/status`],
      ['POST', `/api/bulk/syncs/${id}/executions`],
      ['POST', `/api/bulk/syncs/${id}/cancel`],
      ['GET', `/api/x/bulk/syncs/${id}/settings`],
    ] as const) {
      expect([url, (await fixture.api.send({ method, url, authorization })).statusCode]).toEqual([url, 404]);
    }
    await db.deleteFrom('organizations').where('id', '=', organizationId).execute();
  });
});

describe('listing bulk syncs', () => {
  it('pages through all of them once, latest change first', async () => {
    const names = ['one', 'two', 'three', 'four', 'five'];
    for (const name of names) await fixture.createSync({ name: `paged ${name}`, active: true });
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const { body } = await send(
        'GET',
        `/api/bulk/syncs?active=true&limit=2${token === undefined ? '' : `&page_token=${token}`}`,
      );
      expect(body.data.length).toBeLessThanOrEqual(2);
      seen.push(...body.data.map((sync: { name: string }) => sync.name));
      token = body.pagination.next_page_token;
    } while (token !== undefined);
    expect(seen.filter((name) => name.startsWith('paged'))).toEqual(
      [...names].reverse().map((name) => `paged ${name}`),
    );
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('takes a limit of nothing or too much for the greatest page', async () => {
    const { body } = await send('GET', '/api/bulk/syncs?limit=0');
    expect((await send('GET', '/api/bulk/syncs?limit=5000')).body.data).toEqual(body.data);
    expect(body.data.length).toBeGreaterThan(5);
  });

  it('refuses a token of another list', async () => {
    const { body } = await send('GET', '/api/bulk/syncs?limit=1');
    const token = body.pagination.next_page_token;
    expect(token).toEqual(expect.any(String));
    expect((await send('GET', `/api/bulk/syncs?active=true&page_token=${token}`)).status).toBe(400);
    expect((await send('GET', '/api/bulk/syncs?page_token=nonsense')).status).toBe(400);
    expect((await send('GET', '/api/bulk/syncs?limit=many')).status).toBe(400);
  });

  it('names the versions that have an operation where another was asked for', async () => {
    const { status, body } = await send('PATCH', `/api/bulk/syncs/${UNKNOWN_ID}/schemas`, {}, '2023-04-25');
    expect([status, body.message]).toEqual([404, expect.stringContaining('2025-09-18')]);
  });
});
