import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScheduleSettings } from '../../../store/index.ts';
import { parsePattern, type TimePart } from './schedule-parts.ts';
import { nextOccurrence } from './schedule-times.ts';

const next = (settings: ScheduleSettings, after: string): string | null =>
  nextOccurrence(settings, new Date(after))?.toISOString() ?? null;

describe('nextOccurrence', () => {
  it.each<[ScheduleSettings, string]>([
    [{ frequency: 'continuous' }, '2026-03-04T10:25:00.000Z'],
    [{ frequency: 'hourly', minute: '15' }, '2026-03-04T11:15:00.000Z'],
    [{ frequency: 'daily', hour: '9', minute: '30' }, '2026-03-05T09:30:00.000Z'],
    [{ frequency: 'weekly', dayOfWeek: 'monday', hour: '0', minute: '0' }, '2026-03-09T00:00:00.000Z'],
    [{ frequency: 'weekly', dayOfWeek: '7', hour: '0', minute: '0' }, '2026-03-08T00:00:00.000Z'],
    [{ frequency: 'custom', minute: '*/20' }, '2026-03-04T10:40:00.000Z'],
    [{ frequency: 'builder', minute: '0', hour: '6', dayOfMonth: '1' }, '2026-04-01T06:00:00.000Z'],
    [{ frequency: 'custom', minute: '0', hour: '0', month: 'feb', dayOfMonth: '29' }, '2028-02-29T00:00:00.000Z'],
    [{ frequency: 'custom', minute: '0', hour: '0', dayOfMonth: '20', dayOfWeek: 'fri' }, '2026-03-06T00:00:00.000Z'],
  ])('%j comes at %s', (settings, expected) => {
    expect(next(settings, '2026-03-04T10:24:30.000Z')).toBe(expected);
  });

  it.each<[ScheduleSettings, string]>([
    [{ frequency: 'custom', hour: '5' }, '2026-03-05T05:00:00.000Z'],
    [{ frequency: 'custom', dayOfWeek: 'fri' }, '2026-03-06T00:00:00.000Z'],
    [{ frequency: 'custom', dayOfMonth: '10' }, '2026-03-10T00:00:00.000Z'],
    [{ frequency: 'custom', month: '5' }, '2026-05-01T00:00:00.000Z'],
    [{ frequency: 'custom', minute: '30', dayOfWeek: 'wed' }, '2026-03-04T10:30:00.000Z'],
  ])('lets what %j leaves out below its smallest part be the first: %s', (settings, expected) => {
    expect(next(settings, '2026-03-04T10:24:30.000Z')).toBe(expected);
  });

  it('never comes by itself when manual', () => {
    expect(next({ frequency: 'manual', minute: '0' }, '2026-03-04T10:24:30.000Z')).toBeNull();
  });

  it('is later than a moment that is an occurrence itself', () => {
    expect(next({ frequency: 'continuous' }, '2026-03-04T10:25:00.000Z')).toBe('2026-03-04T10:30:00.000Z');
  });

  it('keeps its time of the day when clocks elsewhere change', () => {
    const settings: ScheduleSettings = { frequency: 'daily', hour: '1', minute: '30' };
    for (const day of ['2026-03-28', '2026-03-29', '2026-03-30', '2026-10-24', '2026-10-25', '2026-10-26'])
      expect(next(settings, `${day}T00:00:00Z`)).toBe(`${day}T01:30:00.000Z`);
  });
});

const MINUTE_MS = 60_000;

/** Written without regard to how the product does it: one item of a random, valid pattern, and what it matches. */
const itemArbitrary = (from: number, to: number) =>
  fc.oneof(
    fc.integer({ min: from, max: to }).map((value) => ({ text: String(value), has: (n: number) => n === value })),
    fc
      .tuple(fc.integer({ min: from, max: to }), fc.integer({ min: from, max: to }), fc.integer({ min: 1, max: 20 }))
      .map(([one, other, step]) => {
        const [first, last] = [Math.min(one, other), Math.max(one, other)];
        return {
          text: `${first}-${last}/${step}`,
          has: (n: number) => n >= first && n <= last && (n - first) % step === 0,
        };
      }),
    fc.integer({ min: 2, max: 15 }).map((step) => ({ text: `*/${step}`, has: (n: number) => (n - from) % step === 0 })),
  );

const partArbitrary = (from: number, to: number) =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant({ text: '*', isStar: true, has: () => true }) },
    {
      weight: 2,
      arbitrary: fc.array(itemArbitrary(from, to), { minLength: 1, maxLength: 3 }).map((items) => ({
        text: items.map((item) => item.text).join(','),
        isStar: false,
        has: (n: number) => items.some((item) => item.has(n)),
      })),
    },
  );

const scheduleArbitrary = fc.record({
  minute: partArbitrary(0, 59),
  hour: partArbitrary(0, 23),
  dayOfMonth: partArbitrary(1, 28),
  month: partArbitrary(1, 12),
  dayOfWeek: partArbitrary(0, 6),
});

const momentArbitrary = fc.date({
  min: new Date('2024-01-01T00:00:00Z'),
  max: new Date('2032-12-31T00:00:00Z'),
  noInvalidDate: true,
});

describe('of any cron schedule, the next occurrence', () => {
  it('is the first whole minute behind now that the parts match', () => {
    fc.assert(
      fc.property(scheduleArbitrary, momentArbitrary, (parts, now) => {
        const { minute, hour, dayOfMonth, month, dayOfWeek } = parts;
        const matches = (date: Date): boolean => {
          const isDay = dayOfMonth.has(date.getUTCDate());
          const isWeekday = dayOfWeek.has(date.getUTCDay());
          return (
            minute.has(date.getUTCMinutes()) &&
            hour.has(date.getUTCHours()) &&
            month.has(date.getUTCMonth() + 1) &&
            (dayOfMonth.isStar || dayOfWeek.isStar ? isDay && isWeekday : isDay || isWeekday)
          );
        };
        const settings: ScheduleSettings = {
          frequency: 'custom',
          minute: minute.text,
          hour: hour.text,
          dayOfMonth: dayOfMonth.text,
          month: month.text,
          dayOfWeek: dayOfWeek.text,
        };
        const found = nextOccurrence(settings, now);
        if (found === null) throw new Error('never');
        expect(found.getTime()).toBeGreaterThan(now.getTime());
        expect(found.getTime() % MINUTE_MS).toBe(0);
        expect(matches(found)).toBe(true);
        // Far occurrences are looked for in vain for two days only, to keep this short.
        const first = Math.floor(now.getTime() / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
        const last = Math.min(found.getTime(), first + 2 * 1440 * MINUTE_MS);
        for (let time = first; time < last; time += MINUTE_MS) expect(matches(new Date(time))).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

describe('parsePattern', () => {
  it.each<[string, TimePart, readonly number[]]>([
    ['5/20', 'minute', [5, 25, 45]],
    ['mon-fri', 'dayOfWeek', [1, 2, 3, 4, 5]],
    ['5-7', 'dayOfWeek', [0, 5, 6]],
    ['*/2', 'dayOfWeek', [0, 2, 4, 6]],
    ['jan,December', 'month', [1, 12]],
  ])('reads %s of %s', (text, part, expected) => {
    expect(parsePattern(text, part)).toEqual(expected);
  });
});
