import { beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type BulkFixture, UNKNOWN_ID, useBulkFixture } from '../../../../tests/setup/bulk-fixture.ts';
import { queryDatabase } from '../../../../tests/setup/databases.ts';
import { storeModel } from '../../../../tests/setup/models.ts';

const fixture = useBulkFixture();
const send: BulkFixture['send'] = (...request) => fixture.send(...request);

let customers: Awaited<ReturnType<typeof storeModel>>;
let orders: Awaited<ReturnType<typeof storeModel>>;

beforeAll(async () => {
  await queryDatabase(
    fixture.destination.url,
    `CREATE TABLE people (id bigint PRIMARY KEY, email text NOT NULL, plan text, doubled bigint GENERATED ALWAYS AS (id * 2) STORED, extra json);
     CREATE TABLE loose (note text)`,
  );
  const connectionId = fixture.sourceId;
  customers = await storeModel(fixture.api, {
    connectionId,
    name: 'Customers',
    fields: { id: 'number', email: 'string', plan: 'string', updated_at: 'datetime', tags: 'array' },
  });
  orders = await storeModel(fixture.api, {
    connectionId,
    name: 'Orders',
    fields: { order_id: 'number', customer_id: 'number', total: 'number' },
    relations: [{ from: 'customer_id', to: { modelId: customers.id, field: 'id' } }],
  });
});

const of = (field: string) => ({ model_id: customers.id, field });
const mapped = (field: string, target: string) => ({ source: of(field), target });

/** A complete request; `changes` lie over it, undefined takes a field away. */
function bodyOf(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    name: 'People',
    mode: 'updateOrCreate',
    target: { connection_id: fixture.destinationId, object: 'public.people' },
    identity: { source: of('id'), target: 'id', function: 'Equality' },
    fields: [mapped('email', 'email'), mapped('plan', 'plan')],
    schedule: { frequency: 'manual' },
    ...changes,
  };
}

async function make(changes: Readonly<Record<string, unknown>> = {}): Promise<Answer['body']> {
  const { status, body } = await send('POST', '/api/syncs', bodyOf(changes));
  if (status !== 200) throw new Error(`The model sync was refused: ${JSON.stringify(body)}`);
  return body.data;
}

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

