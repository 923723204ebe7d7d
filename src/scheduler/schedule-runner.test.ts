import { beforeEach, describe, expect, it, vi } from 'vitest';
import { useBulkFixture } from '../../tests/setup/bulk-fixture.ts';
import { happen, startSync } from '../../tests/setup/executions.ts';
import type { Services } from '../operations/index.ts';
import { runDueSchedules, startScheduleRunner } from './schedule-runner.ts';

const fixture = useBulkFixture({ clock: () => now });
/** What the clock of every process here shows. */
let now: Date;
const log = { info: () => {}, warn: () => {} };
beforeEach(() => {
  now = new Date('2026-03-04T10:02:00Z');
});

const at = (time: string): void => {
  now = new Date(`2026-03-04T${time}Z`);
};

/** One round of a scheduler that has no memory of earlier ones, as after a restart. */
const round = (services: Services = fixture.api.services): Promise<void> =>
  runDueSchedules(services, log, new Map(), new AbortController().signal);

const CONTINUOUS = { active: true, default_schedule: { frequency: 'continuous' } };

async function executionsOf(syncId: string): Promise<Record<string, unknown>[]> {
  const answer = await fixture.api.send({ url: `/api/bulk/syncs/${syncId}/executions?ascending=true` });
  return answer.json().data;
}

async function end(executionId: unknown): Promise<void> {
  await happen(fixture.api, String(executionId), 'start');
  await happen(fixture.api, String(executionId), 'complete');
}

async function nextTimeOf(syncId: string): Promise<string | null> {
  return (await fixture.api.send({ url: `/api/bulk/syncs/${syncId}/status` })).json().data.next_execution_time;
}

const updateSync = (syncId: string, changes: Readonly<Record<string, unknown>>) =>
  fixture.api.send({ method: 'PUT', url: `/api/bulk/syncs/${syncId}`, body: fixture.syncBody(changes) });

const setActive = (syncId: string, active: boolean) =>
  fixture.api.send({ method: 'POST', url: `/api/bulk/syncs/${syncId}/activate`, body: { active } });

describe('a schedule', () => {
  it('starts its sync when it is due and not before, and says when it comes next', async () => {
    const id = await fixture.createSync(CONTINUOUS);
    expect(await nextTimeOf(id)).toBe('2026-03-04T10:05:00.000Z');
    at('10:04:59');
    await round();
    expect(await executionsOf(id)).toEqual([]);
    at('10:05:00');
    await round();
    const executions = await executionsOf(id);
    expect(executions).toMatchObject([{ type: 'scheduled', status: 'created', is_partial: false, is_resync: false }]);
    expect(fixture.api.enqueued).toContain(executions[0]?.id);
    expect(await nextTimeOf(id)).toBe('2026-03-04T10:10:00.000Z');
  });

  it('does not start a sync that is not active, or that is manual', async () => {
    const inactive = await fixture.createSync({ ...CONTINUOUS, active: false });
    const manual = await fixture.createSync({ active: true });
    at('23:00:00');
    await round();
    expect([await executionsOf(inactive), await executionsOf(manual)]).toEqual([[], []]);
    expect([await nextTimeOf(inactive), await nextTimeOf(manual)]).toEqual([null, null]);
  });

  it('owes one start, not many, to what came due while an execution ran', async () => {
    const id = await fixture.createSync(CONTINUOUS);
    const byHand = await startSync(fixture.api, id);
    at('10:27:00');
    await round();
    expect(await executionsOf(id)).toHaveLength(1);
    expect(await nextTimeOf(id)).toBe('2026-03-04T10:27:00.000Z');
    await end(byHand);
    await round();
    const [, second] = await executionsOf(id);
    await end(second?.id);
    await round();
    expect(await executionsOf(id)).toHaveLength(2);
    expect(await nextTimeOf(id)).toBe('2026-03-04T10:30:00.000Z');
  });

  it('makes up once for what came due while nobody looked', async () => {
    const id = await fixture.createSync(CONTINUOUS);
    at('19:01:00');
    await round();
    await end((await executionsOf(id))[0]?.id);
    await round();
    expect(await executionsOf(id)).toHaveLength(1);
  });

  it('does not make up for the time in which its sync was inactive', async () => {
    const id = await fixture.createSync(CONTINUOUS);
    await setActive(id, false);
    expect(await nextTimeOf(id)).toBeNull();
    at('12:01:00');
    await setActive(id, true);
    await round();
    expect(await executionsOf(id)).toEqual([]);
    expect(await nextTimeOf(id)).toBe('2026-03-04T12:05:00.000Z');
  });

  it('acts at once when it is changed, and touches nothing that runs', async () => {
    const id = await fixture.createSync(CONTINUOUS);
    const running = await startSync(fixture.api, id);
    at('10:06:00');
    const daily = { frequency: 'daily', hour: '3', minute: '0' };
    const answer = await updateSync(id, { ...CONTINUOUS, default_schedule: daily });
    expect(answer.statusCode).toBe(200);
    expect(await nextTimeOf(id)).toBe('2026-03-05T03:00:00.000Z');
    expect(await executionsOf(id)).toMatchObject([{ id: running, status: 'created' }]);
  });

  it('keeps what it owes when its sync is saved with the same times', async () => {
    const id = await fixture.createSync(CONTINUOUS);
    at('10:06:00');
    expect((await updateSync(id, CONTINUOUS)).statusCode).toBe(200);
    await round();
    expect(await executionsOf(id)).toHaveLength(1);
  });

  it('shows why it could not start its sync, once until the sync is saved or the reason is another one', async () => {
    const id = await fixture.createSync(CONTINUOUS);
    await fixture.api.services.store.db
      .updateTable('bulkSyncSchemas')
      .set({ enabled: false })
      .where('syncId', '=', id)
      .execute();
    at('10:05:00');
    await Promise.all([round(), round(), round(), round()]);
    await round();
    const executions = await executionsOf(id);
    expect(executions).toMatchObject([{ type: 'scheduled', status: 'failed', schemas: [] }]);
    expect(executions[0]?.status_message).toMatch(/could not start the sync.*no enabled schema/);
    expect(executions[0]?.completed_at).not.toBeNull();
    expect(fixture.api.enqueued).not.toContain(executions[0]?.id);
    at('10:10:00');
    await round();
    expect(await nextTimeOf(id)).toBe('2026-03-04T10:15:00.000Z');
    expect(await executionsOf(id)).toHaveLength(1);
    expect((await updateSync(id, { ...CONTINUOUS, concurrency_limit: 2 })).statusCode).toBe(200);
    for (const time of ['10:15:00', '10:20:00']) {
      at(time);
      await round();
    }
    expect(await executionsOf(id)).toHaveLength(2);
    await fixture.api.services.store.db
      .updateTable('bulkSyncSchemas')
      .set({ enabled: true })
      .where('syncId', '=', id)
      .execute();
    const slot = { source_configuration: { replication_slot: 'none' } };
    expect((await updateSync(id, { ...CONTINUOUS, ...slot })).statusCode).toBe(200);
    at('10:25:00');
    await round();
    expect((await executionsOf(id)).at(-1)?.status_message).toContain('replication_slot');
  });

  it('says again why it could not start, after something else was started', async () => {
    const id = await fixture.createSync(CONTINUOUS);
    const enable = (enabled: boolean) =>
      fixture.api.services.store.db.updateTable('bulkSyncSchemas').set({ enabled }).where('syncId', '=', id).execute();
    const roundAt = async (time: string): Promise<string[]> => {
      at(time);
      await round();
      return (await executionsOf(id)).map(({ status }) => String(status));
    };
    await enable(false);
    expect(await roundAt('10:05:00')).toEqual(['failed']);
    await enable(true);
    expect(await roundAt('10:10:00')).toEqual(['failed', 'created']);
    await end((await executionsOf(id)).at(-1)?.id);
    await enable(false);
    expect(await roundAt('10:15:00')).toEqual(['failed', 'completed', 'failed']);
    expect(await roundAt('10:20:00')).toEqual(['failed', 'completed', 'failed']);
  });
});

