import { describe, expect, it } from 'vitest';
import { UNKNOWN_ID } from '../../../../tests/setup/bulk-fixture.ts';
import { queryDatabase } from '../../../../tests/setup/databases.ts';
import { useModelSyncs } from '../../../../tests/setup/model-syncs.ts';
import { storeModel } from '../../../../tests/setup/models.ts';

const { bulk: fixture, customers, orders, send, bodyOf, make, of, mapped } = useModelSyncs();

describe('a model sync', () => {
  it('is kept as it was sent, with labels, field ids and defaults of the server', async () => {
    const sync = await make({
      active: true,
      filters: [
        { field: of('plan'), function: 'Equality', value: 'team', label: 'Z' },
        {
          field_id: customers.fieldIds.updated_at,
          field_type: 'Model',
          function: 'RelativeOnOrAfter',
          value: '48 hours ago',
        },
        { field: { model_id: orders.id, field: 'total' }, field_id: 'ignored', function: 'GreaterThan', value: 5 },
      ],
      filter_logic: 'A and (B or C)',
      overrides: [
        { field_id: customers.fieldIds.email, field: of('plan'), function: 'IsNull', override: 'nobody@example.org' },
      ],
      override_fields: [{ target: 'extra', override_value: '{}' }],
      sync_all_records: true,
      encryption_passphrase: 'not to be shown',
      schedule: { frequency: 'daily', hour: '3', minute: '0', day_of_week: null, run_after: null },
    });
    expect(sync).toEqual({
      id: expect.any(String),
      organization_id: fixture.api.keys.organizationId,
      name: 'People',
      active: true,
      mode: 'updateOrCreate',
      model_ids: [customers.id, orders.id],
      target: { connection_id: fixture.destinationId, object: 'public.people' },
      identity: { source: of('id'), target: 'id', function: 'Equality', new_field: false },
      fields: [
        { ...mapped('email', 'email'), new: false, encryption_enabled: false },
        { ...mapped('plan', 'plan'), new: false, encryption_enabled: false },
      ],
      override_fields: [{ target: 'extra', override_value: '{}', new: false, encryption_enabled: false }],
      filters: [
        {
          field: of('plan'),
          field_id: customers.fieldIds.plan,
          field_type: 'Model',
          function: 'Equality',
          value: 'team',
          label: 'A',
        },
        {
          field: of('updated_at'),
          field_id: customers.fieldIds.updated_at,
          field_type: 'Model',
          function: 'RelativeOnOrAfter',
          value: '48 hours ago',
          label: 'B',
        },
        {
          field: { model_id: orders.id, field: 'total' },
          field_id: orders.fieldIds.total,
          field_type: 'Model',
          function: 'GreaterThan',
          value: 5,
          label: 'C',
        },
      ],
      filter_logic: 'A and (B or C)',
      overrides: [
        { field: of('email'), field_id: customers.fieldIds.email, function: 'IsNull', override: 'nobody@example.org' },
      ],
      schedule: { frequency: 'daily', hour: '3', minute: '0' },
      sync_all_records: true,
      skip_initial_backfill: false,
      only_enrich_updates: false,
      policies: expect.any(Array),
      created_at: expect.any(String),
      created_by: expect.objectContaining({ type: 'user' }),
      updated_at: expect.any(String),
      updated_by: expect.objectContaining({ type: 'user' }),
    });
    expect((await send('GET', `/api/syncs/${sync.id}`)).body.data).toEqual(sync);
    const { body } = await send('PUT', `/api/syncs/${sync.id}`, requestOf(sync));
    expect({ ...body.data, updated_at: '' }).toEqual({ ...sync, updated_at: '' });
  });

  it('is replaced whole, but for a passphrase that is not sent', async () => {
    const { id } = await make({
      active: true,
      filters: [{ field: of('plan'), function: 'IsNotNull' }],
      filter_logic: 'A',
      sync_all_records: true,
      encryption_passphrase: 'first',
    });
    const secretsOf = async () => {
      const { db } = fixture.api.services.store;
      return (await db.selectFrom('modelSyncs').select('secrets').where('id', '=', id).executeTakeFirstOrThrow())
        .secrets;
    };
    const first = await secretsOf();
    expect(first?.includes('first')).toBe(false);
    const { status, body } = await send('PUT', `/api/syncs/${id}`, bodyOf({ name: 'Renamed', mode: 'update' }));
    expect([status, body.data]).toMatchObject([
      200,
      { name: 'Renamed', mode: 'update', active: false, filters: [], sync_all_records: false },
    ]);
    expect(body.data).not.toHaveProperty('filter_logic');
    expect(await secretsOf()).toEqual(first);
    await send('PUT', `/api/syncs/${id}`, bodyOf({ encryption_passphrase: 'second' }));
    expect(await secretsOf()).not.toEqual(first);
    await send('PUT', `/api/syncs/${id}`, bodyOf({ encryption_passphrase: '' }));
    expect(await secretsOf()).toBeNull();
  });

  it('may make its target, once', async () => {
    const target = { connection_id: fixture.destinationId, create: { schema: 'public', name: 'brand_new' } };
    const fields = [mapped('email', 'anything'), { ...mapped('plan', 'more'), new: true }];
    const identity = { source: of('id'), target: 'key', function: 'Equality', new_field: true };
    const sync = await make({ target, fields, identity });
    expect(sync.target).toEqual(target);
    await queryDatabase(fixture.destination.url, 'CREATE TABLE brand_new (key bigint)');
    // What the sync itself was to make may have been made since.
    expect((await send('PUT', `/api/syncs/${sync.id}`, bodyOf({ target, fields, identity }))).status).toBe(200);
    const again = await send('POST', '/api/syncs', bodyOf({ target, fields, identity }));
    expect([again.status, again.body.metadata.field]).toEqual([422, 'target.create']);
    const list = await send('GET', '/api/syncs');
    expect(list.body.data.find((item: { id: string }) => item.id === sync.id)).toMatchObject({
      target_object: 'public.brand_new',
    });
  });

  it('tells what was sent and is not a client’s to set', async () => {
    const target = {
      connection_id: fixture.destinationId,
      object: 'public.people',
      new_name: 'x',
      search_values: { a: 1 },
    };
    const answer = await fixture.api.send({ method: 'POST', url: '/api/syncs', body: bodyOf({ target }) });
    expect([answer.statusCode, answer.headers.warning]).toEqual([200, expect.stringContaining('target.new_name')]);
    expect(answer.json().data.target).toEqual({ connection_id: fixture.destinationId, object: 'public.people' });
  });

  it('is switched on and off, is deleted, and leaves a trace of each', async () => {
    const { id } = await make({ encryption_passphrase: 'canary-passphrase' });
    const on = await send('POST', `/api/syncs/${id}/activate`, { active: true });
    expect([on.status, on.body]).toEqual([200, { data: { id, active: true } }]);
    expect((await send('GET', `/api/syncs/${id}`)).body.data.active).toBe(true);
    expect((await send('POST', `/api/syncs/${id}/activate`, { active: 'yes' })).status).toBe(400);
    const gone = await send('DELETE', `/api/syncs/${id}`);
    expect([gone.status, gone.body]).toEqual([200, null]);
    expect((await send('GET', `/api/syncs/${id}`)).status).toBe(404);
    expect((await send('DELETE', `/api/syncs/${id}`)).status).toBe(404);
    const { db } = fixture.api.services.store;
    const entries = await db
      .selectFrom('auditEntries')
      .selectAll()
      .where('objectId', '=', id)
      .orderBy('createdAt')
      .execute();
    expect(entries.map(({ action }) => action)).toEqual(['create', 'activate', 'delete']);
    expect(JSON.stringify(entries)).not.toContain('canary-passphrase');
  });
});

