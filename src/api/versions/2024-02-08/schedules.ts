import { isDeepStrictEqual } from 'node:util';
import { SyncError } from '../../../core/index.ts';
import type { BulkSyncInput, BulkSyncView, ScheduleInput, ScheduleView } from '../../../operations/index.ts';
import { toScheduleSettings } from '../../views/bulk-syncs.ts';
import { withoutNulls } from '../../views/without-nulls.ts';
import type { ScheduleBody, ScheduleRequest } from './schedule-shapes.ts';

type Item = NonNullable<ScheduleBody['multi']>['schedules'][number];
type Schedules = Pick<BulkSyncView, 'defaultSchedule' | 'additionalSchedules'>;
type ScheduleInputs = Pick<BulkSyncInput, 'defaultSchedule' | 'additionalSchedules'>;

/** The schedules of a sync as one. Those that say more than this shape can are left out of it: see {@link listUnsaid}. */
export function toScheduleBody({ defaultSchedule, additionalSchedules }: Schedules): ScheduleBody {
  const first = toPlain(defaultSchedule.settings);
  const more = additionalSchedules.filter(isSayable).map(toItem);
  if (more.length === 0) return first;
  // A default schedule that never comes is there because a sync must have one.
  const items: Item[] = first.frequency === 'manual' ? more : [{ item: 'none', schedule: first }, ...more];
  return { frequency: 'multi', multi: { schedules: items } };
}

/** Ids of the schedules that are for some schemas only, or have a repair mode. */
export function listUnsaid({ additionalSchedules }: Schedules): string[] {
  return additionalSchedules.filter((schedule) => !isSayable(schedule)).map(({ id }) => id);
}

function isSayable({ settings }: ScheduleView): boolean {
  return (settings.schemas ?? []).length === 0 && (settings.resyncMode ?? 'normal') === 'normal';
}

function toItem({ settings }: ScheduleView): Item {
  return { item: settings.selectiveMode ?? 'none', schedule: toPlain(settings) };
}

function toPlain(settings: ScheduleView['settings']): Item['schedule'] {
  const { frequency, minute, hour, dayOfWeek, dayOfMonth, month } = settings;
  return { frequency, ...withoutNulls({ minute, hour, day_of_week: dayOfWeek, day_of_month: dayOfMonth, month }) };
}

/** Schedules as the operations take them, with the names that their fields have in the request. */
export interface ReadSchedules extends ScheduleInputs {
  /** `default_schedule` or `additional_schedules[0]` → where the request said it. */
  readonly places: ReadonlyMap<string, string>;
}

/**
 * The schedules of a request. One that is sent back as it was read changes nothing, and a part of it that stays keeps
 * its schedule.
 * @param current of the sync that is changed; null = it is made
 * @throws `REQUEST_REFUSED` when it would take away schedules that this shape cannot say
 */
export function fromScheduleRequest(request: ScheduleRequest, current: Schedules | null): ReadSchedules {
  const schedule = withoutType(request);
  if (current !== null && isDeepStrictEqual(schedule, toScheduleBody(current))) return keepAll(current);
  if (current !== null) refuseUnsaid(current);
  const items = schedule.multi?.schedules ?? [];
  if (schedule.multi === undefined)
    return { ...fromPlain(schedule), places: new Map([['default_schedule', 'schedule']]) };
  return hasFreeDefault(items, current)
    ? fromItems([{ item: 'none', schedule: { frequency: 'manual' } }, ...items], current, -1)
    : fromItems(items, current, 0);
}

/** As our own answer would have it. */
function withoutType({ multi, ...plain }: ScheduleRequest): ScheduleBody {
  const parts = fromParts(plain);
  if (multi == null) return parts;
  const schedules = multi.schedules.map(({ item, schedule }) => ({ item, schedule: fromParts(schedule) }));
  return { ...parts, multi: { schedules } };
}

function fromParts({ frequency, ...parts }: Omit<ScheduleRequest, 'multi'>): Item['schedule'] {
  return { frequency, ...withoutNulls(parts) };
}

function keepAll({ defaultSchedule, additionalSchedules }: Schedules): ReadSchedules {
  const keep = ({ id, settings }: ScheduleView): ScheduleInput => ({ id, settings });
  return {
    defaultSchedule: keep(defaultSchedule),
    additionalSchedules: additionalSchedules.map(keep),
    places: new Map([['default_schedule', 'schedule']]),
  };
}

function refuseUnsaid(current: Schedules): void {
  const unsaid = listUnsaid(current);
  if (unsaid.length === 0) return;
  throw new SyncError(
    'REQUEST_REFUSED',
    `\`schedule\`: the sync has ${unsaid.length === 1 ? 'a schedule' : `${unsaid.length} schedules`} for some schemas only, or with a resync mode, which this version cannot say and would take away. Send \`schedule\` as it was read, or delete those first (DELETE /api/bulk/syncs/{id}/schedules/{schedule_id} in version 2024-02-08 or later).`,
    { detail: { field: 'schedule', schedules: unsaid } },
  );
}

function fromPlain(schedule: Item['schedule']): ScheduleInputs {
  return { defaultSchedule: { id: null, settings: toScheduleSettings(schedule) }, additionalSchedules: [] };
}

/** The default schedule runs everything, so a list that does not begin with such a one leaves it free. */
function hasFreeDefault([first]: readonly Item[], current: Schedules | null): boolean {
  if (first?.item !== 'none') return true;
  return current?.defaultSchedule.settings.frequency === 'manual' && current.additionalSchedules.length > 0;
}

/** @param offset index in the request of the first item, -1 where that one is ours */
function fromItems([first, ...rest]: readonly Item[], current: Schedules | null, offset: number): ReadSchedules {
  const free = [...(current?.additionalSchedules ?? [])];
  const placeOf = (index: number): string => `schedule.multi.schedules[${index + offset}].schedule`;
  return {
    ...fromPlain(first?.schedule ?? { frequency: 'manual' }),
    additionalSchedules: rest.map((item) => takeSame(free, item)),
    places: new Map([
      ['default_schedule', placeOf(0)],
      ...rest.map((_, index) => [`additional_schedules[${index}]`, placeOf(index + 1)] as const),
    ]),
  };
}

/** The stored schedule that says the same, taken out of those that are free, or a new one. */
function takeSame(free: ScheduleView[], item: Item): ScheduleInput {
  const index = free.findIndex((schedule) => isDeepStrictEqual(toItem(schedule), item));
  const [same] = index === -1 ? [] : free.splice(index, 1);
  if (same !== undefined) return { id: same.id, settings: same.settings };
  return { id: null, settings: { ...toScheduleSettings(item.schedule), selectiveMode: item.item } };
}