describe('what a rule refuses, by the field', () => {
  const to = (changes: object) => ({
    target: { connection_id: fixture.destinationId, object: 'public.people', ...changes },
  });
  const create = (values: object) => to({ object: null, create: { schema: 'public', name: 'made', ...values } });
  const filtered = (filter: object, more: object = {}) => ({ filters: [filter], ...more });

  it.each<[field: string, () => Readonly<Record<string, unknown>>]>([
    ['organization_id', () => ({ organization_id: UNKNOWN_ID })],
    ['policies[0]', () => ({ policies: [UNKNOWN_ID] })],
    ['target.connection_id', () => to({ connection_id: UNKNOWN_ID })],
    ['mode', () => ({ mode: 'append' })],
    ['target', () => to({ object: null })],
    ['target', () => to({ create: { schema: 'public', name: 'made' } })],
    ['target.object', () => to({ object: 'public.nowhere' })],
    ['target.configuration.colour', () => to({ configuration: { colour: 'red' } })],
    ['target.create.colour', () => create({ colour: 'red' })],
    ['target.create.schema', () => create({ schema: 'nowhere' })],
    ['target.create.name', () => create({ name: '' })],
    ['target.create.name', () => create({ name: 'n'.repeat(64) })],
    ['target.filter_logic', () => to({ filter_logic: 'A' })],
    ['identity', () => ({ identity: null })],
    ['identity.target', () => ({ identity: { source: of('id'), target: 'nothing', function: 'Equality' } })],
    ['identity.target', () => ({ identity: { source: of('id'), target: 'extra', function: 'Equality' } })],
    ['identity.function', () => ({ identity: { source: of('id'), target: 'id', function: 'OneOf' } })],
    [
      'identity.new_field',
      () => ({ identity: { source: of('id'), target: 'x', function: 'Equality', new_field: true } }),
    ],
    ['identity.source.field', () => ({ identity: { source: of('nothing'), target: 'id', function: 'Equality' } })],
    [
      'fields[0].source.model_id',
      () => ({ fields: [{ source: { model_id: UNKNOWN_ID, field: 'id' }, target: 'email' }] }),
    ],
    ['fields[0].source.field', () => ({ fields: [mapped('nothing', 'email')] })],
    ['fields[0].source', () => ({ fields: [{ target: 'email' }] })],
    ['fields[0].target', () => ({ fields: [mapped('email', 'nothing')] })],
    ['fields[0].target', () => ({ fields: [mapped('id', 'doubled')] })],
    ['fields[0].target', () => ({ fields: [mapped('email', '')] })],
    ['fields[0].new', () => ({ fields: [{ ...mapped('email', 'email'), new: true }] })],
    ['fields[0].encryption_enabled', () => ({ fields: [{ ...mapped('email', 'email'), encryption_enabled: true }] })],
    ['fields[0].sync_mode', () => ({ fields: [{ ...mapped('email', 'email'), sync_mode: 'create' }] })],
    ['fields[0].sync_mode', () => ({ fields: [{ ...mapped('email', 'email'), sync_mode: 'sometimes' }] })],
    ['fields[1].target', () => ({ fields: [mapped('email', 'email'), mapped('plan', 'email')] })],
    ['fields', () => ({ fields: [mapped('plan', 'plan')] })],
    ['fields', () => ({ mode: 'replace', identity: null, fields: [{ target: 'email', override_value: 'x' }] })],
    ['override_fields[0].override_value', () => ({ override_fields: [{ target: 'extra' }] })],
    ['override_fields[0].target', () => ({ override_fields: [{ target: 'email', override_value: 'x' }] })],
    ['overrides[0].function', () => ({ overrides: [{ field: of('email'), override: 'x' }] })],
    ['overrides[0].override', () => ({ overrides: [{ field: of('email'), function: 'IsNull' }] })],
    ['overrides[0]', () => ({ overrides: [{ function: 'IsNull', override: 'x' }] })],
    ['overrides[0].field_id', () => ({ overrides: [{ field_id: 'nothing', function: 'IsNull', override: 'x' }] })],
    ['overrides[0]', () => ({ overrides: [{ field: of('email'), function: 'True', override: 'x' }] })],
    ['filters[0]', () => filtered({ function: 'IsNull' })],
    ['filters[0].field_id', () => filtered({ field_id: 'nothing', function: 'IsNull' })],
    ['filters[0].field.field', () => filtered({ field: of('nothing'), function: 'IsNull' })],
    ['filters[0]', () => filtered({ field: of('id'), function: 'Between', value: [5] })],
    ['filters[0]', () => filtered({ field: of('tags'), function: 'StringContains', value: 'x' })],
    [
      'filters[0].field_type',
      () => filtered({ field_type: 'Target', field_id: 'plan', function: 'IsNull' }, { mode: 'update' }),
    ],
    ['filter_logic', () => filtered({ field: of('id'), function: 'IsNull' }, { filter_logic: 'A AND' })],
    ['filter_logic', () => filtered({ field: of('id'), function: 'IsNull' }, { filter_logic: 'A OR B' })],
    ['filter_logic', () => ({ filter_logic: 'A' })],
    [
      'filter_logic',
      () => ({
        filters: [
          { field: of('id'), function: 'IsNull' },
          { field: of('id'), function: 'IsNotNull' },
        ],
        filter_logic: 'B',
      }),
    ],
    ['schedule.frequency', () => ({ schedule: {} })],
    ['schedule.frequency', () => ({ schedule: { frequency: 'multi' } })],
    ['schedule.frequency', () => ({ schedule: { frequency: 'dbtcloud', connection_id: UNKNOWN_ID, job_id: 1 } })],
    ['schedule.hour', () => ({ schedule: { frequency: 'daily', minute: '0' } })],
    ['schedule.minute', () => ({ schedule: { frequency: 'hourly', minute: '99' } })],
    ['schedule.run_after', () => ({ schedule: { frequency: 'runafter' } })],
    ['schedule.run_after', () => ({ schedule: { frequency: 'manual', run_after: { sync_ids: [UNKNOWN_ID] } } })],
    ['schedule', () => ({ schedule: { frequency: 'runafter', minute: '5', run_after: { sync_ids: [UNKNOWN_ID] } } })],
    [
      'schedule.run_after.sync_ids[0]',
      () => ({ schedule: { frequency: 'runafter', run_after: { sync_ids: [UNKNOWN_ID] } } }),
    ],
    [
      'schedule.run_after.bulk_sync_ids[0]',
      () => ({ schedule: { frequency: 'runafter', run_after: { bulk_sync_ids: [UNKNOWN_ID] } } }),
    ],
  ])('%s', async (field, changes) => {
    const { status, body } = await send('POST', '/api/syncs', bodyOf(changes()));
    expect([status, body.key, body.metadata.field]).toEqual([422, 'REQUEST_REFUSED', field]);
    expect(body.message).toContain(field);
  });

  it('fields of two models that nothing joins', async () => {
    const lonely = await storeModel(fixture.api, {
      connectionId: fixture.sourceId,
      name: 'Lonely',
      fields: { note: 'string' },
    });
    const fields = [mapped('email', 'email'), { source: { model_id: lonely.id, field: 'note' }, target: 'plan' }];
    const { status, body } = await send('POST', '/api/syncs', bodyOf({ fields }));
    expect([status, body.message]).toEqual([422, expect.stringContaining('"Lonely" are not joined')]);
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['name', { name: undefined }],
    ['name', { name: ' ' }],
    ['colour', { colour: 'red' }],
    ['mode', { mode: 'enrich' }],
    ['fields', { fields: undefined }],
    ['fields[0].target', { fields: [{ target: 5 }] }],
    ['target', { target: 'public.people' }],
    [
      'identity.function',
      { identity: { source: { model_id: UNKNOWN_ID, field: 'id' }, target: 'id', function: 'Hashed' } },
    ],
    ['filters[0].function', { filters: [{ field_id: 'x' }] }],
    ['schedule.job_id', { schedule: { frequency: 'dbtcloud', job_id: 'one' } }],
    ['policies[0]', { policies: ['x'] }],
  ])('a body that does not fit: %s', async (field, changes) => {
    const { status, body } = await send('POST', '/api/syncs', bodyOf(changes));
    expect([status, body.message]).toEqual([400, expect.stringContaining(`\`${field}\``)]);
  });
});

