import { describe, expect, it } from 'vitest';
import { type BulkFixture, SOURCE_SCHEMAS, UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';

const fixture = useBulkFixture();
const send: BulkFixture['send'] = (...request) => fixture.send(...request);

const CUTOFF = '2025-01-01T00:00:00.000Z';

// Answers are looked at in every depth; their shapes are proved in tests/compatibility.
type Body = ReturnType<typeof JSON.parse>;

const schemasOf = (syncId: string): string => `/api/bulk/syncs/${syncId}/schemas`;
const patch = (syncId: string, ...schemas: readonly unknown[]) => send('PATCH', schemasOf(syncId), { schemas });
const put = (syncId: string, schemaId: string, body?: unknown) =>
  send('PUT', `${schemasOf(syncId)}/${encodeURIComponent(schemaId)}`, body);
const get = async (syncId: string, schemaId: string): Promise<Body> =>
  (await send('GET', `${schemasOf(syncId)}/${encodeURIComponent(schemaId)}`)).body.data;
const enabledOf = async (syncId: string): Promise<string[]> =>
  (await send('GET', schemasOf(syncId))).body.data
    .filter((schema: Body) => schema.enabled)
    .map((schema: Body) => schema.id);

/** A choice for every option of one schema. */
const EVERYTHING = {
  enabled: true,
  fields: [
    { id: 'id' },
    { id: 'email', obfuscated: true, user_output_name: 'mail' },
    { id: 'updated_at', enabled: true },
    { id: 'plan', enabled: false },
  ],
  filters: [{ field_id: 'id', function: 'GreaterThan', value: 3 }],
  tracking_field: 'updated_at',
  data_cutoff_timestamp: CUTOFF,
  disable_data_cutoff: false,
  user_output_name: 'clients',
};

/** What an execution that completed would have left behind. */
async function remember(syncId: string): Promise<void> {
  await fixture.api.services.store.db
    .updateTable('bulkSyncSchemas')
    .set({ cursor: '{"version":1}', loadedShape: '[]', generation: 5 })
    .where('syncId', '=', syncId)
    .execute();
}

async function readMemory(syncId: string, schemaId: string): Promise<unknown> {
  const { cursor, generation } = await fixture.api.services.store.db
    .selectFrom('bulkSyncSchemas')
    .select(['cursor', 'generation'])
    .where('syncId', '=', syncId)
    .where('schemaId', '=', schemaId)
    .executeTakeFirstOrThrow();
  return { cursor, generation: Number(generation) };
}

describe('listing the schemas of a sync', () => {
  it('shows every schema of the source, also for a sync that was made without any', async () => {
    const id = await fixture.createSync({ schemas: [] });
    const { body } = await send('GET', schemasOf(id));
    expect(body.data.map((schema: Body) => [schema.id, schema.enabled])).toEqual(
      SOURCE_SCHEMAS.map((schema) => [schema, false]),
    );
  });

  it('narrows the list, and refuses what it cannot narrow by', async () => {
    const id = await fixture.createSync({ schemas: ['public.orders', 'public.notes'] });
    const list = async (filters: unknown) => {
      const { status, body } = await send('GET', `${schemasOf(id)}?filters=${encodeURIComponent(String(filters))}`);
      return status === 200 ? body.data.map((schema: Body) => schema.id) : status;
    };
    expect(await list('{"enabled":"true"}')).toEqual(['public.notes', 'public.orders']);
    expect(await list('{"id":"ORDERS"}')).toEqual(['archive.orders', 'public.big_orders', 'public.orders']);
    expect(await list('{"id":"orders","enabled":"true"}')).toEqual(['public.orders']);
    expect([await list('{"colour":"red"}'), await list('orders')]).toEqual([400, 400]);
  });

  it('shows fields and filters in the list of 2024-02-08 only', async () => {
    const id = await fixture.createSync({ schemas: ['public.orders'] });
    const [newer, older] = await Promise.all([
      send('GET', schemasOf(id)),
      send('GET', schemasOf(id), undefined, '2024-02-08'),
    ]);
    expect(newer.body.data[0]).not.toHaveProperty('fields');
    const orders = older.body.data.find((schema: Body) => schema.id === 'public.orders');
    expect(orders.fields.map((field: Body) => field.id)).toEqual(['id', 'customer_id', 'total', 'placed_at']);
  });
});

describe('changing some schemas of a sync', () => {
  it('touches the named schemas only, and answers them', async () => {
    const id = await fixture.createSync({ schemas: ['public.orders', 'public.notes'] });
    const { status, body } = await patch(
      id,
      { id: 'public.notes', enabled: false },
      { id: 'public.customers', enabled: true },
    );
    expect([status, body.data.map((schema: Body) => [schema.id, schema.enabled])]).toEqual([
      200,
      [
        ['public.notes', false],
        ['public.customers', true],
      ],
    ]);
    expect(await enabledOf(id)).toEqual(['public.customers', 'public.orders']);
  });

  it('stores every option, and keeps those that a later change leaves out, but for the fields', async () => {
    const id = await fixture.createSync({ schemas: ['public.customers'] });
    const { body } = await patch(id, { id: 'public.customers', ...EVERYTHING });
    expect(body.data[0]).toMatchObject({
      output_name: 'clients',
      user_output_name: 'clients',
      tracking_field: 'updated_at',
      data_cutoff_timestamp: CUTOFF,
      filters: EVERYTHING.filters,
    });
    expect(
      body.data[0].fields.map((field: Body) => [field.id, field.enabled, field.obfuscated, field.output_name]),
    ).toEqual([
      ['id', true, false, 'id'],
      ['email', true, true, 'mail'],
      ['plan', false, false, 'plan'],
      ['updated_at', true, false, 'updated_at'],
      ['domain', false, false, 'domain'],
    ]);
    await patch(id, { id: 'public.customers', enabled: false });
    const later = await get(id, 'public.customers');
    expect(later).toMatchObject({
      tracking_field: 'updated_at',
      user_output_name: 'clients',
      filters: EVERYTHING.filters,
    });
    expect(later.fields.every((field: Body) => field.enabled && !field.obfuscated)).toBe(true);
  });

  it('takes an option back where null or nothing is sent', async () => {
    const id = await fixture.createSync({ schemas: ['public.customers'] });
    await patch(id, { id: 'public.customers', ...EVERYTHING });
    await patch(id, {
      id: 'public.customers',
      tracking_field: '',
      data_cutoff_timestamp: null,
      user_output_name: null,
      filters: [],
    });
    const schema = await get(id, 'public.customers');
    expect(schema).toMatchObject({ output_name: 'customers', data_cutoff_timestamp: null, filters: [] });
    expect([schema.tracking_field, schema.user_output_name]).toEqual([undefined, undefined]);
  });

  it('takes what it answered', async () => {
    const id = await fixture.createSync({ schemas: ['public.customers'] });
    await patch(id, { id: 'public.customers', ...EVERYTHING });
    const before = await get(id, 'public.customers');
    expect((await patch(id, before)).status).toBe(200);
    expect(await get(id, 'public.customers')).toEqual(before);
  });

  it('changes nothing when one of them is refused, or none is named', async () => {
    const id = await fixture.createSync({ schemas: ['public.orders'] });
    const { status } = await patch(id, { id: 'public.orders', enabled: false }, { id: 'public.nope' });
    expect([status, await enabledOf(id)]).toEqual([422, ['public.orders']]);
    for (const body of [undefined, {}, { schemas: null }, { schemas: [] }]) {
      expect((await send('PATCH', schemasOf(id), body)).body.data).toEqual([]);
    }
    expect(await enabledOf(id)).toEqual(['public.orders']);
  });

  it('adds a schema that came into the source later', async () => {
    const id = await fixture.createSync({ schemas: [] });
    expect((await patch(id, { id: 'public.notes' })).status).toBe(200);
    // A schema that nobody chose is off, and a change that does not say so leaves it off.
    expect(await enabledOf(id)).toEqual([]);
    await patch(id, { id: 'public.notes', enabled: true });
    expect(await enabledOf(id)).toEqual(['public.notes']);
  });

  it('only switches off what the source does not have any more', async () => {
    const id = await fixture.createSync({ schemas: ['public.orders'] });
    const { db } = fixture.api.services.store;
    const { syncId, ...row } = { syncId: id, schemaId: 'public.gone', organizationId: fixture.api.keys.organizationId };
    await db
      .insertInto('bulkSyncSchemas')
      .values({ ...row, syncId, enabled: true })
      .execute();
    const refused = await patch(id, { id: 'public.gone', tracking_field: 'id' });
    expect([refused.status, refused.body.message]).toEqual([422, expect.stringContaining('only be switched off')]);
    expect((await patch(id, { id: 'public.gone', enabled: false })).status).toBe(200);
    expect(await enabledOf(id)).toEqual(['public.orders']);
  });

  it('switches off a schema whose options fit the source no more', async () => {
    const id = await fixture.createSync({ schemas: [{ id: 'public.customers', tracking_field: 'updated_at' }] });
    await fixture.api.services.store.db
      .updateTable('bulkSyncSchemas')
      .set({ trackingField: 'gone' })
      .where('syncId', '=', id)
      .execute();
    expect((await patch(id, { id: 'public.customers', filters: [] })).body.metadata.field).toBe(
      'schemas[0].tracking_field',
    );
    expect((await patch(id, { id: 'public.customers', enabled: false })).status).toBe(200);
    expect(await enabledOf(id)).toEqual([]);
  });

  it.each<[string, unknown, number, string]>([
    ['an unknown field', { id: 'public.orders', fields: [{ id: 'nope' }] }, 422, 'schemas[1].fields[0]'],
    ['a field named twice', { id: 'public.orders', fields: [{ id: 'id' }, { id: 'id' }] }, 422, 'schemas[1].fields[1]'],
    ['no field at all', { id: 'public.orders', fields: [{ id: 'id', enabled: false }] }, 422, 'schemas[1].fields'],
    ['an unknown tracking field', { id: 'public.orders', tracking_field: 'nope' }, 422, 'schemas[1].tracking_field'],
    ['a generated one', { id: 'public.customers', tracking_field: 'domain' }, 422, 'schemas[1].tracking_field'],
    ['one without order', { id: 'public.notes', tracking_field: 'body' }, 422, 'schemas[1].tracking_field'],
    ['a partition key', { id: 'public.orders', partition_key: 'id' }, 422, 'schemas[1].partition_key'],
    [
      'a cutoff without a tracking field',
      { id: 'public.orders', data_cutoff_timestamp: CUTOFF },
      422,
      'schemas[1].data_cutoff_timestamp',
    ],
    [
      'a cutoff by a number',
      { id: 'public.orders', tracking_field: 'id', data_cutoff_timestamp: CUTOFF },
      422,
      'schemas[1].data_cutoff_timestamp',
    ],
    [
      'a filter on an unknown field',
      { id: 'public.orders', filters: [{ field_id: 'nope', function: 'IsNull' }] },
      422,
      'schemas[1].filters[0].field_id',
    ],
    [
      'a filter without a field',
      { id: 'public.orders', filters: [{ function: 'IsNull' }] },
      422,
      'schemas[1].filters[0].field_id',
    ],
    [
      'a filter that does not fit',
      { id: 'public.orders', filters: [{ field_id: 'total', function: 'Between', value: 'much' }] },
      422,
      'schemas[1].filters[0]',
    ],
    [
      'two fields with one name',
      { id: 'public.orders', fields: [{ id: 'id', user_output_name: 'total' }, { id: 'total' }] },
      422,
      'schemas[1].fields[0].user_output_name',
    ],
    [
      'a column of ours',
      { id: 'public.orders', fields: [{ id: 'id', user_output_name: '__millrace_updated_at' }] },
      422,
      'schemas[1].fields[0].user_output_name',
    ],
    ['a blank name', { id: 'public.orders', user_output_name: ' ' }, 422, 'schemas[1].user_output_name'],
    ['a long name', { id: 'public.orders', user_output_name: 'é'.repeat(32) }, 422, 'schemas[1].user_output_name'],
    [
      'the name of another schema',
      { id: 'public.orders', user_output_name: 'notes' },
      422,
      'schemas[1].user_output_name',
    ],
    ['a schema named twice', { id: 'archive.orders' }, 422, 'schemas[1]'],
    ['an unknown schema', { id: 'public.nope' }, 422, 'schemas[1]'],
    ['a schema without id', { enabled: true }, 400, 'schemas[1].id'],
    ['an unknown option', { id: 'public.orders', colour: 1 }, 400, 'schemas[1].colour'],
    ['a wrong type', { id: 'public.orders', enabled: 'yes' }, 400, 'schemas[1].enabled'],
    [
      'an unknown function',
      { id: 'public.orders', filters: [{ field_id: 'id', function: 'Is' }] },
      400,
      'schemas[1].filters[0].function',
    ],
  ])('refuses %s and names it', async (_what, schema, status, field) => {
    const id = await fixture.createSync({ schemas: ['public.orders', 'public.notes', 'public.customers'] });
    const answer = await patch(id, { id: 'archive.orders' }, schema);
    const { metadata } = answer.body;
    const named = metadata.field ?? metadata.fields?.map((misfit: Body) => misfit.field).join();
    expect([answer.status, named]).toEqual([status, field]);
  });

  it('refuses a schema whose table another sync writes', async () => {
    const target = { destination_configuration: { schema: 'contested' } };
    await fixture.createSync({ ...target, name: 'The owner', schemas: ['public.orders'] });
    const id = await fixture.createSync({ ...target, name: 'The other', schemas: ['public.notes'] });
    const { status, body } = await patch(id, { id: 'public.orders', enabled: true });
    expect([status, body.message]).toEqual([422, expect.stringContaining('The owner')]);
    expect((await patch(id, { id: 'public.orders', enabled: true, user_output_name: 'mine' })).status).toBe(200);
    const renamed = await patch(id, { id: 'public.orders', user_output_name: 'orders' });
    expect([renamed.status, await enabledOf(id)]).toEqual([422, ['public.notes', 'public.orders']]);
  });

  it('forgets where the next read would begin when more changes than whether a schema is synced', async () => {
    const id = await fixture.createSync({
      schemas: [{ id: 'public.customers', tracking_field: 'updated_at' }, 'public.orders'],
    });
    await remember(id);
    await patch(id, { id: 'public.customers', enabled: false });
    await patch(id, { id: 'public.customers', enabled: true });
    expect(await readMemory(id, 'public.customers')).toEqual({ cursor: { version: 1 }, generation: 5 });
    await patch(id, { id: 'public.customers', filters: EVERYTHING.filters });
    expect(await readMemory(id, 'public.customers')).toEqual({ cursor: null, generation: 6 });
    expect(await readMemory(id, 'public.orders')).toEqual({ cursor: { version: 1 }, generation: 5 });
  });
});

describe('replacing one schema of a sync', () => {
  it('puts what is left out back to its default', async () => {
    const id = await fixture.createSync({ schemas: ['public.customers'] });
    const fresh = await get(id, 'public.customers');
    const { status, body } = await put(id, 'public.customers', EVERYTHING);
    expect([status, body.data]).toEqual([200, await get(id, 'public.customers')]);
    expect(body.data).toMatchObject({ tracking_field: 'updated_at', user_output_name: 'clients' });
    expect((await put(id, 'public.customers', {})).body.data).toEqual(fresh);
    await put(id, 'public.customers', { enabled: false });
    expect(await enabledOf(id)).toEqual([]);
    expect((await put(id, 'public.customers')).body.data).toEqual(fresh);
  });

  it('names a refused option without a prefix', async () => {
    const id = await fixture.createSync({ schemas: ['public.orders', 'public.notes'] });
    const fields = await Promise.all(
      [
        { tracking_field: 'nope' },
        { fields: [{ id: 'nope' }] },
        { user_output_name: 'notes' },
        { filters: [{ field_id: 'nope', function: 'IsNull' }] },
      ].map(async (body) => (await put(id, 'public.orders', body)).body.metadata.field),
    );
    expect(fields).toEqual(['tracking_field', 'fields[0]', 'user_output_name', 'filters[0].field_id']);
  });

  it('answers 404 to an unknown sync or schema, and refuses an id in the body', async () => {
    const id = await fixture.createSync({ schemas: ['public.orders'] });
    expect((await put(UNKNOWN_ID, 'public.orders', {})).status).toBe(404);
    expect((await patch(UNKNOWN_ID, { id: 'public.orders' })).status).toBe(404);
    expect((await put(id, 'public.nope', {})).status).toBe(404);
    expect((await put(id, 'public.orders', { id: 'public.orders' })).status).toBe(400);
  });
});
