import { describe, expect, it } from 'vitest';
import type { ScheduleSettings } from '../../../store/index.ts';
import { chooseStart, covers, type DueSchedule } from './choose-start.ts';

function due(id: string, minute: number, settings: Omit<ScheduleSettings, 'frequency'> = {}): DueSchedule {
  return { id, dueAt: new Date(Date.UTC(2026, 2, 4, 10, minute)), settings: { frequency: 'continuous', ...settings } };
}

const served = (...schedules: readonly DueSchedule[]): readonly string[] | undefined =>
  chooseStart(schedules)?.served.map(({ id }) => id);

describe('chooseStart', () => {
  it('chooses nothing of nothing', () => {
    expect(chooseStart([])).toBeUndefined();
  });

  it('serves the schedule that has waited longest, whatever its place', () => {
    expect(served(due('default', 10), due('repair', 5, { resyncMode: 'refetch' }))).toEqual(['repair']);
    expect(served(due('default', 5), due('repair', 10, { resyncMode: 'refetch' }))).toEqual(['default']);
  });

  it('takes the default schedule first of two that came at once', () => {
    expect(served(due('default', 5), due('repair', 5, { resyncMode: 'refetch' }))).toEqual(['default']);
  });

  it('serves several by one execution that does all of it', () => {
    const orders = due('orders', 5, { schemas: ['orders'] });
    const notes = due('notes', 6, { schemas: ['notes'] });
    expect(served(due('default', 9), orders, notes)).toEqual(['default', 'orders', 'notes']);
    expect(served(orders, notes)).toEqual(['orders']);
  });
});

describe('covers', () => {
  it.each<[boolean, Omit<ScheduleSettings, 'frequency'>, Omit<ScheduleSettings, 'frequency'>]>([
    [true, {}, { selectiveMode: 'none', resyncMode: 'normal', schemas: [] }],
    [true, {}, { selectiveMode: 'incrementalFields' }],
    [false, { selectiveMode: 'incrementalFields' }, {}],
    [false, {}, { selectiveMode: 'nonincrementalFields' }],
    [false, {}, { resyncMode: 'refetch' }],
    [false, { resyncMode: 'rebuild' }, { resyncMode: 'resync' }],
    [true, { schemas: ['a', 'b'] }, { schemas: ['b'] }],
    [false, { schemas: ['a'] }, { schemas: ['a', 'b'] }],
    [false, { schemas: ['a'] }, {}],
  ])('is %s for %j and %j', (expected, one, other) => {
    expect(covers({ frequency: 'daily', ...one }, { frequency: 'hourly', ...other })).toBe(expected);
  });
});
