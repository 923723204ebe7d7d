import type { BulkSyncScheduleRecord, ScheduleSettings } from '../../../store/index.ts';

/** What one schedule owes. */
export type DueSchedule = Pick<BulkSyncScheduleRecord, 'id' | 'settings'> & { readonly dueAt: Date };

/** One start, and the schedules that owe nothing any more after it. */
export interface ChosenStart<Schedule extends DueSchedule> {
  readonly settings: ScheduleSettings;
  readonly served: readonly Schedule[];
}

/**
 * Of the schedules that are due, what to start first. The one that has waited longest is served always, so that a
 * frequent schedule starves nobody; if another due one does at least the same, that is started and serves both. What is
 * not served waits for the end of this execution.
 * @param due in the order of the sync: default schedule first
 */
export function chooseStart<Schedule extends DueSchedule>(due: readonly Schedule[]): ChosenStart<Schedule> | undefined {
  const [oldest] = due.toSorted((one, other) => one.dueAt.getTime() - other.dueAt.getTime());
  if (oldest === undefined) return undefined;
  const choices = due
    .filter(({ settings }) => covers(settings, oldest.settings))
    .map(({ settings }) => ({ settings, served: due.filter((other) => covers(settings, other.settings)) }));
  return choices.toSorted((one, other) => other.served.length - one.served.length)[0];
}

/** True when an execution of `one` does everything that one of `other` would do, and in the same way. */
export function covers(one: ScheduleSettings, other: ScheduleSettings): boolean {
  const [mode, otherMode] = [one.selectiveMode ?? 'none', other.selectiveMode ?? 'none'];
  // Not the other selective mode: it reads whole what an ordinary execution reads by a cursor.
  const hasFields = mode === otherMode || (mode === 'none' && otherMode === 'incrementalFields');
  return (
    hasFields &&
    (one.resyncMode ?? 'normal') === (other.resyncMode ?? 'normal') &&
    hasSchemas(one.schemas, other.schemas)
  );
}

/** None named = all. */
function hasSchemas(all: readonly string[] = [], some: readonly string[] = []): boolean {
  return all.length === 0 || (some.length > 0 && some.every((id) => all.includes(id)));
}
