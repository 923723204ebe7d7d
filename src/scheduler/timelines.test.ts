import fc from 'fast-check';
import { expect, it } from 'vitest';
import { useBulkFixture } from '../../tests/setup/bulk-fixture.ts';
import { happen, startSync } from '../../tests/setup/executions.ts';
import type { Services } from '../operations/index.ts';
import { runDueSchedules } from './schedule-runner.ts';

// Random timelines of one sync, with several schedulers on one PostgreSQL, against a model of what the schedules owe.

const MINUTE_MS = 60_000;
const BEGIN = Date.UTC(2026, 2, 28, 22, 7, 30);
const RUNS = 25;

const fixture = useBulkFixture({ clock: () => new Date(now) });
let now = BEGIN;
const log = { info: () => {}, warn: () => {} };

/** A schedule on the wire, and whether it comes in a minute, said in another way than the product says it. */
interface TestSchedule {
  readonly body: Readonly<Record<string, string>>;
  readonly isRepair: boolean;
  readonly comes: (date: Date) => boolean;
}

const scheduleArbitrary: fc.Arbitrary<Omit<TestSchedule, 'isRepair'>> = fc.oneof(
  fc.constant({ body: { frequency: 'continuous' }, comes: (date: Date) => date.getUTCMinutes() % 5 === 0 }),
  fc.integer({ min: 0, max: 59 }).map((minute) => ({
    body: { frequency: 'hourly', minute: String(minute) },
    comes: (date: Date) => date.getUTCMinutes() === minute,
  })),
  fc.tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 30)).map(([hour, minute]) => ({
    body: { frequency: 'daily', hour: String(hour), minute: String(minute) },
    comes: (date: Date) => date.getUTCHours() === hour && date.getUTCMinutes() === minute,
  })),
  fc.constantFrom(7, 10, 20).map((step) => ({
    body: { frequency: 'custom', minute: `*/${step}` },
    comes: (date: Date) => date.getUTCMinutes() % step === 0,
  })),
  fc.constant({ body: { frequency: 'manual' }, comes: () => false }),
);

const schedulesArbitrary = fc.array(fc.record({ schedule: scheduleArbitrary, isRepair: fc.boolean() }), {
  minLength: 1,
  maxLength: 3,
});

type Command =
  | { readonly kind: 'advance'; readonly seconds: number }
  | { readonly kind: 'look'; readonly schedulers: number }
  | { readonly kind: 'end' | 'start' | 'toggle' | 'save' };

const commandArbitrary: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('advance'), seconds: fc.integer({ min: 1, max: 9_000 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('look'), schedulers: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('start', 'toggle', 'save') }) },
);

/** What must be in the database. */
interface Model {
  isActive: boolean;
  starts: number;
  open: string | null;
  readonly dueAt: (number | null)[];
}

