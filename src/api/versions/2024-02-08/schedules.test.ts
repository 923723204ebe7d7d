import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BulkSyncView, ScheduleView } from '../../../operations/index.ts';
import { type ScheduleBody, scheduleRequestSchema } from './schedule-shapes.ts';
import { fromScheduleRequest, listUnsaid, toScheduleBody } from './schedules.ts';

type Settings = ScheduleView['settings'];
type Schedules = Pick<BulkSyncView, 'defaultSchedule' | 'additionalSchedules'>;

const BY = { id: null, name: 'Millrace', type: 'system' } as const;
const AT = new Date(0);

function view(id: string, settings: Settings): ScheduleView {
  return { id, settings, createdAt: AT, createdBy: BY, updatedAt: AT, updatedBy: BY };
}

function schedules(first: Settings, ...more: readonly Settings[]): Schedules {
  return {
    defaultSchedule: view('default', first),
    additionalSchedules: more.map((settings, index) => view(`more ${index}`, settings)),
  };
}

/** What a request makes of a sync, its new schedules numbered. */
function write(request: unknown, current: Schedules | null): Schedules {
  const read = fromScheduleRequest(scheduleRequestSchema.parse(request), current);
  return {
    defaultSchedule: view('default', read.defaultSchedule.settings),
    additionalSchedules: read.additionalSchedules.map(({ id, settings }, index) =>
      view(id ?? `new ${index}`, settings),
    ),
  };
}

const DAILY = { frequency: 'daily', hour: '1', minute: '0' } as const;
const HOURLY = { frequency: 'hourly', minute: '15' } as const;
const MANUAL = { frequency: 'manual' } as const;
const ORDERS = { ...DAILY, schemas: ['public.orders'] } as const;
const REBUILD = { ...DAILY, resyncMode: 'rebuild' } as const;

const timing = fc.constantFrom<Settings>(DAILY, HOURLY, MANUAL, { frequency: 'custom', dayOfWeek: 'mon', hour: '3' });
const additional = fc
  .tuple(
    timing,
    fc.constantFrom({}, { selectiveMode: 'none' }, { selectiveMode: 'incrementalFields' } as const),
    fc.constantFrom({}, { schemas: [] }, { schemas: ['public.orders'] }),
    fc.constantFrom({}, { resyncMode: 'normal' }, { resyncMode: 'rebuild' } as const),
  )
  .map((parts): Settings => Object.assign({}, ...parts));
const stored = fc
  .tuple(timing, fc.array(additional, { maxLength: 4 }))
  .map(([first, more]) => schedules(first, ...more));

describe('one schedule for several', () => {
  it('is the default schedule where there is no other', () => {
    expect(toScheduleBody(schedules(DAILY))).toEqual(DAILY);
    expect(toScheduleBody(schedules({ frequency: 'weekly', dayOfWeek: 'monday', hour: '1', minute: '2' }))).toEqual({
      frequency: 'weekly',
      day_of_week: 'monday',
      hour: '1',
      minute: '2',
    });
  });

  it('is multi where there are more, without a default that never comes', () => {
    const more = { ...HOURLY, selectiveMode: 'incrementalFields' } as const;
    const item = { item: 'incrementalFields', schedule: HOURLY };
    expect(toScheduleBody(schedules(DAILY, more))).toEqual({
      frequency: 'multi',
      multi: { schedules: [{ item: 'none', schedule: DAILY }, item] },
    });
    expect(toScheduleBody(schedules(MANUAL, more))).toEqual({ frequency: 'multi', multi: { schedules: [item] } });
  });

  it('leaves out what it cannot say, and knows of it', () => {
    const all = schedules(DAILY, ORDERS, HOURLY, REBUILD);
    expect(toScheduleBody(all).multi?.schedules).toHaveLength(2);
    expect(listUnsaid(all)).toEqual(['more 0', 'more 2']);
  });

  it('makes the first schedule the default where that runs everything', () => {
    const schedulesOf = (...items: readonly unknown[]) => ({ frequency: 'multi', multi: { schedules: items } });
    const part = { item: 'nonincrementalFields', schedule: HOURLY };
    const made = write(schedulesOf({ item: 'none', schedule: DAILY }, part), null);
    expect(made.defaultSchedule.settings).toEqual(DAILY);
    expect(made.additionalSchedules[0]?.settings).toEqual({ ...HOURLY, selectiveMode: 'nonincrementalFields' });
    const other = write(schedulesOf(part, { item: 'none', schedule: DAILY }), null);
    expect(other.defaultSchedule.settings).toEqual(MANUAL);
    expect(other.additionalSchedules).toHaveLength(2);
  });

  it('keeps the schedules that a change leaves as they are', () => {
    const current = schedules(DAILY, HOURLY, { ...DAILY, selectiveMode: 'incrementalFields' });
    const body = toScheduleBody(current);
    const [first, ...rest] = body.multi?.schedules ?? [];
    const changed = { ...body, multi: { schedules: [{ ...first, schedule: HOURLY }, ...rest.reverse()] } };
    const after = write(changed, current);
    expect(after.defaultSchedule.settings).toEqual(HOURLY);
    expect(after.additionalSchedules.map(({ id }) => id)).toEqual(['more 1', 'more 0']);
  });

  it('leaves a default schedule that never comes alone, and keeps the others', () => {
    const current = schedules(MANUAL, DAILY, { ...HOURLY, selectiveMode: 'incrementalFields' });
    const [first] = toScheduleBody(current).multi?.schedules ?? [];
    const after = write({ frequency: 'multi', multi: { schedules: [first] } }, current);
    expect(after).toEqual(schedules(MANUAL, DAILY));
  });

  it('changes nothing when it is sent back as it was read', () => {
    fc.assert(
      fc.property(stored, (current) => {
        expect(write(toScheduleBody(current), current)).toEqual(current);
      }),
    );
  });

  it('never takes away what it cannot say', () => {
    fc.assert(
      fc.property(stored, stored, (current, other) => {
        const unsaid = listUnsaid(current);
        let after: Schedules;
        try {
          after = write(toScheduleBody(other), current);
        } catch (error) {
          expect([error instanceof Error && error.message, unsaid.length]).not.toEqual([expect.any(String), 0]);
          return;
        }
        expect(listUnsaid(after)).toEqual(unsaid);
      }),
    );
  });

  it('reads as it was written, but for schedules that never come', () => {
    fc.assert(
      fc.property(stored, (any) => {
        const request = toScheduleBody(any);
        expect(whatComes(toScheduleBody(write(request, null)))).toEqual(whatComes(request));
      }),
    );
  });

  it.each([
    [{ frequency: 'multi' }, 'multi'],
    [{ frequency: 'multi', multi: { schedules: [] } }, 'multi.schedules'],
    [{ frequency: 'multi', hour: '1', multi: { schedules: [{ item: 'none', schedule: DAILY }] } }, 'hour'],
    [{ ...DAILY, multi: { schedules: [{ item: 'none', schedule: DAILY }] } }, 'multi'],
    [
      { frequency: 'multi', multi: { schedules: [{ item: 'none', schedule: { ...DAILY, multi: {} } }] } },
      'multi.schedules.0.schedule',
    ],
  ])('refuses %j', (request, place) => {
    const { error } = scheduleRequestSchema.safeParse(request);
    expect(error?.issues.map(({ path }) => path.join('.'))).toEqual([place]);
  });
});

function whatComes(body: ScheduleBody): readonly unknown[] {
  const { multi, ...alone } = body;
  const items = multi?.schedules ?? [{ item: 'none', schedule: alone }];
  return items.filter(({ schedule }) => schedule.frequency !== 'manual');
}
