import { describe, expect, it } from 'vitest';
import { type BulkFixture, UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { addSegment, happen, planSchemas, startSync } from '../../../tests/setup/executions.ts';

const fixture = useBulkFixture();
const send: BulkFixture['send'] = (...request) => fixture.send(...request);

const start = (syncId: string, body?: unknown) => send('POST', `/api/bulk/syncs/${syncId}/executions`, body);

describe('starting a sync', () => {
  it('answers with the execution, and enqueues it', async () => {
    const id = await fixture.createSync();
    const { status, body } = await start(id, {});
    expect(status).toBe(200);
    expect(body.data).toMatchObject({
      status: 'created',
      type: 'manual',
      fetch_mode: 'none',
      is_resync: false,
      is_partial: false,
      is_test: false,
      output_disposition: 'retain',
      record_count: 0,
      error_count: 0,
      warning_count: 0,
      started_at: null,
      completed_at: null,
      schemas: [],
    });
    expect(fixture.api.enqueued).toContain(body.data.id);
  });

  it('takes a refetch for a resync that retains, and a start without a body', async () => {
    const resync = await start(await fixture.createSync(), { resync_mode: 'refetch' });
    expect(resync.body.data).toMatchObject({ is_resync: true, output_disposition: 'retain' });
    expect((await start(await fixture.createSync())).status).toBe(200);
    expect(
      (await start(await fixture.createSync(), { schemas: [], fetch_mode: 'none', test: false, resync_mode: null }))
        .status,
    ).toBe(200);
  });

  it('answers 409 while one runs, naming it, and enqueues nothing', async () => {
    const id = await fixture.createSync();
    const running = await startSync(fixture.api, id);
    const before = fixture.api.enqueued.length;
    const { status, body } = await start(id);
    expect([status, body.key]).toEqual([409, 'EXECUTION_RUNNING']);
    expect(body.metadata).toMatchObject({ execution_id: running, execution_status: 'created' });
    expect(fixture.api.enqueued.length).toBe(before);
    await happen(fixture.api, running, 'start');
    expect((await start(id)).status).toBe(409);
    await happen(fixture.api, running, 'complete');
    expect((await start(id)).status).toBe(200);
  });

  it('lets exactly one of many simultaneous starts through', async () => {
    const id = await fixture.createSync();
    const answers = await Promise.all(Array.from({ length: 5 }, () => start(id)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 409, 409, 409, 409]);
  });

  it('does not mind schedules, policies, limits, or that the sync is inactive', async () => {
    const id = await fixture.createSync({
      active: false,
      concurrency_limit: 1,
      resync_concurrency_limit: 1,
      default_schedule: { frequency: 'daily', hour: '1', minute: '0' },
      additional_schedules: [{ frequency: 'continuous', resync_mode: 'rebuild' }],
    });
    expect((await start(id)).status).toBe(200);
  });

  it('starts with the options that work', async () => {
    const id = await fixture.createSync({
      disable_record_timestamps: true,
      normalize_names: 'disabled',
      destination_configuration: { schema: 'with_options', mirror_schemas: false, advanced: { hard_deletes: false } },
      schemas: [{ id: 'public.customers', fields: ['id', 'email'], tracking_field: 'updated_at' }],
    });
    expect((await start(id)).status).toBe(200);
  });

  it('refuses a test together with a resync', async () => {
    const { status, body } = await start(await fixture.createSync(), { test: true, resync_mode: 'refetch' });
    expect([status, body.key]).toEqual([400, 'REQUEST_MALFORMED']);
  });

  it.each<[string, Record<string, unknown>]>([
    ['schemas[0]', { schemas: ['public.gone'] }],
    ['fetch_mode', { resync_mode: 'refetch', fetch_mode: 'incremental' }],
  ])('refuses a start by its %s', async (field, body) => {
    const answer = await start(await fixture.createSync(), body);
    expect([answer.status, answer.body.key, answer.body.metadata.field]).toEqual([422, 'REQUEST_REFUSED', field]);
  });

  it('answers what kind of execution it is', async () => {
    const partial = await start(await fixture.createSync(), { schemas: ['public.orders'], fetch_mode: 'full' });
    expect(partial.body.data).toMatchObject({ is_partial: true, is_test: false, is_resync: false, fetch_mode: 'full' });
    const rebuild = await start(await fixture.createSync(), { resync_mode: 'rebuild' });
    expect(rebuild.body.data).toMatchObject({ is_partial: false, is_resync: true, output_disposition: 'rebuild' });
    const test = await start(await fixture.createSync(), { test: true });
    expect(test.body.data).toMatchObject({ is_test: true, output_disposition: 'retain' });
  });

  it.each<[string, Record<string, unknown>]>([
    ['source_configuration.replication_slot', { source_configuration: { replication_slot: 'slot' } }],
  ])('refuses to run a sync with %s, whose effect comes later', async (field, changes) => {
    const { status, body } = await start(await fixture.createSync(changes));
    expect([status, body.key]).toEqual([422, 'OPTION_NOT_AVAILABLE']);
    expect(body.metadata.fields).toEqual([field]);
    expect(body.message).toContain(`\`${field}\``);
  });

  it('takes the receipt depth that repairs', async () => {
    const id = await fixture.createSync();
    await send('PUT', `/api/x/bulk/syncs/${id}/settings`, { receipt_depth: 'repair' });
    expect((await start(id)).status).toBe(200);
  });

  it('refuses a sync without any enabled schema', async () => {
    const { status, body } = await start(await fixture.createSync({ schemas: [] }));
    expect([status, body.metadata.field]).toEqual([422, 'schemas']);
  });

  it('answers 400 to what the schema does not know and 404 to an unknown sync', async () => {
    const id = await fixture.createSync();
    expect((await start(id, { resync_mode: 'again' })).status).toBe(400);
    expect((await start(id, { resync: true })).status).toBe(400);
    expect((await start(UNKNOWN_ID)).status).toBe(404);
    expect((await start('not-an-id')).status).toBe(404);
  });

  it('stores no execution when the queue refuses it', async () => {
    const id = await fixture.createSync();
    const { services } = fixture.api;
    const { enqueue } = services.executions;
    services.executions.enqueue = () => Promise.reject(new Error('the queue is gone'));
    try {
      expect((await start(id)).status).toBe(500);
    } finally {
      services.executions.enqueue = enqueue;
    }
    expect((await start(id)).status).toBe(200);
  });
});

describe('status and executions', () => {
  it('tells what runs and what ended last', async () => {
    const id = await fixture.createSync();
    const empty = await send('GET', `/api/bulk/syncs/${id}/status`);
    expect(empty).toEqual({ status: 200, body: { data: { next_execution_time: null } } });
    const first = await startSync(fixture.api, id);
    await happen(fixture.api, first, 'start');
    await happen(fixture.api, first, 'complete_with_errors');
    const second = await startSync(fixture.api, id);
    const { body } = await send('GET', `/api/bulk/syncs/${id}/status`);
    expect(body.data.current_execution).toMatchObject({ id: second, status: 'created' });
    expect(body.data.last_execution).toMatchObject({ id: first, status: 'errors' });
  });

  it('counts what was read while a schema runs, and what was written when it has ended', async () => {
    const id = await fixture.createSync();
    const executionId = await startSync(fixture.api, id);
    const parts = [{ schemaId: 'public.customers', generation: 2 }, { schemaId: 'public.orders' }];
    await planSchemas(fixture.api, executionId, parts, new Date());
    await addSegment(fixture.api, executionId, { schemaId: 'public.customers', no: 1, generation: 1, records: 1000 });
    await addSegment(fixture.api, executionId, { schemaId: 'public.customers', no: 1, generation: 2, records: 7 });
    await addSegment(fixture.api, executionId, { schemaId: 'public.customers', no: 2, generation: 2, records: 5 });
    await fixture.api.services.store.db
      .updateTable('executionSchemas')
      .set({ status: 'completed', completedAt: new Date(), recordCount: 90, errorCount: 2, warningCount: 1 })
      .where('executionId', '=', executionId)
      .where('schemaId', '=', 'public.orders')
      .execute();
    const { body } = await send('GET', `/api/bulk/syncs/${id}/executions/${executionId}`);
    expect(body.data).toMatchObject({ record_count: 102, error_count: 2, warning_count: 1 });
    expect(body.data.schemas).toMatchObject([
      { schema: 'public.customers', output_name: 'customers', status: 'running', record_count: 12 },
      { schema: 'public.orders', status: 'completed', record_count: 90, error_count: 2, warning_count: 1 },
    ]);
  });

  it('lists the executions of one sync in pages, either way round', async () => {
    const id = await fixture.createSync();
    const ids: string[] = [];
    for (let run = 0; run < 5; run += 1) {
      const executionId = await startSync(fixture.api, id);
      await happen(fixture.api, executionId, 'start');
      if (run < 4) await happen(fixture.api, executionId, 'complete');
      ids.push(executionId);
    }
    const listAll = async (query: string): Promise<string[]> => {
      const seen: string[] = [];
      let token: string | undefined;
      do {
        const page = token === undefined ? '' : `&page_token=${token}`;
        const { body } = await send('GET', `/api/bulk/syncs/${id}/executions?limit=2${query}${page}`);
        seen.push(...body.data.map((execution: { id: string }) => execution.id));
        token = body.pagination.next_page_token;
      } while (token !== undefined);
      return seen;
    };
    expect(await listAll('')).toEqual([...ids].reverse());
    expect(await listAll('&ascending=true')).toEqual(ids);
    expect(await listAll('&only_terminal=true')).toEqual(ids.slice(0, 4).reverse());
    expect(await listAll('&only_terminal=true&ascending=true')).toEqual(ids.slice(0, 4));
  });

  it('answers 404 to an execution of another sync', async () => {
    const [one, other] = [await fixture.createSync(), await fixture.createSync()];
    const executionId = await startSync(fixture.api, one);
    expect((await send('GET', `/api/bulk/syncs/${one}/executions/${executionId}`)).status).toBe(200);
    expect((await send('GET', `/api/bulk/syncs/${other}/executions/${executionId}`)).status).toBe(404);
    expect((await send('POST', `/api/bulk/syncs/${other}/executions/${executionId}/cancel`)).status).toBe(404);
    expect((await send('GET', `/api/bulk/syncs/${UNKNOWN_ID}/executions`)).status).toBe(404);
  });

  it('serves older versions where the shape is the same', async () => {
    const id = await fixture.createSync();
    const executionId = await startSync(fixture.api, id);
    for (const version of ['2024-02-08', '2023-04-25']) {
      const { body } = await send('GET', `/api/bulk/syncs/${id}/executions`, undefined, version);
      expect(body.data).toMatchObject([{ id: executionId }]);
    }
  });
});

describe('cancelling', () => {
  const readStatus = async (syncId: string, id: string): Promise<string> =>
    (await send('GET', `/api/bulk/syncs/${syncId}/executions/${id}`)).body.data.status;

  it('asks the running execution to stop, once', async () => {
    const id = await fixture.createSync();
    const executionId = await startSync(fixture.api, id);
    const first = await send('POST', `/api/bulk/syncs/${id}/cancel`);
    expect([first.status, first.body.data.message]).toEqual([200, expect.stringContaining('asked to stop')]);
    expect(await readStatus(id, executionId)).toBe('canceling');
    const { cancelRequestedAt } = await fixture.api.services.store.db
      .selectFrom('executions')
      .select('cancelRequestedAt')
      .where('id', '=', executionId)
      .executeTakeFirstOrThrow();
    expect(cancelRequestedAt).not.toBeNull();
    expect((await send('POST', `/api/bulk/syncs/${id}/executions/${executionId}/cancel`)).status).toBe(200);
    expect((await start(id)).status).toBe(409);
  });

  it('does not fail where nothing runs, and changes nothing there', async () => {
    const id = await fixture.createSync();
    expect((await send('POST', `/api/bulk/syncs/${id}/cancel`)).body.data.message).toContain('Nothing to cancel');
    const executionId = await startSync(fixture.api, id);
    await happen(fixture.api, executionId, 'start');
    await happen(fixture.api, executionId, 'complete');
    expect((await send('POST', `/api/bulk/syncs/${id}/executions/${executionId}/cancel`)).status).toBe(200);
    expect(await readStatus(id, executionId)).toBe('completed');
    expect((await send('POST', `/api/bulk/syncs/${UNKNOWN_ID}/cancel`)).status).toBe(404);
  });

  it('happens when a sync is switched off, by activate or by an update', async () => {
    const id = await fixture.createSync({ active: true });
    const first = await startSync(fixture.api, id);
    await send('POST', `/api/bulk/syncs/${id}/activate`, { active: false });
    expect(await readStatus(id, first)).toBe('canceling');
    const body = fixture.syncBody({ active: true });
    const other = (await send('POST', '/api/bulk/syncs', body)).body.data.id;
    const second = await startSync(fixture.api, other);
    await send('PUT', `/api/bulk/syncs/${other}`, body);
    expect(await readStatus(other, second)).toBe('created');
    await send('PUT', `/api/bulk/syncs/${other}`, { ...body, active: false });
    expect(await readStatus(other, second)).toBe('canceling');
  });
});