describe('syncs that wait for others', () => {
  const waitingFor = (...ids: string[]) => ({ schedule: { frequency: 'runafter', run_after: { sync_ids: ids } } });
  const put = (id: string, changes: object) => send('PUT', `/api/syncs/${id}`, bodyOf({ ...changes }));

  it('wait for model syncs and bulk syncs, in chains without end or circle', async () => {
    const bulk = await fixture.createSync();
    const first = await make({ name: 'first' });
    const run_after = { sync_ids: [first.id], bulk_sync_ids: [bulk] };
    const second = await make({
      name: 'second',
      schedule: { frequency: 'runafter', run_after, run_after_success_only: true },
    });
    expect(second.schedule).toEqual({ frequency: 'runafter', run_after, run_after_success_only: true });
    const third = await make({ name: 'third', ...waitingFor(second.id) });
    const circle = await put(first.id, waitingFor(third.id));
    expect([circle.status, circle.body.metadata.field]).toEqual([422, 'schedule.run_after.sync_ids']);
    expect(circle.body.message).toContain('"third" waits for "second" waits for it');
    const self = await put(first.id, waitingFor(first.id));
    expect([self.status, self.body.message]).toEqual([422, expect.stringContaining('cannot wait for itself')]);
    // Two that would close a circle together, at the same time.
    const [one, other] = [await make({ name: 'one' }), await make({ name: 'other' })];
    const answers = await Promise.all([put(one.id, waitingFor(other.id)), put(other.id, waitingFor(one.id))]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422]);
    // Who is waited for may go.
    expect((await send('DELETE', `/api/syncs/${first.id}`)).status).toBe(200);
    expect((await send('GET', `/api/syncs/${second.id}`)).body.data.schedule.run_after.sync_ids).toEqual([first.id]);
  });
});

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

