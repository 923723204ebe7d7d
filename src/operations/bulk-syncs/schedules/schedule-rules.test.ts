import { describe, expect, it } from 'vitest';
import { SCHEDULE_FREQUENCIES, type ScheduleFrequency } from '../../../core/index.ts';
import type { ScheduleSettings } from '../../../store/index.ts';
import { TIME_PARTS, type TimePart } from './schedule-parts.ts';
import { checkSchedule } from './schedule-rules.ts';
import { toCronPattern } from './schedule-times.ts';

const COMPLETE = { minute: '30', hour: '12', dayOfWeek: 'monday', dayOfMonth: '1', month: '1' } as const;

const SNAKE_NAMES: Readonly<Record<TimePart, string>> = {
  minute: 'minute',
  hour: 'hour',
  dayOfWeek: 'day_of_week',
  dayOfMonth: 'day_of_month',
  month: 'month',
};

/** Every frequency of bulk syncs with the parts that it goes by. */
const USED = {
  manual: [],
  continuous: [],
  hourly: ['minute'],
  daily: ['minute', 'hour'],
  weekly: ['minute', 'hour', 'dayOfWeek'],
  custom: TIME_PARTS,
  builder: TIME_PARTS,
} as const satisfies Partial<Record<ScheduleFrequency, readonly TimePart[]>>;
const FREQUENCIES = ['manual', 'continuous', 'hourly', 'daily', 'weekly', 'custom', 'builder'] as const;
const MATRIX = FREQUENCIES.flatMap((frequency) => TIME_PARTS.map((part) => [frequency, part] as const));

/** A schedule with all that its frequency goes by, and nothing else. */
function complete(frequency: (typeof FREQUENCIES)[number]): ScheduleSettings {
  return { frequency, ...Object.fromEntries(USED[frequency].map((part) => [part, COMPLETE[part]])) };
}

function check(settings: ScheduleSettings): () => void {
  return () => checkSchedule(settings, 'default_schedule');
}

describe('checkSchedule', () => {
  it.each(SCHEDULE_FREQUENCIES)('takes or refuses %s by whether bulk syncs have it', (frequency) => {
    const known = FREQUENCIES.find((name) => name === frequency);
    if (known === undefined)
      expect(check({ frequency, ...COMPLETE })).toThrow(/`default_schedule\.frequency`.*not a frequency/);
    else expect(check(complete(known))).not.toThrow();
  });

  it.each<[ScheduleFrequency, keyof typeof COMPLETE, string]>([
    ['hourly', 'minute', 'minute'],
    ['daily', 'hour', 'hour'],
    ['daily', 'minute', 'minute'],
    ['weekly', 'dayOfWeek', 'day_of_week'],
    ['weekly', 'hour', 'hour'],
    ['weekly', 'minute', 'minute'],
  ])('asks a %s schedule for its %s', (frequency, part, name) => {
    const { [part]: _left, ...settings } = COMPLETE;
    expect(check({ frequency, ...settings })).toThrow(`\`default_schedule.${name}\``);
  });

  it.each(MATRIX)('lets no part be without effect: %s with %s', (frequency, part) => {
    const before = complete(frequency);
    const isUsed = USED[frequency].some((used) => used === part);
    const settings = { ...before, [part]: COMPLETE[part] };
    if (frequency === 'manual') expect(check(settings)).not.toThrow();
    else if (isUsed) expect(toCronPattern(settings)).not.toBe(toCronPattern({ ...before, [part]: '2' }));
    else
      expect(check(settings)).toThrow(
        `\`default_schedule.${SNAKE_NAMES[part]}\`: a schedule that is ${frequency} does`,
      );
  });

  it.each(MATRIX)('takes a star where it says what happens anyway: %s with %s', (frequency, part) => {
    const settings = { ...complete(frequency), [part]: '*' };
    const isOneValue =
      ['hourly', 'daily', 'weekly'].includes(frequency) && USED[frequency].some((used) => used === part);
    if (isOneValue || (frequency === 'continuous' && part === 'minute'))
      expect(check(settings)).toThrow(`\`default_schedule.${SNAKE_NAMES[part]}\``);
    else expect(check(settings)).not.toThrow();
  });

  it('asks a cron schedule for at least one part', () => {
    expect(check({ frequency: 'custom' })).toThrow(/needs at least one/);
    expect(check({ frequency: 'custom', minute: '*/5' })).not.toThrow();
  });

  it.each(['*', '*/15', '5', '0-30', '0,15,30,45', '10-50/10'])('takes the cron minute %s', (minute) => {
    expect(check({ frequency: 'custom', minute })).not.toThrow();
  });

  it.each(['', '60', '-1', '*/0', 'x', '5-', '30-10', '1,,2', '5/2/2', '1.5', '*/100'])(
    'refuses the cron minute "%s"',
    (minute) => {
      expect(check({ frequency: 'custom', minute })).toThrow(/`default_schedule\.minute`/);
    },
  );

  it.each(['mon', 'Monday', '0', '7', 'mon-fri', 'sat,sun'])('takes the weekday %s', (dayOfWeek) => {
    expect(check({ frequency: 'builder', dayOfWeek })).not.toThrow();
  });

  it.each(['someday', '8', 'mo'])('refuses the weekday %s', (dayOfWeek) => {
    expect(check({ frequency: 'builder', dayOfWeek })).toThrow(/`default_schedule\.day_of_week`/);
  });

  it('wants one value, not a pattern, where a frequency needs the part', () => {
    expect(check({ frequency: 'daily', hour: '*/2', minute: '0' })).toThrow(/`default_schedule\.hour`.*not a value/);
    expect(check({ frequency: 'weekly', dayOfWeek: 'mon-fri', hour: '1', minute: '0' })).toThrow(/day_of_week/);
  });

  it('refuses a day that none of its months has, and takes one that a leap year has', () => {
    expect(check({ frequency: 'custom', dayOfMonth: '30,31', month: '2' })).toThrow(/day_of_month.*never comes/);
    expect(check({ frequency: 'custom', dayOfMonth: '31', month: '4,6' })).toThrow(/never comes/);
    expect(check({ frequency: 'custom', dayOfMonth: '29', month: 'feb' })).not.toThrow();
    expect(check({ frequency: 'custom', dayOfMonth: '30', month: '2', dayOfWeek: 'mon' })).not.toThrow();
  });

  it('checks parts that the frequency does not use', () => {
    expect(check({ frequency: 'manual', ...COMPLETE, hour: '24' })).toThrow(/`default_schedule\.hour`/);
  });
});