/** The answer about a sync as a client sends it back. */
function requestOf(sync: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { id: _1, model_ids: _2, created_at: _3, created_by: _4, updated_at: _5, updated_by: _6, ...request } = sync;
  return request;
}

describe('the list', () => {
  it('has light items, in pages, by what is asked for', async () => {
    for (const name of ['a', 'b', 'c']) await make({ name: `paged ${name}`, active: true, mode: 'update' });
    const query = `/api/syncs?active=true&mode=update&target_connection_id=${fixture.destinationId}&limit=2`;
    const first = await send('GET', query);
    expect(first.body.data.map((sync: { name: string }) => sync.name)).toEqual(['paged c', 'paged b']);
    expect(Object.keys(first.body.data[0]).sort()).toEqual(
      [
        ['active', 'created_at', 'created_by', 'id', 'mode', 'model_ids', 'name', 'only_enrich_updates'],
        ['organization_id', 'schedule', 'skip_initial_backfill', 'sync_all_records', 'target_connection_id'],
        ['target_object', 'updated_at', 'updated_by'],
      ].flat(),
    );
    const second = await send('GET', `${query}&page_token=${first.body.pagination.next_page_token}`);
    expect(second.body.data[0].name).toBe('paged a');
    expect(second.body.pagination).toEqual({});
    expect((await send('GET', `/api/syncs?page_token=${first.body.pagination.next_page_token}`)).status).toBe(400);
    expect((await send('GET', `/api/syncs?target_connection_id=${UNKNOWN_ID}`)).body.data).toEqual([]);
    expect((await send('GET', '/api/syncs?mode=enrich')).status).toBe(400);
  });

  it('uses an index, and so does the look for syncs of a connection', async () => {
    const { pool } = fixture.api.services.store;
    const client = await pool.connect();
    try {
      await client.query('SET enable_seqscan = off');
      for (const sql of [
        `SELECT * FROM model_syncs WHERE organization_id = '${UNKNOWN_ID}' ORDER BY updated_at DESC, id DESC LIMIT 51`,
        `SELECT id FROM model_syncs WHERE target_connection_id = '${UNKNOWN_ID}'`,
        `SELECT id FROM model_syncs WHERE organization_id = '${UNKNOWN_ID}' AND schedule ? 'runAfter'`,
      ]) {
        const plan = JSON.stringify((await client.query(`EXPLAIN ${sql}`)).rows);
        expect(plan).toMatch(/model_syncs_(page|target|run_after)/);
      }
    } finally {
      await client.query('RESET enable_seqscan');
      client.release();
    }
  });
});

