import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type Answer, UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { WAITING_FOR_US } from '../../../tests/setup/databases.ts';
import { startSync } from '../../../tests/setup/executions.ts';
import { copyRows } from '../../../tests/setup/many-rows.ts';
import { updateBulkSync } from '../../store/index.ts';

const fixture = useBulkFixture();
const NEWEST = '2025-09-18';
const V2024 = '2024-02-08';
const V2023 = '2023-04-25';
const OLDER = [V2024, V2023];

const DAILY = { frequency: 'daily', hour: '1', minute: '0' };
const HOURLY = { frequency: 'hourly', minute: '15' };
const MULTI = {
  frequency: 'multi',
  multi: {
    schedules: [
      { item: 'none', schedule: DAILY },
      { item: 'incrementalFields', schedule: HOURLY },
    ],
  },
};

/** A whole request of an older version. */
function body(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const { default_schedule: schedule, ...rest } = fixture.syncBody();
  return { ...rest, schedule, ...changes };
}

const create = (version: string, changes?: Readonly<Record<string, unknown>>): Promise<Answer> =>
  fixture.send('POST', '/api/bulk/syncs', body(changes), version);

async function read(id: string, version: string): Promise<Answer['body']> {
  const { status, body: answer } = await fixture.send('GET', `/api/bulk/syncs/${id}`, undefined, version);
  expect([status, answer.message]).toEqual([200, undefined]);
  return answer.data;
}

/** What a client that knows this version sends back after a read. */
function asRequest(sync: Answer['body']): Record<string, unknown> {
  const { id, created_at, created_by, updated_at, updated_by, ...request } = sync;
  return request;
}

const withoutChange = ({ updated_at: _, ...sync }: Answer['body']) => sync;

async function warningOf(url: string, version: string): Promise<unknown> {
  return (await fixture.api.send({ url, version })).headers.warning;
}

beforeAll(async () => {
  // One more than a page of the newest version.
  await Promise.all(Array.from({ length: 51 }, () => create(V2024, { schemas: [] })));
});

