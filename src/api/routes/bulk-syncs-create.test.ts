import { describe, expect, it } from 'vitest';
import { type Answer, type BulkFixture, UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';

const fixture = useBulkFixture();
const send: BulkFixture['send'] = (...request) => fixture.send(...request);
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
      'a schedule with a part that it does not go by',
      { additional_schedules: [{ frequency: 'daily', hour: '1', minute: '0', day_of_week: 'mon' }] },
      'additional_schedules[0].day_of_week',
    ],
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