it('is kept when a model of it is deleted, and saved again only without that', async () => {
  const fields = { id: 'number', email: 'string' } as const;
  const passing = await storeModel(fixture.api, { connectionId: fixture.sourceId, name: 'Passing', fields });
  const from = (field: string) => ({ model_id: passing.id, field });
  const changes = {
    identity: { source: from('id'), target: 'id', function: 'Equality' },
    fields: [{ source: from('email'), target: 'email' }],
  };
  const { id } = await make(changes);
  expect((await send('DELETE', `/api/models/${passing.id}`)).status).toBe(200);
  expect((await send('GET', `/api/syncs/${id}`)).body.data.model_ids).toEqual([passing.id]);
  const refused = await send('PUT', `/api/syncs/${id}`, bodyOf(changes));
  expect([refused.status, refused.body.metadata.field]).toEqual([422, 'identity.source.model_id']);
  expect((await send('PUT', `/api/syncs/${id}`, bodyOf())).status).toBe(200);
});

describe('connections of model syncs', () => {
  it('are in use, and are deleted with them by force', async () => {
    const connectionId = await fixture.connect('to be deleted', fixture.destination);
    const sync = await make({ name: 'Dependant', target: { connection_id: connectionId, object: 'public.people' } });
    const refused = await send('DELETE', `/api/connections/${connectionId}`);
    expect([refused.status, refused.body.metadata.used_by]).toEqual([
      422,
      [{ type: 'sync', name: 'Dependant', id: sync.id }],
    ]);
    expect(refused.body.message).toContain('model sync "Dependant"');
    expect((await send('DELETE', `/api/connections/${connectionId}?force=true`)).status).toBe(200);
    expect((await send('GET', `/api/syncs/${sync.id}`)).status).toBe(404);
  });
});

it('lists the frequencies that a schedule takes', async () => {
  const { body } = await send('GET', '/api/syncs/schedules');
  expect(body.data.schedule_options.map((option: { frequency: string }) => option.frequency)).toEqual([
    'manual',
    'continuous',
    'hourly',
    'daily',
    'weekly',
    'custom',
    'builder',
    'runafter',
  ]);
  expect(body.data.schedule_options[4].configuration.required).toEqual(['day_of_week', 'hour', 'minute']);
});