describe.each(OLDER)('bulk syncs in %s', (version) => {
  it('are the same syncs as in the newest version', async () => {
    const { body: made } = await create(version, { schedule: MULTI, active: true });
    expect(made.data).toMatchObject({ schedule: MULTI, active: true, discover: false });
    expect(made.data).not.toHaveProperty('default_schedule');
    const newest = await read(made.data.id, NEWEST);
    expect(newest.default_schedule).toMatchObject(DAILY);
    expect(newest.additional_schedules).toMatchObject([{ ...HOURLY, selective_mode: 'incrementalFields' }]);
  });

  it('are listed whole, without pages', async () => {
    const { body: all } = await fixture.send('GET', '/api/bulk/syncs', undefined, version);
    expect(Object.keys(all)).toEqual(['data']);
    expect(all.data.length).toBeGreaterThan(50);
    const { body: active } = await fixture.send('GET', '/api/bulk/syncs?active=true', undefined, version);
    expect(active.data.every((sync: { active: boolean }) => sync.active)).toBe(true);
    expect(active.data.length).toBeLessThan(all.data.length);
  });

  it('tell of schedules that they leave out', async () => {
    const id = await fixture.createSync({ additional_schedules: [{ ...DAILY, schemas: ['public.orders'] }] });
    const warning = expect.stringMatching(/^299 - "schedule leaves out .*"$/);
    expect((await read(id, version)).schedule).toEqual({ frequency: 'manual' });
    expect(await warningOf(`/api/bulk/syncs/${id}`, version)).toEqual(warning);
    expect(await warningOf('/api/bulk/syncs', version)).toEqual(warning);
    expect(await warningOf(`/api/bulk/syncs/${await fixture.createSync()}`, version)).toBeUndefined();
  });

  it('name what is refused as the request calls it', async () => {
    const alone = await create(version, { schedule: { frequency: 'daily', hour: '1' } });
    expect([alone.status, alone.body.metadata.field]).toEqual([422, 'schedule.minute']);
    expect(alone.body.message).toContain('`schedule.minute`');
    const several = structuredClone(MULTI);
    several.multi.schedules.push({ item: 'none', schedule: { frequency: 'hourly', minute: '99' } });
    const { status, body: answer } = await create(version, { schedule: several });
    expect([status, answer.metadata.field]).toEqual([422, 'schedule.multi.schedules[2].schedule.minute']);
    expect((await create(version, { schedule: { frequency: 'runafter' } })).body.metadata.field).toBe(
      'schedule.frequency',
    );
  });

  it('take a type of several schedules, which means nothing', async () => {
    const schedule = { ...MULTI, multi: { ...MULTI.multi, type: 'any' } };
    expect((await create(version, { schedule })).body.data.schedule).toEqual(MULTI);
  });

  it('refuse what only the newest version has', async () => {
    const { status, body: answer } = await create(version, { default_schedule: DAILY });
    expect([status, answer.message]).toEqual([400, expect.stringContaining('`default_schedule`')]);
  });

  it('start with resync as a rebuild', async () => {
    const start = async (request: unknown) => {
      const url = `/api/bulk/syncs/${await fixture.createSync()}/executions`;
      return (await fixture.send('POST', url, request, version)).body;
    };
    expect((await start({ resync: true })).data).toMatchObject({ is_resync: true, output_disposition: 'rebuild' });
    expect((await start({ resync: false })).data).toMatchObject({ is_resync: false });
    expect((await start({ resync: true, resync_mode: 'rebuild' })).data.is_resync).toBe(true);
    expect((await start({ resync: true, resync_mode: 'refetch' })).message).toContain('`resync`');
    expect((await start({ resync: true, test: true })).message).toContain('`test` and `resync`');
  });

  it('list their latest 100 executions, and the rest by the token of the newest version', async () => {
    const id = await fixture.createSync();
    const latest = await startSync(fixture.api, id);
    const changes = {
      id: 'gen_random_uuid()',
      status: "'completed'",
      created_at: `t.created_at - n * interval '1 second'`,
    };
    const where = `t.id = '${latest}'`;
    await copyRows(fixture.api.services.store.pool, { table: 'executions', where, copies: 104, changes });
    const list = async (query = '') => {
      const url = `/api/bulk/syncs/${id}/executions${query}`;
      return (await fixture.send('GET', url, undefined, version)).body;
    };
    const first = await list();
    expect([first.data.length, first.data[0].id]).toEqual([100, latest]);
    const rest = await list(`?page_token=${first.pagination.next_page_token}`);
    expect(rest.pagination).not.toHaveProperty('next_page_token');
    const ids = [...first.data, ...rest.data].map((execution: { id: string }) => execution.id);
    expect([ids.length, new Set(ids).size]).toEqual([105, 105]);
  });

  it('list their schemas with fields and filters', async () => {
    const id = await fixture.createSync({ schemas: ['public.orders'] });
    const { body: answer } = await fixture.send('GET', `/api/bulk/syncs/${id}/schemas`, undefined, version);
    expect(answer.data[0]).toMatchObject({ fields: expect.any(Array), filters: [] });
  });
});

describe.each([
  [NEWEST, 'PUT'],
  [V2024, 'PUT'],
  [V2023, 'PATCH'],
] as const)('a schedule from before spare parts were refused, in %s', (version, method) => {
  let id: string;
  const change = async (changes: Readonly<Record<string, unknown>>): Promise<Answer> => {
    // The newest version tells of each schedule who made it, which is no part of a request.
    const whole = JSON.stringify(await read(id, version), (key, value) =>
      /^(created|updated)_(at|by)$/.test(key) ? undefined : value,
    );
    const request = { ...asRequest(JSON.parse(whole)), ...changes };
    return fixture.send(method, `/api/bulk/syncs/${id}`, request, version);
  };

  /** Gives every schedule of the sync a day, which hourly ones do not go by. */
  async function storeSpareParts(additional: Readonly<Record<string, unknown>>): Promise<void> {
    id = await fixture.createSync({ default_schedule: HOURLY, additional_schedules: [{ ...HOURLY, ...additional }] });
    const sql = `UPDATE bulk_sync_schedules SET settings = settings || '{"dayOfWeek": "monday"}' WHERE sync_id = $1`;
    await fixture.api.services.store.pool.query(sql, [id]);
  }

  it.each([{ selective_mode: 'incrementalFields' }, { schemas: ['public.orders'], resync_mode: 'refetch' }])(
    'stays as it is in a change of something else: %j',
    async (additional) => {
      await storeSpareParts(additional);
      const before = await read(id, NEWEST);
      const { status, body: answer } = await change({ name: 'Renamed' });
      expect([status, answer.message]).toEqual([200, undefined]);
      const after = { ...withoutChange(before), name: 'Renamed' };
      expect(withoutChange(await read(id, NEWEST))).toEqual(after);
    },
  );

  it('loses the part with its own change', async () => {
    await storeSpareParts({ selective_mode: 'incrementalFields' });
    const field = version === NEWEST ? 'default_schedule' : 'schedule';
    const { status, body: answer } = await change({ [field]: { ...HOURLY, minute: '20', day_of_week: 'monday' } });
    expect([status, answer.metadata.field]).toEqual([422, `${field}.day_of_week`]);
  });
});