describe('executions', () => {
  it('are not started, and the refusal says why', async () => {
    const { id } = await make();
    for (const body of [undefined, {}, { resync: true, test: true, identities: ['1'] }]) {
      const { status, body: answer } = await send('POST', `/api/syncs/${id}/executions`, body);
      expect([status, answer.key, answer.message]).toEqual([
        422,
        'MODEL_SYNC_NOT_RUN',
        expect.stringContaining('cannot run them yet'),
      ]);
    }
    expect((await send('POST', `/api/syncs/${id}/executions`, { colour: 1 })).status).toBe(400);
    expect((await send('POST', `/api/syncs/${UNKNOWN_ID}/executions`, {})).status).toBe(404);
    expect((await send('GET', `/api/syncs/${id}/executions`)).body).toEqual({ data: [], pagination: {} });
    expect((await send('GET', `/api/syncs/${id}/executions?page_token=x`)).status).toBe(400);
    expect((await send('GET', `/api/syncs/${id}/status`)).body).toEqual({ data: { next_execution_time: null } });
    expect((await send('POST', `/api/syncs/${id}/cancel`)).body.data.message).toContain('Nothing to cancel');
  });

  it.each([
    ['GET', ''],
    ['POST', '/cancel'],
    ['GET', '/consolelog'],
    ['GET', '/records'],
    ['GET', '/errors/1.json'],
    ['GET', '/colours'],
  ] as const)('that are asked for by %s …%s are unknown', async (method, path) => {
    const { id } = await make();
    const { status, body } = await send(method, `/api/syncs/${id}/executions/${UNKNOWN_ID}${path}`);
    expect([status, body.key]).toEqual([404, 'NOT_FOUND']);
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

describe('targets', () => {
  it('may be tables of a DuckDB file, also before there is one', async () => {
    const { body } = await send('POST', '/api/connections', {
      name: 'file',
      type: 'duckdb',
      configuration: { path: 'targets.duckdb' },
    });
    const connection_id: string = body.data.id;
    const objects = await send('GET', `/api/connections/${connection_id}/modelsync/targetobjects`);
    expect([objects.body.data, objects.body.target_creation.supported]).toEqual([[], true]);
    const sync = await make({ target: { connection_id, create: { schema: 'main', name: 'people' } }, mode: 'append' });
    expect(sync.target.create).toEqual({ schema: 'main', name: 'people' });
  });

  it('must be of a connection that can be one', async () => {
    const { body } = await send('POST', '/api/connections', {
      name: 'folder',
      type: 'parquet',
      configuration: { path: 'folder' },
    });
    const connection_id: string = body.data.id;
    const refused = await send('POST', '/api/syncs', bodyOf({ target: { connection_id, object: 'x' } }));
    expect([refused.status, refused.body.metadata.field]).toEqual([422, 'target.connection_id']);
    const url = `/api/connections/${connection_id}/modelsync/target/fields?target=x`;
    expect([(await send('GET', url)).status, (await send('GET', url)).body.key]).toEqual([
      404,
      'FEATURE_NOT_SUPPORTED',
    ]);
  });

  it('have the columns of their table', async () => {
    const url = `/api/connections/${fixture.destinationId}/modelsync/target/fields`;
    const { status, body } = await send('GET', `${url}?target=public.people&refresh=true`);
    expect([status, body.data.id, body.data.properties.target_creator]).toEqual([200, 'public.people', true]);
    expect(body.data.fields.map((field: { id: string }) => field.id)).toEqual([
      'id',
      'email',
      'plan',
      'doubled',
      'extra',
    ]);
    expect(body.data.fields[1]).toEqual({
      id: 'email',
      name: 'email',
      type: 'string',
      source_type: 'text',
      required: true,
      createable: true,
      updateable: true,
      filterable: true,
      association: false,
      encryptable: false,
      supports_identity: true,
      identity_functions: [{ id: 'Equality', label: 'Equality' }],
    });
    expect(body.data.modes.map((mode: { mode: string }) => mode.mode)).toContain('updateOrCreate');
    expect((await send('GET', `${url}?target=public.nowhere`)).status).toBe(404);
    expect((await send('GET', url)).status).toBe(400);
    expect((await send('GET', `/api/connections/${UNKNOWN_ID}/modelsync/target/fields?target=x`)).status).toBe(404);
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

describe('older versions', () => {
  const V2024 = '2024-02-08';
  const V2023 = '2023-04-25';

  it('list every sync with everything', async () => {
    const sync = await make({ name: 'seen by all' });
    for (const version of [V2024, V2023]) {
      const { body } = await send('GET', '/api/syncs', undefined, version);
      expect(body).not.toHaveProperty('pagination');
      expect(body.data[0]).toEqual(sync);
    }
    const none = await send('GET', '/api/syncs?active=true&mode=remove', undefined, V2024);
    expect(none.body.data).toEqual([]);
  });

  it('tell of targets where they did then', async () => {
    const meta = `/api/connections/${fixture.destinationId}`;
    for (const [version, url] of [
      [V2024, `${meta}/modelsync/target`],
      [V2023, `${meta}/target`],
    ] as const) {
      const { body } = await send('GET', `${url}?type=object&search=EOPL`, undefined, version);
      expect(body.data).toEqual({
        configuration: {},
        items: {
          object: {
            has_items: true,
            items: [{ label: 'public.people', value: 'public.people' }],
            requires_one_of: null,
          },
        },
        requires_one_of: ['object'],
      });
      expect((await send('GET', `${url}?type=audience`, undefined, version)).status).toBe(422);
    }
    const url = `${meta}/target/fields`;
    const { body } = await send('POST', url, { target: 'public.people', refresh: true }, V2023);
    expect(body.data.fields[0]).toMatchObject({ id: 'id', required: true });
    expect(body.data.fields[0]).not.toHaveProperty('encryptable');
    expect((await send('POST', url, {}, V2023)).status).toBe(400);
  });

  it('change only what a PATCH of 2023 names', async () => {
    const sync = await make({
      filters: [{ field: of('plan'), function: 'Equality', value: 'team' }],
      overrides: [{ field: of('email'), function: 'IsNull', override: 'x' }],
      override_fields: [{ target: 'extra', override_value: '{}' }],
      active: true,
    });
    const url = `/api/syncs/${sync.id}`;
    const renamed = await send('PATCH', url, { name: 'Patched' }, V2023);
    expect([renamed.status, renamed.body.data.override_fields[0].source]).toEqual([
      200,
      { model_id: customers.id, field: '' },
    ]);
    const now = (await send('GET', url)).body.data;
    expect({ ...now, updated_at: '' }).toEqual({ ...sync, name: 'Patched', updated_at: '' });
    await send('PATCH', url, { filters: null, schedule: { frequency: 'hourly', minute: '5' } }, V2023);
    expect((await send('GET', url)).body.data).toMatchObject({
      name: 'Patched',
      active: true,
      filters: [],
      schedule: { frequency: 'hourly', minute: '5' },
    });
    expect((await send('PATCH', url, { fields: [] }, V2023)).status).toBe(422);
    expect((await send('PATCH', url, { colour: 1 }, V2023)).status).toBe(400);
    expect((await send('PUT', url, bodyOf(), V2023)).status).toBe(404);
  });

  it('have an object for a target that is still to be made', async () => {
    const target = { connection_id: fixture.destinationId, create: { schema: 'public', name: 'later' } };
    const sync = await make({ target });
    const url = `/api/syncs/${sync.id}`;
    const shown = (await send('GET', url, undefined, V2023)).body.data.target;
    expect(shown).toEqual({ connection_id: fixture.destinationId, object: 'public.later' });
    expect((await send('PATCH', url, { target: shown }, V2023)).status).toBe(200);
    expect((await send('GET', url)).body.data.target).toEqual(target);
    const elsewhere = { ...shown, object: 'public.nowhere' };
    expect((await send('PATCH', url, { target: elsewhere }, V2023)).status).toBe(422);
  });

  it('know no execution whose status could be set', async () => {
    const { id } = await make();
    const url = `/api/syncs/${id}/executions/${UNKNOWN_ID}`;
    expect((await send('PUT', url, { status: 'canceled' }, V2024)).status).toBe(404);
    expect((await send('PUT', url, { status: 'gone' }, V2024)).status).toBe(400);
    expect((await send('GET', `/api/syncs/${id}/executions`, undefined, V2023)).body).toEqual({ data: [] });
  });
});