function firstAfter(schedule: TestSchedule, time: number): number | null {
  if (schedule.body.frequency === 'manual') return null;
  let minute = Math.floor(time / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  while (!schedule.comes(new Date(minute))) minute += MINUTE_MS;
  return minute;
}

/** The longest due is served, and with it whoever wants the same. */
function lookIn(model: Model, schedules: readonly TestSchedule[]): boolean {
  const due = schedules.flatMap((schedule, index) => {
    const dueAt = model.dueAt[index] ?? null;
    return dueAt === null || dueAt > now ? [] : [{ schedule, index, dueAt }];
  });
  if (!model.isActive || model.open !== null || due.length === 0) return false;
  const oldest = due.reduce((one, other) => (other.dueAt < one.dueAt ? other : one));
  for (const { schedule, index } of due) {
    if (schedule.isRepair === oldest.schedule.isRepair) model.dueAt[index] = firstAfter(schedule, now);
  }
  model.starts += 1;
  return true;
}

/** Schedulers without a memory, all at once: so many processes, each just restarted. */
async function look(services: Services, schedulers: number): Promise<void> {
  const signal = new AbortController().signal;
  await Promise.all(Array.from({ length: schedulers }, () => runDueSchedules(services, log, new Map(), signal)));
}

function toBody(schedules: readonly TestSchedule[]): Record<string, unknown> {
  const [first, ...others] = schedules;
  return {
    default_schedule: first?.body,
    additional_schedules: others.map(({ body, isRepair }) => ({
      ...body,
      ...(isRepair ? { resync_mode: 'refetch' } : {}),
    })),
  };
}

async function play(syncId: string, command: Command, model: Model, schedules: readonly TestSchedule[]): Promise<void> {
  const { api } = fixture;
  switch (command.kind) {
    case 'advance':
      now += command.seconds * 1000;
      return;
    case 'look':
      await look(api.services, command.schedulers);
      if (lookIn(model, schedules)) model.open = await findOpen(syncId);
      return;
    case 'start':
      if (model.open !== null) return;
      model.open = await startSync(api, syncId);
      model.starts += 1;
      return;
    case 'end':
      if (model.open === null) return;
      await happen(api, model.open, 'start');
      // One that was deactivated is asked to stop.
      await happen(api, model.open, 'complete');
      model.open = null;
      return;
    case 'toggle':
      model.isActive = !model.isActive;
      await api.send({
        method: 'POST',
        url: `/api/bulk/syncs/${syncId}/activate`,
        body: { active: model.isActive },
      });
      for (const [index, schedule] of schedules.entries())
        model.dueAt[index] = model.isActive ? firstAfter(schedule, now) : null;
      return;
    case 'save':
      await save(syncId, model, schedules);
  }
}

/** Only the default schedule is the same one without its id. */
async function save(syncId: string, model: Model, schedules: readonly TestSchedule[]): Promise<void> {
  const stored = (await fixture.api.send({ url: `/api/bulk/syncs/${syncId}` })).json().data;
  const ids: string[] = stored.additional_schedules.map(({ id }: { id: string }) => id);
  const { default_schedule, additional_schedules } = toBody(schedules);
  const answer = await fixture.api.send({
    method: 'PUT',
    url: `/api/bulk/syncs/${syncId}`,
    body: {
      ...fixture.syncBody({ destination_configuration: stored.destination_configuration, active: model.isActive }),
      default_schedule,
      additional_schedules: (additional_schedules as object[]).map((body, index) => ({ ...body, id: ids[index] })),
    },
  });
  expect(answer.statusCode).toBe(200);
}

async function findOpen(syncId: string): Promise<string> {
  const { current_execution } = (await fixture.api.send({ url: `/api/bulk/syncs/${syncId}/status` })).json().data;
  return current_execution.id;
}

async function readState(syncId: string): Promise<Pick<Model, 'starts' | 'dueAt'>> {
  const { db } = fixture.api.services.store;
  const schedules = await db
    .selectFrom('bulkSyncSchedules')
    .select('dueAt')
    .where('syncId', '=', syncId)
    .orderBy('position')
    .execute();
  const executions = await db.selectFrom('executions').select('id').where('syncId', '=', syncId).execute();
  return { starts: executions.length, dueAt: schedules.map(({ dueAt }) => dueAt?.getTime() ?? null) };
}

it('starts what is owed, once, whoever looks, whatever happens in between', async () => {
  await fc.assert(
    fc.asyncProperty(
      schedulesArbitrary,
      fc.array(commandArbitrary, { minLength: 5, maxLength: 20 }),
      async (drawn, commands) => {
        now = BEGIN;
        const schedules = drawn.map(({ schedule, isRepair }, index) => ({
          ...schedule,
          isRepair: isRepair && index > 0,
        }));
        const syncId = await fixture.createSync({ ...toBody(schedules), active: true });
        const dueAt = schedules.map((schedule) => firstAfter(schedule, now));
        const model: Model = { isActive: true, starts: 0, open: null, dueAt };
        for (const command of commands) {
          await play(syncId, command, model, schedules);
          expect(await readState(syncId)).toEqual({ starts: model.starts, dueAt: model.dueAt });
        }
        await fixture.api.send({ method: 'DELETE', url: `/api/bulk/syncs/${syncId}` });
      },
    ),
    { numRuns: RUNS },
  );
});

it('does not start one occurrence twice by schedulers whose clocks differ', async () => {
  now = BEGIN;
  const syncId = await fixture.createSync({ active: true, default_schedule: { frequency: 'continuous' } });
  const ahead: Services = { ...fixture.api.services, clock: () => new Date(now + 2 * MINUTE_MS) };
  const behind: Services = { ...fixture.api.services, clock: () => new Date(now - 2 * MINUTE_MS) };
  for (let minute = 0; minute < 15; minute += 1) {
    now += MINUTE_MS;
    await look(ahead, 1);
    await look(behind, 1);
    for (const { id } of await fixture.api.services.store.db
      .selectFrom('executions')
      .select('id')
      .where('syncId', '=', syncId)
      .where('status', '=', 'created')
      .execute()) {
      await happen(fixture.api, id, 'start');
      await happen(fixture.api, id, 'complete');
    }
  }
  // Seen by the clock that is ahead: 22:10, 22:15 and 22:20.
  expect((await readState(syncId)).starts).toBe(3);
});