describe('replacing in 2024-02-08', () => {
  const put = (id: string, request: unknown): Promise<Answer> =>
    fixture.send('PUT', `/api/bulk/syncs/${id}`, request, V2024);

  it('changes nothing when it sends back what it read', async () => {
    const id = await fixture.createSync({
      default_schedule: { ...DAILY },
      additional_schedules: [
        { ...HOURLY, selective_mode: 'nonincrementalFields' },
        { ...DAILY, schemas: ['public.orders'], resync_mode: 'refetch' },
      ],
      automatically_add_new_objects: 'onlyIncremental',
      mode: 'snapshot',
      data_cutoff_timestamp: '2024-05-01T12:30:00.000Z',
    });
    const before = await read(id, NEWEST);
    const { status, body: answer } = await put(id, asRequest(await read(id, V2024)));
    expect([status, answer.message]).toEqual([200, undefined]);
    expect(withoutChange(await read(id, NEWEST))).toEqual(withoutChange(before));
  });

  it('refuses to take away schedules that it cannot see', async () => {
    const id = await fixture.createSync({ additional_schedules: [{ ...DAILY, resync_mode: 'refetch' }] });
    const [hidden] = (await read(id, NEWEST)).additional_schedules;
    const request = { ...asRequest(await read(id, V2024)), schedule: HOURLY };
    const { status, body: answer } = await put(id, request);
    expect([status, answer.metadata]).toEqual([422, { field: 'schedule', schedules: [hidden.id] }]);
    const gone = await fixture.send('DELETE', `/api/bulk/syncs/${id}/schedules/${hidden.id}`, undefined, V2024);
    expect(gone.status).toBe(200);
    expect((await put(id, request)).body.data.schedule).toEqual(HOURLY);
  });

  it('takes options that are left out back to their defaults', async () => {
    const { body: made } = await create(V2024, { schedule: MULTI, discover: true, mode: 'snapshot', active: true });
    expect(made.data).toMatchObject({ discover: true, automatically_add_new_objects: 'all', mode: 'snapshot' });
    const { destination_configuration } = made.data;
    const { body: after } = await put(made.data.id, body({ mode: undefined, destination_configuration }));
    expect(after.data).toMatchObject({
      discover: false,
      automatically_add_new_objects: 'none',
      automatically_add_new_fields: 'all',
      mode: 'replicate',
      active: false,
      schedule: { frequency: 'manual' },
    });
    expect((await read(made.data.id, NEWEST)).additional_schedules).toEqual([]);
  });

  it('lets the newer name of discover count', async () => {
    const { body: made } = await create(V2024, { discover: true, automatically_add_new_objects: 'none' });
    expect(made.data).toMatchObject({ discover: false, automatically_add_new_objects: 'none' });
  });

  it('says that it ignores schemas', async () => {
    const { body: made } = await create(V2024);
    const { destination_configuration } = made.data;
    const answer = await fixture.api.send({
      method: 'PUT',
      url: `/api/bulk/syncs/${made.data.id}`,
      body: body({ schemas: [], destination_configuration }),
      version: V2024,
    });
    expect([answer.statusCode, answer.headers.warning]).toEqual([200, expect.stringContaining('schemas was ignored')]);
  });
});

