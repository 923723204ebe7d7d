import { describe, expect, it } from 'vitest';
import { type BulkFixture, UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { addSegment, happen, planSchemas, startSync } from '../../../tests/setup/executions.ts';
import { appendConsoleLogs, type ConsoleEntry, replacePlan } from '../../store/index.ts';

const fixture = useBulkFixture();
const send: BulkFixture['send'] = (...request) => fixture.send(...request);

// Answers are looked at in every depth; their shapes are proved in tests/compatibility.
type Body = ReturnType<typeof JSON.parse>;

/** A sync of two schemas of which an execution runs. */
async function startTwo(): Promise<{ syncId: string; executionId: string }> {
  const syncId = await fixture.createSync({ schemas: ['public.orders', 'public.notes'] });
  const executionId = await startSync(fixture.api, syncId);
  await happen(fixture.api, executionId, 'start');
  return { syncId, executionId };
}

const plan = (executionId: string, ...schemaIds: readonly string[]): Promise<void> =>
  planSchemas(
    fixture.api,
    executionId,
    schemaIds.map((schemaId) => ({ schemaId })),
    new Date(),
  );

async function statusesOf(syncId: string, executionId: string): Promise<Body> {
  const { body } = await send('GET', `/api/bulk/syncs/${syncId}/executions/${executionId}`);
  return Object.fromEntries(body.data.schemas.map((schema: Body) => [schema.schema, schema.status]));
}

describe('the status of many syncs', () => {
  it('has one entry for each enabled schema, with what runs or ran last', async () => {
    const { syncId, executionId } = await startTwo();
    await plan(executionId, 'public.orders');
    await addSegment(fixture.api, executionId, { schemaId: 'public.orders', no: 1, records: 7, bytes: 70 });
    const { status, body } = await send('GET', `/api/bulk/syncs/status?sync_id=${syncId}`);
    expect([status, body.data]).toEqual([
      200,
      [
        {
          sync_id: syncId,
          status: 'running',
          nextExecutionTime: null,
          schemas: [
            { schema: 'public.notes', started_at: null, completed_at: null },
            {
              schema: 'public.orders',
              execution_id: executionId,
              status: 'running',
              record_count: 7,
              error_count: 0,
              warning_count: 0,
              started_at: expect.any(String),
              completed_at: null,
            },
          ],
        },
      ],
    ]);
  });

  it('takes for each schema the last execution that had it', async () => {
    const { syncId, executionId } = await startTwo();
    await plan(executionId, 'public.orders', 'public.notes');
    await happen(fixture.api, executionId, 'fail');
    const second = await startSync(fixture.api, syncId);
    await happen(fixture.api, second, 'start');
    await plan(second, 'public.notes');
    const { body } = await send('GET', `/api/bulk/syncs/status?sync_id=${syncId}`);
    const executions = body.data[0].schemas.map((schema: Body) => [schema.schema, schema.execution_id]);
    expect([body.data[0].status, executions]).toEqual([
      'running',
      [
        ['public.notes', second],
        ['public.orders', executionId],
      ],
    ]);
  });

  it('takes several ids, or all, or the active ones, whatever ids are named', async () => {
    const one = await fixture.createSync();
    const other = await fixture.createSync({ active: true });
    const list = async (query: string): Promise<string[]> =>
      (await send('GET', `/api/bulk/syncs/status${query}`)).body.data.map((sync: Body) => sync.sync_id);
    expect(await list(`?sync_id=${other}&sync_id=${one}`)).toEqual([other, one]);
    expect(await list(`?active=true&sync_id=${one}`)).toEqual([other]);
    expect(await list('?all=true')).toEqual(expect.arrayContaining([one, other]));
    expect([await list(''), await list('?all=false')]).toEqual([[], []]);
  });

  it('says nothing of executions where there was none', async () => {
    const syncId = await fixture.createSync({ schemas: ['public.orders'] });
    const { body } = await send('GET', `/api/bulk/syncs/status?sync_id=${syncId}`);
    expect(body.data).toEqual([
      {
        sync_id: syncId,
        nextExecutionTime: null,
        schemas: [{ schema: 'public.orders', started_at: null, completed_at: null }],
      },
    ]);
  });

  it('answers 404 to an unknown id, 400 to what is no id', async () => {
    expect((await send('GET', `/api/bulk/syncs/status?sync_id=${UNKNOWN_ID}`)).status).toBe(404);
    expect((await send('GET', '/api/bulk/syncs/status?sync_id=orders')).status).toBe(400);
  });
});

describe('cancelling one schema', () => {
  const cancel = (syncId: string, schemaId: string) =>
    send('POST', `/api/bulk/syncs/${syncId}/schemas/${encodeURIComponent(schemaId)}/cancel`);

  it('ends that schema at once, leaves the others alone, and says so in the log', async () => {
    const { syncId, executionId } = await startTwo();
    await plan(executionId, 'public.orders', 'public.notes');
    const { status, body } = await cancel(syncId, 'public.orders');
    expect([status, body.data.message]).toEqual([200, expect.stringContaining('was asked to stop')]);
    expect(await statusesOf(syncId, executionId)).toEqual({ 'public.orders': 'canceled', 'public.notes': 'running' });
    const log = await send('GET', `/api/bulk/syncs/${syncId}/executions/${executionId}/consolelog`);
    expect(log.body.data.entries.map((line: Body) => line.message)).toEqual(['Cancelled by request.']);
  });

  it('reaches a schema of an execution that is still planned', async () => {
    const { syncId, executionId } = await startTwo();
    await cancel(syncId, 'public.orders');
    const { organizationId } = fixture.api.keys;
    const planned = ['public.orders', 'public.notes'].map((schemaId, position) => ({
      schemaId,
      position,
      outputName: schemaId,
      plan: {},
      generation: 1,
      snapshotEpoch: 1,
      estimatedRecords: null,
      estimatedBytes: null,
      ranges: [],
    }));
    await fixture.api.services.store.transaction(({ db }) =>
      replacePlan(db, { id: executionId, organizationId }, { planned, failed: [], skipped: [] }),
    );
    expect(await statusesOf(syncId, executionId)).toEqual({ 'public.orders': 'canceled', 'public.notes': 'scheduled' });
  });

  it('asks nothing where nothing works on the schema, and twice is once', async () => {
    const idle = await fixture.createSync({ schemas: ['public.orders'] });
    const { syncId, executionId } = await startTwo();
    await plan(executionId, 'public.orders');
    await cancel(syncId, 'public.orders');
    for (const [id, schema] of [
      [idle, 'public.orders'],
      [syncId, 'public.orders'],
      [syncId, 'public.notes'],
    ] as const) {
      const { status, body } = await cancel(id, schema);
      expect([status, body.data.message]).toEqual([200, expect.stringContaining('Nothing to cancel')]);
    }
  });

  it('answers 404 to an unknown sync or schema', async () => {
    const { syncId } = await startTwo();
    expect((await cancel(UNKNOWN_ID, 'public.orders')).status).toBe(404);
    expect((await cancel(syncId, 'public.nope')).status).toBe(404);
  });
});

describe('the console log', () => {
  const line = (message: string, schemaId: string | null = null): ConsoleEntry => ({
    schemaId,
    level: 'info',
    message,
    payload: { segments: 3 },
    createdAt: new Date('2025-01-02T03:04:05.678Z'),
  });

  async function startLogged(count: number): Promise<(query?: string, schemaId?: string) => Promise<Body>> {
    const { syncId, executionId } = await startTwo();
    const lines = Array.from({ length: count }, (_, index) =>
      line(`line ${index + 1}`, index % 2 === 0 ? null : 'public.orders'),
    );
    await appendConsoleLogs(fixture.api.services.store.db, executionId, lines);
    const base = `/api/bulk/syncs/${syncId}/executions/${executionId}`;
    return async (query = '', schemaId) =>
      (await send('GET', `${base}${schemaId === undefined ? '' : `/schemas/${schemaId}`}/consolelog${query}`)).body;
  }

  it('answers the last fifty lines in their order', async () => {
    const read = await startLogged(60);
    const { data } = await read();
    expect(data.entries.map((entry: Body) => entry.message)).toEqual(
      Array.from({ length: 50 }, (_, index) => `line ${index + 11}`),
    );
    expect([data.next_cursor, data.entries[0]]).toEqual([
      null,
      {
        id: '1735787045678-11',
        level: 'info',
        message: 'line 11',
        payload: { segments: 3 },
        timestamp: '2025-01-02T03:04:05.678Z',
      },
    ]);
    expect((await read('?limit=2')).data.entries.map((entry: Body) => entry.message)).toEqual(['line 59', 'line 60']);
    expect((await read('?limit=500')).data.entries).toHaveLength(50);
  });

  it('goes on behind a line until the end', async () => {
    const read = await startLogged(60);
    const first = (await read('?after=0-0')).data;
    expect([first.entries.length, first.next_cursor]).toEqual([50, first.entries.at(-1).id]);
    const second = (await read(`?after=${first.next_cursor}`)).data;
    expect([second.entries.map((entry: Body) => entry.message)[0], second.entries.length, second.next_cursor]).toEqual([
      'line 51',
      10,
      null,
    ]);
  });

  it('keeps to one schema where it was asked about one', async () => {
    const read = await startLogged(4);
    const { data } = await read('', 'public.orders');
    expect(data.entries.map((entry: Body) => entry.message)).toEqual(['line 2', 'line 4']);
    expect([(await read('', 'public.nope')).status, (await read('?after=soon')).status]).toEqual([404, 400]);
  });

  it('numbers the lines of two writers at once without losing any', async () => {
    const { executionId } = await startTwo();
    const { db } = fixture.api.services.store;
    const write = (name: string) =>
      appendConsoleLogs(
        db,
        executionId,
        Array.from({ length: 20 }, (_, index) => line(`${name} ${index}`)),
      );
    await Promise.all(['a', 'b', 'c'].map(write));
    const rows = await db
      .selectFrom('consoleLogs')
      .select(['no', 'message'])
      .where('executionId', '=', executionId)
      .execute();
    expect([rows.length, new Set(rows.map((row) => row.message)).size]).toEqual([60, 60]);
  });

  it('is bounded in what it says about schemas, and says so once', async () => {
    const { executionId } = await startTwo();
    const { db } = fixture.api.services.store;
    const fill = (count: number) =>
      appendConsoleLogs(
        db,
        executionId,
        Array.from({ length: count }, () => line('again', 'public.orders')),
      );
    await fill(20_010);
    await fill(10);
    await appendConsoleLogs(db, executionId, [line('the end')]);
    const rows = await db
      .selectFrom('consoleLogs')
      .select(['no', 'message'])
      .where('executionId', '=', executionId)
      .where('no', '>=', 19_999)
      .orderBy('no')
      .execute();
    expect(rows).toEqual([
      { no: 19_999, message: 'again' },
      { no: 20_000, message: expect.stringContaining('is full') },
      { no: 20_001, message: 'the end' },
    ]);
  });

  it('takes nothing of an execution that was deleted', async () => {
    await expect(appendConsoleLogs(fixture.api.services.store.db, UNKNOWN_ID, [line('late')])).resolves.toBeUndefined();
  });
});
