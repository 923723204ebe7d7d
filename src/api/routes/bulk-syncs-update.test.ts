import { describe, expect, it } from 'vitest';
import { type Answer, type BulkFixture, UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { addSegment, makeSchemaReceipt, planSchemas, startSync } from '../../../tests/setup/executions.ts';
import { completeSchema, nextGenerations, registerWorker } from '../../store/index.ts';

const fixture = useBulkFixture();
const send: BulkFixture['send'] = (...request) => fixture.send(...request);

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
    const url = `/api/bulk/syncs/${id}`;
    const sent = fixture.syncBody({ schemas: ['public.notes'] });
    const { headers } = await fixture.api.send({ method: 'PUT', url, body: sent });
    expect(headers.warning).toContain('schemas was ignored');
    const { body } = await send('GET', `/api/bulk/syncs/${id}/schemas`);
    expect(body.data.filter((schema: { enabled: boolean }) => schema.enabled)).toMatchObject([{ id: 'public.orders' }]);
    const again = await fixture.api.send({ method: 'PUT', url, body: fixture.syncBody() });
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

  it('makes nothing complete when it says the same of the destination in another order', async () => {
    const { db } = fixture.api.services.store;
    const advanced = { truncate_existing: false, table_prefix: 'raw_', hard_deletes: true };
    const configuration = { schema: 'landing', mirror_schemas: false, advanced };
    const body = fixture.syncBody({ schemas: ['public.orders'], destination_configuration: configuration });
    const id: string = (await send('POST', '/api/bulk/syncs', body)).body.data.id;
    const cursors = db.selectFrom('bulkSyncSchemas').select('cursor').where('syncId', '=', id);
    await db.updateTable('bulkSyncSchemas').set({ cursor: '{"version":1}' }).where('syncId', '=', id).execute();
    expect((await send('PUT', `/api/bulk/syncs/${id}`, body)).status).toBe(200);
    expect(await cursors.where('schemaId', '=', 'public.orders').execute()).toEqual([{ cursor: { version: 1 } }]);
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