describe('changing parts in 2023-04-25', () => {
  const patch = (url: string, request: unknown): Promise<Answer> => fixture.send('PATCH', url, request, V2023);
  let id: string;
  let url: string;

  beforeAll(async () => {
    id = await fixture.createSync({
      additional_schedules: [{ ...DAILY, schemas: ['public.orders'] }],
      automatically_add_new_fields: 'onlyNonIncremental',
      concurrency_limit: 3,
      schemas: [
        { id: 'public.orders', fields: ['id', 'total'], filters: [{ field_id: 'id', function: 'IsNotNull' }] },
        'public.notes',
      ],
    });
    url = `/api/bulk/syncs/${id}`;
  });

  it('leaves everything else of a sync as it is', async () => {
    const before = await read(id, NEWEST);
    const { status, body: answer } = await patch(url, { name: 'Renamed', active: true });
    expect([status, answer.message]).toEqual([200, undefined]);
    const after = await read(id, NEWEST);
    expect(withoutChange(after)).toEqual({ ...withoutChange(before), name: 'Renamed', active: true });
  });

  it('refuses when somebody else changes at the same time what was to stay', async () => {
    const { services, keys } = fixture.api;
    const other = await fixture.createSync();
    let answer: Promise<Answer> | undefined;
    await services.store.transaction(async ({ db, client }) => {
      await updateBulkSync(db, keys.organizationId, other, { active: true });
      answer = patch(`/api/bulk/syncs/${other}`, { name: 'Renamed' });
      // Not before it waits for our row: it has then read the sync as it was.
      await vi.waitUntil(async () => (await client.query(WAITING_FOR_US)).rows.length > 0, { timeout: 60_000 });
    });
    const { status, body: refused } = (await answer) ?? {};
    expect([status, refused.key]).toEqual([409, 'CHANGED_MEANWHILE']);
    expect(await read(other, NEWEST)).toMatchObject({ name: 'Shop to warehouse', active: true });
  });

  it('shows rules as switches, and keeps a rule whose switch stays', async () => {
    expect(await read(id, V2023)).toMatchObject({
      automatically_add_new_fields: true,
      automatically_add_new_objects: false,
      discover: false,
    });
    await patch(url, { automatically_add_new_fields: true, discover: true });
    expect(await read(id, NEWEST)).toMatchObject({
      automatically_add_new_fields: 'onlyNonIncremental',
      automatically_add_new_objects: 'all',
    });
    await patch(url, { automatically_add_new_fields: false, automatically_add_new_objects: 'onlyIncremental' });
    expect(await read(id, NEWEST)).toMatchObject({
      automatically_add_new_fields: 'none',
      automatically_add_new_objects: 'onlyIncremental',
    });
  });

  it('takes an option back with null', async () => {
    await patch(url, { concurrency_limit: null });
    expect((await read(id, NEWEST)).concurrency_limit).toBeNull();
  });

  it('refuses what a whole change would be refused', async () => {
    expect((await patch(url, { source_connection_id: UNKNOWN_ID })).body.metadata.field).toBe('source_connection_id');
    expect((await patch(url, { schedule: HOURLY })).body.metadata.field).toBe('schedule');
    expect((await patch(url, { schemas: [] })).status).toBe(400);
    expect((await patch(`/api/bulk/syncs/${UNKNOWN_ID}`, {})).status).toBe(404);
  });

  it('makes a sync whose destination needs no configuration, but not without a mode', async () => {
    const made = await create(V2023, { destination_configuration: undefined, schemas: [], discover: true });
    expect([made.status, made.body.message]).toEqual([200, undefined]);
    expect(made.body.data).toMatchObject({ discover: true, automatically_add_new_objects: true });
    const { status, body: answer } = await create(V2023, { mode: undefined });
    expect([status, answer.message]).toEqual([400, expect.stringContaining('`mode`')]);
  });

  it('leaves the other options of a schema as they are, fields included', async () => {
    const { status, body: answer } = await patch(`${url}/schemas/public.orders`, { user_output_name: 'sales' });
    expect([status, answer.message]).toEqual([200, undefined]);
    const enabled = answer.data.fields.filter((field: { enabled: boolean }) => field.enabled);
    expect(enabled.map((field: { id: string }) => field.id)).toEqual(['id', 'total']);
    expect(answer.data).toMatchObject({ user_output_name: 'sales', filters: [{ field_id: 'id' }] });
    await patch(`${url}/schemas/public.orders`, { enabled: false });
    await patch(`${url}/schemas/public.orders`, { enabled: true });
    const { body: again } = await fixture.send('GET', `${url}/schemas/public.orders`);
    expect(again.data).toEqual(answer.data);
    expect((await patch(`${url}/schemas/public.nope`, {})).status).toBe(404);
  });
});