describe('additional schedules', () => {
  const hourly = { frequency: 'hourly', minute: '0' };

  it('start nothing of their own where the default schedule does as much at the same time', async () => {
    const id = await fixture.createSync({
      active: true,
      default_schedule: hourly,
      additional_schedules: [
        { ...hourly, selective_mode: 'incrementalFields' },
        { ...hourly, schemas: ['public.notes'] },
      ],
    });
    at('11:00:00');
    await round();
    await end((await executionsOf(id))[0]?.id);
    await round();
    expect(await executionsOf(id)).toMatchObject([{ is_partial: false, status: 'completed' }]);
    expect(await nextTimeOf(id)).toBe('2026-03-04T12:00:00.000Z');
  });

  it('run one after the other where they do different things', async () => {
    const id = await fixture.createSync({
      active: true,
      default_schedule: hourly,
      additional_schedules: [{ frequency: 'custom', minute: '30', resync_mode: 'refetch' }],
    });
    const running = await startSync(fixture.api, id);
    at('11:40:00');
    await round();
    await end(running);
    await round();
    const [, first] = await executionsOf(id);
    expect(first).toMatchObject({ type: 'scheduled', is_resync: true });
    await end(first?.id);
    await round();
    expect(await executionsOf(id)).toMatchObject([{ type: 'manual' }, {}, { type: 'scheduled', is_resync: false }]);
  });
});

describe('the loop', () => {
  it('starts what is due, also of syncs that an earlier release stored, and stops when asked', async () => {
    const stored = await fixture.createSync({ ...CONTINUOUS, name: 'of an earlier release' });
    await fixture.api.services.store.db
      .updateTable('bulkSyncSchedules')
      .set({ dueAt: null })
      .where('syncId', '=', stored)
      .execute();
    const due = await fixture.createSync(CONTINUOUS);
    at('10:05:30');
    const runner = startScheduleRunner(fixture.api.services, { log, pollMs: 10 });
    await vi.waitUntil(async () => (await executionsOf(due)).length === 1, { timeout: 60_000 });
    expect(await nextTimeOf(stored)).toBe('2026-03-04T10:10:00.000Z');
    await runner.stop();
    at('10:11:00');
    expect(await executionsOf(stored)).toEqual([]);
  });
});
