import { describe, expect, it } from 'vitest';
import { type BulkFixture, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import {
  addSegment,
  happen,
  makeReceipt,
  makeSchemaReceipt,
  planSchemas,
  startSync,
} from '../../../tests/setup/executions.ts';

const fixture = useBulkFixture();
const send: BulkFixture['send'] = (...request) => fixture.send(...request);

async function startNew(): Promise<{ syncId: string; executionId: string; url: string }> {
  const syncId = await fixture.createSync();
  const executionId = await startSync(fixture.api, syncId);
  return { syncId, executionId, url: `/api/x/bulk/syncs/${syncId}/executions/${executionId}` };
}

describe('settings of a sync', () => {
  it('begin with their defaults, are replaced whole, and are the same in every version', async () => {
    const url = `/api/x/bulk/syncs/${await fixture.createSync()}/settings`;
    const defaults = { receipt_depth: 'checksums', adopt: false, max_loss_percent: 50 };
    expect(await send('GET', url)).toEqual({ status: 200, body: { data: defaults } });
    const changed = { receipt_depth: 'counts', adopt: true, max_loss_percent: 12.5 };
    expect(await send('PUT', url, changed)).toEqual({ status: 200, body: { data: changed } });
    expect((await send('GET', url, undefined, '2023-04-25')).body.data).toEqual(changed);
    expect((await send('PUT', url, { adopt: true })).body.data).toEqual({ ...defaults, adopt: true });
  });

  it('refuse what is none', async () => {
    const url = `/api/x/bulk/syncs/${await fixture.createSync()}/settings`;
    expect((await send('PUT', url, { receipt_depth: 'deep' })).status).toBe(400);
    expect((await send('PUT', url, { depth: 'counts' })).status).toBe(400);
    expect((await send('PUT', url, { max_loss_percent: 101 })).body.metadata.field).toBe('max_loss_percent');
    expect((await send('PUT', '/api/x/bulk/syncs/00000000-0000-4000-8000-000000000000/settings', {})).status).toBe(404);
  });

  it('survive an update of the sync', async () => {
    const id = await fixture.createSync();
    await send('PUT', `/api/x/bulk/syncs/${id}/settings`, { receipt_depth: 'counts' });
    await send('PUT', `/api/bulk/syncs/${id}`, fixture.syncBody());
    expect((await send('GET', `/api/x/bulk/syncs/${id}/settings`)).body.data.receipt_depth).toBe('counts');
  });
});

describe('a start with overrides', () => {
  it('keeps the guard of this start with its execution', async () => {
    const id = await fixture.createSync();
    const { status, body } = await send('POST', `/api/x/bulk/syncs/${id}/executions`, { max_loss_percent: 80 });
    expect(status).toBe(200);
    const row = await fixture.api.services.store.db
      .selectFrom('executions')
      .select('overrides')
      .where('id', '=', body.data.id)
      .executeTakeFirstOrThrow();
    expect(row.overrides).toEqual({ maxLossPercent: 80 });
  });

  it('follows the rules of the public start', async () => {
    const url = `/api/x/bulk/syncs/${await fixture.createSync()}/executions`;
    expect((await send('POST', url, { max_loss_percent: -1 })).status).toBe(422);
    expect((await send('POST', url, { schemas: ['public.gone'] })).status).toBe(422);
    expect((await send('POST', url, { max_loss: 1 })).status).toBe(400);
    expect((await send('POST', url)).status).toBe(200);
    expect((await send('POST', url)).status).toBe(409);
  });
});

describe('receipts', () => {
  it('are not there before they are issued', async () => {
    const { url } = await startNew();
    const { status, body } = await send('GET', `${url}/receipt`);
    expect([status, body.metadata.execution_status]).toEqual([404, 'created']);
  });

  it('tell what was proved, in the words of the wire', async () => {
    const { syncId, executionId, url } = await startNew();
    const receipt = makeReceipt(executionId, syncId, [makeSchemaReceipt('public.orders')]);
    await happen(fixture.api, executionId, 'start');
    await happen(fixture.api, executionId, 'complete', receipt);
    const { status, body } = await send('GET', `${url}/receipt`);
    expect(status).toBe(200);
    const sum = { records: 100, sum: 'ab'.repeat(16) };
    expect(body.data).toEqual({
      execution_id: executionId,
      sync_id: syncId,
      issued_at: '2025-01-01T00:00:00.000Z',
      depth: 'checksums',
      verdict: 'equal',
      schemas: [
        {
          schema: 'public.orders',
          output_name: 'orders',
          scope: 'snapshot',
          depth: 'checksums',
          load: 'replace',
          verdict: 'equal',
          notes: ['every record was hashed'],
          positions: [{ position: '0/16B3748', taken_at: '2025-01-01T00:00:00.000Z' }],
          hashing: 'native:pgcopy-binary',
          format: 'pgcopy-binary',
          source: sum,
          destination: sum,
          counts: { read: 100, written: 100, unchanged: 0, deleted: 0, rejected: 0 },
          conversions: [],
          differences: [],
          differing: null,
          repaired: null,
        },
      ],
    });
  });

  it('name the ranges that differ', async () => {
    const { syncId, executionId, url } = await startNew();
    const sides = { source: { records: 2, sum: null }, destination: { records: 1, sum: null } };
    const difference = { range: 'id from 1 to 499', ...sides };
    const part = { ...makeSchemaReceipt('public.orders'), verdict: 'different' as const, differences: [difference] };
    await happen(fixture.api, executionId, 'start');
    await happen(fixture.api, executionId, 'fail', makeReceipt(executionId, syncId, [part]));
    const { body } = await send('GET', `${url}/receipt`);
    expect(body.data.schemas[0]).toMatchObject({ verdict: 'different', differences: [difference] });
  });
});

describe('rejects', () => {
  it('are listed by schema and place, in pages, without those of a generation that was given up', async () => {
    const { executionId, url } = await startNew();
    const parts = [{ schemaId: 'public.orders', generation: 2 }, { schemaId: 'public.notes' }];
    await planSchemas(fixture.api, executionId, parts, new Date());
    const reject = (schemaId: string, generation: number, segmentNo: number, position: number) => ({
      executionId,
      organizationId: fixture.api.keys.organizationId,
      schemaId,
      generation,
      segmentNo,
      position,
      key: schemaId === 'public.notes' ? null : JSON.stringify({ id: `${segmentNo}-${position}` }),
      reason: 'the value does not fit',
    });
    const rows = [
      reject('public.orders', 1, 1, 0),
      reject('public.orders', 2, 2, 0),
      reject('public.orders', 2, 1, 1),
      reject('public.orders', 2, 1, 0),
      reject('public.notes', 1, 1, 0),
    ];
    await fixture.api.services.store.db.insertInto('rejects').values(rows).execute();
    const first = await send('GET', `${url}/rejects?limit=3`);
    const token: string = first.body.pagination.next_page_token;
    const second = await send('GET', `${url}/rejects?limit=3&page_token=${token}`);
    expect(second.body.pagination).toEqual({});
    const all = [...first.body.data, ...second.body.data];
    expect(all.map((item: { schema: string; key: object | null }) => [item.schema, item.key])).toEqual([
      ['public.notes', null],
      ['public.orders', { id: '1-0' }],
      ['public.orders', { id: '1-1' }],
      ['public.orders', { id: '2-0' }],
    ]);
    expect(all[0]).toMatchObject({ reason: 'the value does not fit', created_at: expect.any(String) });
    const notes = await send('GET', `${url}/rejects?schema=public.notes`);
    expect(notes.body.data).toHaveLength(1);
    expect((await send('GET', `${url}/rejects?schema=public.notes&page_token=${token}`)).status).toBe(400);
  });
});

describe('progress', () => {
  it('tells how far each schema is', async () => {
    const { executionId, url } = await startNew();
    await happen(fixture.api, executionId, 'start');
    const parts = [{ schemaId: 'public.orders', estimatedRecords: 1000 }, { schemaId: 'public.notes' }];
    await planSchemas(fixture.api, executionId, parts, new Date(Date.now() - 10_000));
    await addSegment(fixture.api, executionId, { schemaId: 'public.orders', no: 0, kind: 'prepare', state: 'done' });
    await addSegment(fixture.api, executionId, {
      schemaId: 'public.orders',
      no: 1,
      state: 'done',
      records: 300,
      bytes: 6000,
    });
    await addSegment(fixture.api, executionId, { schemaId: 'public.orders', no: 2, records: 200, bytes: 4000 });
    const { status, body } = await send('GET', `${url}/progress`);
    expect(status).toBe(200);
    expect(body.data).toMatchObject({
      execution_id: executionId,
      status: 'running',
      elapsed_seconds: expect.any(Number),
    });
    const [orders, notes] = body.data.schemas;
    expect(orders).toMatchObject({
      schema: 'public.orders',
      output_name: 'orders',
      status: 'running',
      phase: 'reading',
      records: 500,
      bytes: 10_000,
      estimated_records: 1000,
    });
    expect(orders.records_per_second).toBeGreaterThan(0);
    expect(orders.seconds_left).toBeCloseTo((1000 - 500) / orders.records_per_second, 5);
    expect(notes).toMatchObject({ phase: 'waiting', records: 0, records_per_second: null, seconds_left: null });
  });

  it('keeps its figures when the execution has ended', async () => {
    const { executionId, url } = await startNew();
    await happen(fixture.api, executionId, 'start');
    await planSchemas(fixture.api, executionId, [{ schemaId: 'public.orders' }], new Date());
    await addSegment(fixture.api, executionId, { schemaId: 'public.orders', no: 1, state: 'done', records: 100 });
    await fixture.api.services.store.db
      .updateTable('executionSchemas')
      .set({ status: 'completed', completedAt: new Date(), recordCount: 3 })
      .where('executionId', '=', executionId)
      .execute();
    await happen(fixture.api, executionId, 'complete');
    const { body } = await send('GET', `${url}/progress`);
    expect(body.data).toMatchObject({
      status: 'completed',
      schemas: [{ phase: 'done', records: 100, seconds_left: null }],
    });
  });
});

describe('a verification', () => {
  it('is an execution of its own type, about the schemas that it names', async () => {
    const id = await fixture.createSync({ schemas: ['public.customers', 'public.orders'] });
    const { status, body } = await send('POST', `/api/x/bulk/syncs/${id}/verify`, { schemas: ['public.orders'] });
    expect([status, body.data.type, body.data.is_partial, body.data.is_test]).toEqual([200, 'verify', true, false]);
    expect((await send('POST', `/api/x/bulk/syncs/${id}/verify`)).body.key).toBe('EXECUTION_RUNNING');
    expect((await send('POST', `/api/bulk/syncs/${id}/executions`, {})).body.key).toBe('EXECUTION_RUNNING');
  });

  it('is shown while it runs, and is no run of the sync once it has ended', async () => {
    const id = await fixture.createSync();
    const run = await startSync(fixture.api, id);
    for (const event of ['start', 'complete'] as const) await happen(fixture.api, run, event);
    const { body } = await send('POST', `/api/x/bulk/syncs/${id}/verify`);
    const status = async () => (await send('GET', `/api/bulk/syncs/${id}/status`)).body.data;
    expect((await status()).current_execution.id).toBe(body.data.id);
    for (const event of ['start', 'fail'] as const) await happen(fixture.api, body.data.id, event);
    const ended = await status();
    expect([ended.current_execution, ended.last_execution.id]).toEqual([undefined, run]);
    const listed = (await send('GET', `/api/bulk/syncs/status?sync_id=${id}`)).body.data;
    expect(listed[0].status).toBe('completed');
    const history = (await send('GET', `/api/bulk/syncs/${id}/executions`)).body.data;
    expect(history.map((execution: { type: string }) => execution.type)).toEqual(['verify', 'manual']);
  });

  it('refuses what it does not know, and syncs and schemas that are none', async () => {
    const id = await fixture.createSync();
    expect((await send('POST', `/api/x/bulk/syncs/${id}/verify`, { resync_mode: 'refetch' })).status).toBe(400);
    expect((await send('POST', `/api/x/bulk/syncs/${id}/verify`, { schemas: ['public.none'] })).status).toBe(422);
    const unknown = '00000000-0000-4000-8000-000000000000';
    expect((await send('POST', `/api/x/bulk/syncs/${unknown}/verify`)).status).toBe(404);
  });
});
