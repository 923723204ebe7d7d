import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BulkFixture, SOURCE_SCHEMAS, startBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { addSegment, makeSchemaReceipt, planSchemas, startSync } from '../../../tests/setup/executions.ts';
import { completeSchema, nextGenerations, registerWorker } from '../../store/index.ts';

let fixture: BulkFixture;

beforeAll(async () => {
  fixture = await startBulkFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // Answers are looked at in every depth; their shapes are proved in tests/compatibility.
  readonly body: ReturnType<typeof JSON.parse>;
}

async function send(
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  body?: unknown,
  version?: string,
): Promise<Answer> {
  const answer = await fixture.api.send({ method, url, body, ...(version === undefined ? {} : { version }) });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: answer.body === '' ? null : JSON.parse(answer.body),
  };
}

const create = (changes?: Readonly<Record<string, unknown>>): Promise<Answer> =>
  send('POST', '/api/bulk/syncs', fixture.syncBody(changes));

async function countSyncs(): Promise<number> {
  return (await fixture.api.services.store.db.selectFrom('bulkSyncs').select('id').execute()).length;
}

describe('creating a bulk sync', () => {
  it('fills in the defaults, and hangs the built-in policy on it', async () => {
    const { status, body } = await create();
    expect(status).toBe(200);
    expect(body.data).toMatchObject({
      active: false,
      additional_schedules: [],
      automatically_add_new_fields: 'all',
      automatically_add_new_objects: 'none',
      normalize_names: 'enabled',
      disable_record_timestamps: false,
      data_cutoff_timestamp: null,
      concurrency_limit: null,
      resync_concurrency_limit: null,
      source_configuration: null,
      organization_id: fixture.api.keys.organizationId,
      policies: [expect.any(String)],
      default_schedule: { id: expect.any(String), frequency: 'manual', created_by: { type: 'user' } },
      created_by: { name: 'Administrator', type: 'user' },
    });
  });

  it('stores every option and gives it back', async () => {
    const { body: first } = await create();
    const [policy] = first.data.policies;
    const options = {
      name: 'Everything',
      mode: 'snapshot',
      active: true,
      source_configuration: { replication_slot: 'slot' },
      destination_configuration: { schema: 'everything', mirror_schemas: true, advanced: { hard_deletes: true } },
      automatically_add_new_fields: 'onlyIncremental',
      automatically_add_new_objects: 'all',
      normalize_names: 'legacy',
      disable_record_timestamps: true,
      data_cutoff_timestamp: '2024-05-01T12:30:00.000Z',
      concurrency_limit: 3,
      resync_concurrency_limit: 2,
    };
    const { status, body } = await create({
      ...options,
      policies: [policy],
      organization_id: fixture.api.keys.organizationId,
      default_schedule: { frequency: 'weekly', day_of_week: 'monday', hour: '12', minute: '30', month: null },
      additional_schedules: [
        {
          frequency: 'custom',
          minute: '*/5',
          schemas: ['public.orders'],
          selective_mode: 'incrementalFields',
          resync_mode: 'refetch',
        },
        { frequency: 'continuous' },
      ],
    });
    expect([status, body.message]).toEqual([200, undefined]);
    expect(body.data).toMatchObject(options);
    expect(body.data.policies).toEqual([policy]);
    const { default_schedule: schedule, additional_schedules: more } = body.data;
    expect(schedule).toMatchObject({ frequency: 'weekly', day_of_week: 'monday', hour: '12', minute: '30' });
    expect(schedule).not.toHaveProperty('month');
    expect(more).toHaveLength(2);
    expect(more[0]).toMatchObject({
      minute: '*/5',
      schemas: ['public.orders'],
      selective_mode: 'incrementalFields',
      resync_mode: 'refetch',
    });
    const { body: read } = await send('GET', `/api/bulk/syncs/${body.data.id}`);
    expect(read.data).toEqual(body.data);
    // It mirrors every schema, and would keep the tables of later tests for itself.
    expect((await send('DELETE', `/api/bulk/syncs/${body.data.id}`)).status).toBe(200);
  });

  it.each([
    'name',
    'mode',
    'source_connection_id',
    'destination_connection_id',
    'destination_configuration',
    'default_schedule',
  ])('answers 400 without %s, by name, and stores nothing', async (field) => {
    const before = await countSyncs();
    const { status, body } = await create({ [field]: undefined });
    expect(status).toBe(400);
    expect(body).toMatchObject({
      status: 400,
      key: 'REQUEST_MALFORMED',
      message: expect.stringContaining(`\`${field}\``),
    });
    expect(await countSyncs()).toBe(before);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a mode that is none', { mode: 'mirror' }, 'mode'],
    ['an unknown field', { colour: 'blue' }, 'colour'],
    [
      'an unknown field of a schedule',
      { default_schedule: { frequency: 'manual', at: 'noon' } },
      'default_schedule.at',
    ],
    ['an unknown field of a schema', { schemas: [{ id: 'public.orders', colour: 1 }] }, 'schemas[0].colour'],
    [
      'a filter function that is none',
      { schemas: [{ id: 'public.orders', filters: [{ field_id: 'id', function: 'Is' }] }] },
      'schemas[0].filters[0].function',
    ],
    ['a time without a zone', { data_cutoff_timestamp: '2024-05-01T12:30:00' }, 'data_cutoff_timestamp'],
    ['a time before the year 1', { data_cutoff_timestamp: '0001-01-01T00:00:00+14:00' }, 'data_cutoff_timestamp'],
    [
      'a time after the year 9999 of a schema',
      { schemas: [{ id: 'public.orders', data_cutoff_timestamp: '9999-12-31T23:59:59-12:00' }] },
      'schemas[0].data_cutoff_timestamp',
    ],
    ['a broken number', { concurrency_limit: 1.5 }, 'concurrency_limit'],
    ['an empty name', { name: '  ' }, 'name'],
    ['a connection id that is none', { source_connection_id: 'shop' }, 'source_connection_id'],
    ['a name that cannot be stored', { name: 'a\u0000b' }, 'name'],
    ['half a character', { name: 'a\ud800b' }, 'name'],
  ])('answers 400 to %s', async (_what, changes, field) => {
    const { status, body } = await create(changes);
    expect([status, body.key]).toEqual([400, 'REQUEST_MALFORMED']);
    expect(body.message).toContain(`\`${field}\``);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown source', { source_connection_id: UNKNOWN_ID }, 'source_connection_id'],
    ['an unknown destination', { destination_connection_id: UNKNOWN_ID }, 'destination_connection_id'],
    ['an unknown schema', { schemas: ['public.nope'] }, 'schemas[0]'],
    ['an unknown field', { schemas: [{ id: 'public.orders', fields: ['nope'] }] }, 'schemas[0].fields[0]'],
    [
      'a generated tracking field',
      { schemas: [{ id: 'public.customers', tracking_field: 'domain' }] },
      'schemas[0].tracking_field',
    ],
    ['a partition key', { schemas: [{ id: 'public.orders', partition_key: 'placed_at' }] }, 'schemas[0].partition_key'],
    ['an unknown policy', { policies: [UNKNOWN_ID] }, 'policies[0]'],
    ['another organization', { organization_id: UNKNOWN_ID }, 'organization_id'],
    [
      'an unknown destination setting',
      { destination_configuration: { shema: 'x' } },
      'destination_configuration.shema',
    ],
    ['an unknown source setting', { source_configuration: { slot: 'x' } }, 'source_configuration.slot'],
    ['a schema name that is no text', { destination_configuration: { schema: 7 } }, 'destination_configuration.schema'],
    [
      'a schema name over the limit',
      { destination_configuration: { schema: 'x'.repeat(64) } },
      'destination_configuration.schema',
    ],
    [
      'a reserved schema name',
      { destination_configuration: { schema: '__millrace' } },
      'destination_configuration.schema',
    ],
    ['no lanes', { concurrency_limit: 0 }, 'concurrency_limit'],
    ['lanes beyond reason', { resync_concurrency_limit: 100_000 }, 'resync_concurrency_limit'],
    ['a schedule of model syncs', { default_schedule: { frequency: 'runafter' } }, 'default_schedule.frequency'],
    ['a schedule without its time', { default_schedule: { frequency: 'daily', hour: '1' } }, 'default_schedule.minute'],
    [
      'a schedule of an unknown schema',
      { additional_schedules: [{ frequency: 'manual', schemas: ['nope'] }] },
      'additional_schedules[0].schemas[0]',
    ],
    [
      'the id of a schedule that is not there',
      { default_schedule: { frequency: 'manual', id: UNKNOWN_ID } },
      'default_schedule.id',
    ],
  ])('answers 422 to %s, and stores nothing', async (_what, changes, field) => {
    const before = await countSyncs();
    const { status, body } = await create(changes);
    expect([status, body.key]).toEqual([422, 'REQUEST_REFUSED']);
    expect(body.message).toContain(`\`${field}\``);
    expect(body.metadata.field).toBe(field);
    expect(await countSyncs()).toBe(before);
  });

  it('answers 400 to broken JSON', async () => {
    expect(await send('POST', '/api/bulk/syncs', '{"name": ')).toMatchObject({
      status: 400,
      body: { key: 'REQUEST_MALFORMED' },
    });
  });

  it('takes a foreign connection for an unknown one', async () => {
    const { db } = fixture.api.services.store;
    const organizationId = fixture.api.services.newId();
    const id = fixture.api.services.newId();
    await db.insertInto('organizations').values({ id: organizationId, name: 'Others' }).execute();
    await db
      .insertInto('connections')
      .values({
        id,
        organizationId,
        name: 'theirs',
        type: 'postgresql',
        configuration: '{}',
        status: 'healthy',
        createdByType: 'system',
        updatedByType: 'system',
      })
      .execute();
    expect((await create({ source_connection_id: id })).status).toBe(422);
    await db.deleteFrom('organizations').where('id', '=', organizationId).execute();
  });

  it('asks for patience while the source is read for the first time, and tells when it cannot be read', async () => {
    const id = await fixture.connect('unread', fixture.source);
    const waiting = await create({ source_connection_id: id });
    expect([waiting.status, waiting.body.message]).toEqual([422, expect.stringContaining('cache refresh in progress')]);
    const { db } = fixture.api.services.store;
    await db
      .updateTable('schemaCaches')
      .set({ finishedAt: new Date(), error: 'out of order' })
      .where('connectionId', '=', id)
      .execute();
    const unread = await create({ source_connection_id: id });
    expect([unread.status, unread.body.message]).toEqual([400, expect.stringContaining('did not provide any schemas')]);
  });

  it('tells a source without any table from one that was not read', async () => {
    const id = await fixture.connect('empty', fixture.destination);
    await fixture.refresh(id);
    const { status, body } = await create({ source_connection_id: id });
    expect([status, body.message]).toEqual([400, expect.stringContaining('did not provide any schemas')]);
  });

  it('refuses a table that another sync of the destination writes, naming that sync', async () => {
    const target = { destination_configuration: { schema: 'shared' } };
    const owner = await fixture.createSync({ ...target, name: 'The first', schemas: ['public.orders'] });
    const { status, body } = await create({ ...target, schemas: ['public.notes', 'archive.orders'] });
    expect(status).toBe(422);
    expect(body.message).toContain('"The first"');
    expect(body.metadata).toMatchObject({ schema: 'archive.orders', sync_id: owner, sync_name: 'The first' });
    expect((await create({ ...target, schemas: ['public.notes'] })).status).toBe(200);
  });

  it('tells shared tables by the names that options give them', async () => {
    const at = (schema: string, options: object = {}) => ({ destination_configuration: { schema, ...options } });
    const prefixed = at('named', { advanced: { table_prefix: 'raw_' } });
    await fixture.createSync({ ...prefixed, schemas: ['public.orders'] });
    const id = await fixture.createSync({ ...at('named'), schemas: ['public.notes'] });
    const chosen = { schemas: [{ id: 'public.notes', user_output_name: 'raw_orders' }] };
    const { status, body } = await send('PATCH', `/api/bulk/syncs/${id}/schemas`, chosen);
    expect([status, body.metadata.schema]).toEqual([422, 'public.notes']);
    expect((await create({ ...at('named'), schemas: ['public.orders'] })).status).toBe(200);
    const mirrored = at('unused', { mirror_schemas: true });
    await fixture.createSync({ ...mirrored, schemas: ['archive.orders'] });
    expect((await create({ ...at('archive'), schemas: ['public.orders'] })).status).toBe(422);
    expect((await create({ ...mirrored, schemas: ['public.orders'] })).status).toBe(200);
  });

  it('refuses mirrored schemas of the source itself, and a prefix that leaves no room for a name', async () => {
    const own = { destination_connection_id: fixture.sourceId, schemas: ['public.notes'] };
    const mirrored = { destination_configuration: { mirror_schemas: true } };
    expect((await create({ ...own, ...mirrored })).body.message).toContain('is read by this sync');
    const long = { destination_configuration: { schema: 'p', advanced: { table_prefix: 'p'.repeat(50) } } };
    expect((await create(long)).body.metadata.field).toBe('destination_configuration.advanced.table_prefix');
  });

  it('refuses a sync that would write a table which it reads', async () => {
    const target = { destination_connection_id: fixture.sourceId, destination_configuration: { schema: 'public' } };
    const { status, body } = await create({ ...target, schemas: ['archive.orders', 'public.notes'] });
    expect([status, body.metadata]).toEqual([
      422,
      { field: 'destination_configuration.schema', schema: 'public.notes' },
    ]);
    expect((await create({ ...target, schemas: ['archive.orders'] })).status).toBe(200);
  });

  it('lets only one of two syncs have a table when both are made at once', async () => {
    const target = { destination_configuration: { schema: 'raced' }, schemas: ['public.orders'] };
    const answers = await Promise.all([create(target), create(target), create(target)]);
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 422, 422]);
  });
});

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

