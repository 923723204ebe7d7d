import { beforeEach, describe, expect, it } from 'vitest';
import { useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { startSync } from '../../../tests/setup/executions.ts';

const fixture = useBulkFixture({ clock: () => now });
let syncId: string;
const now = new Date('2026-03-04T10:02:00Z');

beforeEach(async () => {
  syncId = await fixture.createSync({
    active: true,
    additional_schedules: [
      { frequency: 'daily', hour: '3', minute: '0', schemas: ['public.notes'], resync_mode: 'refetch' },
    ],
  });
});

const send = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path = '', schedule?: Readonly<Record<string, unknown>>) =>
  fixture.api.send({
    method,
    url: `/api/bulk/syncs/${syncId}/schedules${path}`,
    ...(schedule === undefined ? {} : { body: { schedule } }),
  });

async function list(): Promise<readonly Record<string, unknown>[]> {
  return (await send('GET')).json().data;
}

async function nextTime(): Promise<string | null> {
  return (await fixture.api.send({ url: `/api/bulk/syncs/${syncId}/status` })).json().data.next_execution_time;
}

describe('the schedules of a sync', () => {
  it('are listed in camelCase, the default one first', async () => {
    const [first, second] = await list();
    expect(first).toMatchObject({ syncId, isDefault: true, frequency: 'manual', minute: null, deletedAt: null });
    expect(second).toMatchObject({ isDefault: false, schemas: ['public.notes'], syncMode: 'refetch', hour: '3' });
    const { data } = (await send('GET', `/${second?.id}`)).json();
    expect(data).toEqual(second);
  });

  it('are added, and act at once', async () => {
    const answer = await send('POST', '', { frequency: 'hourly', minute: '30', selectiveMode: 'incrementalFields' });
    expect(answer.statusCode).toBe(200);
    expect(answer.json().data).toMatchObject({ isDefault: false, selectiveMode: 'incrementalFields' });
    expect(await nextTime()).toBe('2026-03-04T10:30:00.000Z');
    const sync = (await fixture.api.send({ url: `/api/bulk/syncs/${syncId}` })).json().data;
    expect(sync.additional_schedules[1]).toMatchObject({ frequency: 'hourly', selective_mode: 'incrementalFields' });
  });

  it('are changed but for what these requests cannot say', async () => {
    const [, additional] = await list();
    const answer = await send('PUT', `/${additional?.id}`, { frequency: 'custom', dayOfMonth: '1' });
    const { data } = answer.json();
    expect(data).toMatchObject({ frequency: 'custom', dayOfMonth: '1', hour: null, syncMode: 'refetch' });
    expect(data).toMatchObject({ id: additional?.id, schemas: ['public.notes'], createdAt: additional?.createdAt });
    expect(await nextTime()).toBe('2026-04-01T00:00:00.000Z');
  });

  it.each([
    [{ frequency: 'daily', minute: '5', hour: '7' }, '2026-03-05T07:05:00.000Z'],
    [{ frequency: 'weekly', minute: '5', hour: '7', dayOfWeek: '1' }, '2026-03-09T07:05:00.000Z'],
    [{ frequency: 'custom', minute: '5', hour: '7', dayOfMonth: '2', month: '6' }, '2026-06-02T07:05:00.000Z'],
  ])('take every part of a time, and come then: %j', async (schedule, next) => {
    const [, additional] = await list();
    expect((await send('PUT', `/${additional?.id}`, schedule)).statusCode).toBe(200);
    expect(await nextTime()).toBe(next);
    await send('DELETE', `/${additional?.id}`);
    expect(await nextTime()).toBeNull();
    expect((await send('POST', '', schedule)).statusCode).toBe(200);
    expect(await nextTime()).toBe(next);
  });

  it('are deleted without a word to what runs, the default one excepted', async () => {
    const execution = await startSync(fixture.api, syncId);
    const [first, second] = await list();
    expect((await send('DELETE', `/${second?.id}`)).statusCode).toBe(200);
    expect(await list()).toEqual([first]);
    expect(await nextTime()).toBeNull();
    const { current_execution } = (await fixture.api.send({ url: `/api/bulk/syncs/${syncId}/status` })).json().data;
    expect(current_execution).toMatchObject({ id: execution, status: 'created' });
    const refused = await send('DELETE', `/${first?.id}`);
    expect([refused.statusCode, refused.json().message]).toEqual([422, expect.stringContaining('manual')]);
  });

  it.each<[Record<string, unknown>, number, RegExp]>([
    [{ frequency: 'weekly', minute: '0', hour: '0' }, 422, /`schedule\.dayOfWeek`/],
    [{ frequency: 'custom', dayOfMonth: '31', month: '2' }, 422, /`schedule\.dayOfMonth`/],
    [{ frequency: 'custom' }, 422, /one of minute, hour, dayOfMonth/],
    [{ frequency: 'hourly', minute: '0', hour: '5' }, 422, /`schedule\.hour`.*does not go by it/],
    [{ frequency: 'runafter' }, 422, /`schedule\.frequency`/],
    [{ frequency: 'hourly', minute: '0', day_of_week: '1' }, 400, /day_of_week/],
  ])('are refused when they are %j', async (schedule, status, message) => {
    const answer = await send('POST', '', schedule);
    expect([answer.statusCode, answer.json().message]).toEqual([status, expect.stringMatching(message)]);
    expect(await list()).toHaveLength(2);
  });

  it('keep the default schedule one that runs everything', async () => {
    const [first] = await list();
    const answer = await send('PUT', `/${first?.id}`, {
      frequency: 'hourly',
      minute: '0',
      selectiveMode: 'incrementalFields',
    });
    expect([answer.statusCode, answer.json().message]).toEqual([422, expect.stringContaining('selectiveMode')]);
  });

  it('are unknown by the id of another sync', async () => {
    const [, second] = await list();
    syncId = await fixture.createSync();
    for (const method of ['GET', 'DELETE'] as const)
      expect((await send(method, `/${second?.id}`)).statusCode).toBe(404);
    expect((await send('PUT', `/${second?.id}`, { frequency: 'manual' })).statusCode).toBe(404);
    syncId = fixture.api.services.newId();
    expect((await send('POST', '', { frequency: 'manual' })).statusCode).toBe(404);
  });
});