describe('updating a bulk sync', () => {
  it('puts what is left out back to its default', async () => {
    const id = await fixture.createSync({ active: true, concurrency_limit: 3, normalize_names: 'disabled' });
    const { status, body } = await send('PUT', `/api/bulk/syncs/${id}`, fixture.syncBody({ name: 'Renamed' }));
    expect(status).toBe(200);
    expect(body.data).toMatchObject({
      name: 'Renamed',
      active: false,
      concurrency_limit: null,
      normalize_names: 'enabled',
    });
  });

  it('leaves the selection alone, and says so when one was sent', async () => {
    const id = await fixture.createSync({ schemas: ['public.orders'] });
    const { headers } = await send('PUT', `/api/bulk/syncs/${id}`, fixture.syncBody({ schemas: ['public.notes'] }));
    expect(headers.warning).toContain('schemas was ignored');
    const { body } = await send('GET', `/api/bulk/syncs/${id}/schemas`);
    expect(body.data.filter((schema: { enabled: boolean }) => schema.enabled)).toMatchObject([{ id: 'public.orders' }]);
    const again = await send('PUT', `/api/bulk/syncs/${id}`, fixture.syncBody());
    expect(again.headers).not.toHaveProperty('warning');
  });

  it('keeps the default schedule, and the others that are sent with their ids', async () => {
    const id = await fixture.createSync({
      additional_schedules: [{ frequency: 'hourly', minute: '0' }, { frequency: 'continuous' }],
    });
    const { data: before } = (await send('GET', `/api/bulk/syncs/${id}`)).body;
    const [hourly] = before.additional_schedules;
    const changes = {
      default_schedule: { frequency: 'hourly', minute: '15' },
      additional_schedules: [{ frequency: 'manual' }, { id: hourly.id, frequency: 'hourly', minute: '0' }],
    };
    const { body } = await send('PUT', `/api/bulk/syncs/${id}`, fixture.syncBody(changes));
    const { default_schedule: schedule, additional_schedules: more } = body.data;
    expect(schedule).toMatchObject({
      id: before.default_schedule.id,
      minute: '15',
      created_at: before.default_schedule.created_at,
    });
    expect(more[1]).toEqual(hourly);
    expect([hourly.id, schedule.id]).not.toContain(more[0].id);
  });

  it('makes the next read complete where source, destination or names change, and only there', async () => {
    const { db } = fixture.api.services.store;
    const body = fixture.syncBody({ schemas: ['public.orders'] });
    const id: string = (await send('POST', '/api/bulk/syncs', body)).body.data.id;
    const setCursor = () =>
      db.updateTable('bulkSyncSchemas').set({ cursor: '{"version":1}' }).where('syncId', '=', id).execute();
    const readCursor = async () =>
      (
        await db
          .selectFrom('bulkSyncSchemas')
          .select('cursor')
          .where('syncId', '=', id)
          .where('schemaId', '=', 'public.orders')
          .executeTakeFirst()
      )?.cursor;
    await setCursor();
    await send('PUT', `/api/bulk/syncs/${id}`, { ...body, name: 'Other name', active: true });
    expect(await readCursor()).toEqual({ version: 1 });
    await send('PUT', `/api/bulk/syncs/${id}`, { ...body, destination_configuration: { schema: 'elsewhere' } });
    expect(await readCursor()).toBeNull();
    await setCursor();
    await send('PUT', `/api/bulk/syncs/${id}`, {
      ...body,
      destination_configuration: { schema: 'elsewhere' },
      normalize_names: 'disabled',
    });
    expect(await readCursor()).toBeNull();
  });

  it('does so too when one of its connections leads elsewhere, but not for a new password', async () => {
    const { db } = fixture.api.services.store;
    const other = await fixture.connect('moving', fixture.source);
    await fixture.refresh(other);
    const id = await fixture.createSync({ source_connection_id: other, schemas: ['public.orders'] });
    const rows = db.updateTable('bulkSyncSchemas').set({ cursor: '{"version":1}' }).where('syncId', '=', id);
    const readCursor = async () =>
      (await db.selectFrom('bulkSyncSchemas').select('cursor').where('syncId', '=', id).executeTakeFirst())?.cursor;
    const { configuration } = (await send('GET', `/api/connections/${other}`)).body.data;
    const password = decodeURIComponent(new URL(fixture.source.url).password);
    await rows.execute();
    const move = (changes: object): Promise<Answer> =>
      send('PUT', `/api/connections/${other}`, { name: 'moving', configuration: { ...configuration, ...changes } });
    expect((await move({ password })).status).toBe(200);
    expect(await readCursor()).toEqual({ version: 1 });
    expect((await move({ database: fixture.destination.name })).status).toBe(200);
    expect(await readCursor()).toBeNull();
  });

  it.each([
    ['keeps what a running execution has learned', {}, { version: 7 }],
    ['lets it remember nothing of where the sync was', { destination_configuration: { schema: 'moved' } }, null],
  ])('%s', async (_what, changes, expected) => {
    const { api } = fixture;
    const { store } = api.services;
    const body = fixture.syncBody({ schemas: ['public.orders'] });
    const id: string = (await send('POST', '/api/bulk/syncs', body)).body.data.id;
    const executionId = await startSync(api, id);
    const generation = (await nextGenerations(store.db, id, ['public.orders'])).get('public.orders') ?? 0;
    const workerId = api.services.newId();
    await registerWorker(store.db, { id: workerId, host: 'here', pid: 1, build: 'test' });
    await planSchemas(api, executionId, [{ schemaId: 'public.orders', generation }], new Date());
    const item = {
      executionId,
      schemaId: 'public.orders',
      generation,
      no: 1,
      kind: 'finish' as const,
      token: 1,
      range: null,
    };
    await addSegment(api, executionId, { ...item, workerId });
    await send('PUT', `/api/bulk/syncs/${id}`, { ...body, ...changes });
    const ended = { item, workerId, outcome: {}, syncId: id, receipt: makeSchemaReceipt('public.orders') };
    const counts = { recordCount: 1, errorCount: 0, warningCount: 0 };
    const isDone = await completeSchema(store, { ...ended, ...counts, nextCursor: { version: 7 }, shape: [] });
    expect(isDone).toBe(true);
    const { cursor } = await store.db
      .selectFrom('bulkSyncSchemas')
      .select('cursor')
      .where('syncId', '=', id)
      .where('schemaId', '=', 'public.orders')
      .executeTakeFirstOrThrow();
    expect(cursor).toEqual(expected);
  });

  it('refuses a source that lacks what the sync selects', async () => {
    const id = await fixture.createSync({ schemas: ['public.orders'] });
    const { db } = fixture.api.services.store;
    const other = await fixture.connect('other shop', fixture.source);
    await fixture.refresh(other);
    await db
      .deleteFrom('cachedSchemas')
      .where('connectionId', '=', other)
      .where('schemaId', '=', 'public.orders')
      .execute();
    const { status, body } = await send(
      'PUT',
      `/api/bulk/syncs/${id}`,
      fixture.syncBody({ source_connection_id: other }),
    );
    expect([status, body.message]).toEqual([422, expect.stringContaining('"public.orders"')]);
  });

  it('refuses a source that lacks a field which the sync uses', async () => {
    const other = await fixture.connect('shop of others', fixture.source);
    await fixture.refresh(other);
    const { db } = fixture.api.services.store;
    const cached = await db
      .selectFrom('cachedSchemas')
      .select('description')
      .where('connectionId', '=', other)
      .where('schemaId', '=', 'public.orders')
      .executeTakeFirstOrThrow();
    const { description } = cached;
    const fields = description.fields.filter(({ id }) => id !== 'total');
    await db
      .updateTable('cachedSchemas')
      .set({ description: JSON.stringify({ ...description, fields }) })
      .where('connectionId', '=', other)
      .where('schemaId', '=', 'public.orders')
      .execute();
    const filters = [{ field_id: 'total', function: 'IsNotNull' }];
    for (const [options, status] of [
      [{ filters }, 422],
      [{ fields: ['id', 'total'] }, 422],
      [{ fields: ['id', { id: 'total', enabled: false }] }, 200],
    ] as const) {
      const id = await fixture.createSync({ schemas: [{ id: 'public.orders', ...options }] });
      const answer = await send('PUT', `/api/bulk/syncs/${id}`, fixture.syncBody({ source_connection_id: other }));
      expect([answer.status, answer.body.metadata?.field]).toEqual([
        status,
        status === 200 ? undefined : 'source_connection_id',
      ]);
    }
  });

  it('checks the rules of a create', async () => {
    const id = await fixture.createSync();
    const put = (changes: Record<string, unknown>): Promise<Answer> =>
      send('PUT', `/api/bulk/syncs/${id}`, fixture.syncBody(changes));
    expect((await put({ mode: undefined })).status).toBe(400);
    expect((await put({ mode: 'mirror' })).status).toBe(400);
    expect((await put({ policies: [UNKNOWN_ID] })).status).toBe(422);
    expect((await send('PUT', `/api/bulk/syncs/${UNKNOWN_ID}`, fixture.syncBody())).status).toBe(404);
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

  it('names the versions that have the list where another was asked for', async () => {
    const { status, body } = await send('GET', '/api/bulk/syncs', undefined, '2024-02-08');
    expect([status, body.message]).toEqual([404, expect.stringContaining('2025-09-18')]);
  });
});
