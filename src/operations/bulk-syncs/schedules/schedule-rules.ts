import type { ScheduleFrequency } from '../../../core/index.ts';
import type { ScheduleSettings } from '../../../store/index.ts';
import { refuseField } from '../../refusals.ts';
import { PART_RANGES, parsePattern, parseValue, TIME_PARTS, type TimePart } from './schedule-parts.ts';

/** A schedule as a user sends it. */
export interface ScheduleInput {
  /** Keeps the stored schedule of this id, with who made it. */
  readonly id: string | null;
  readonly settings: ScheduleSettings;
}

/** What else is known of a request for a schedule. */
interface ScheduleRequestFacts {
  /** How it writes the names of the parts. */
  readonly naming?: 'snake_case' | 'camelCase';
  /** True for a schedule that the sync has already: one from before {@link refuseSparePart} is not refused as it is. */
  readonly isStored?: boolean;
}

/** The public names of the parts, for messages. In camelCase they are called as here. */
const SNAKE_NAMES: Readonly<Record<TimePart, string>> = {
  minute: 'minute',
  hour: 'hour',
  dayOfWeek: 'day_of_week',
  dayOfMonth: 'day_of_month',
  month: 'month',
};

/** In a leap year. */
const DAYS_OF_MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Parts that a frequency cannot do without, and all that it goes by, cron's excepted; null = not one of bulk syncs. */
const REQUIRED_PARTS: Readonly<Record<ScheduleFrequency, readonly TimePart[] | null>> = {
  manual: [],
  continuous: [],
  hourly: ['minute'],
  daily: ['hour', 'minute'],
  weekly: ['dayOfWeek', 'hour', 'minute'],
  custom: [],
  builder: [],
  runafter: null,
  multi: null,
  dbtcloud: null,
};

/**
 * Refuses a schedule that could not be run as it says.
 * @param field where it stands in the request, such as `additional_schedules[0]`
 * @throws `REQUEST_REFUSED` naming the field
 */
export function checkSchedule(
  settings: ScheduleSettings,
  field: string,
  { naming = 'snake_case', isStored = false }: ScheduleRequestFacts = {},
): void {
  const partName = (part: TimePart): string => (naming === 'camelCase' ? part : SNAKE_NAMES[part]);
  const nameOf = (part: TimePart): string => `${field}.${partName(part)}`;
  const required = REQUIRED_PARTS[settings.frequency];
  if (required === null) {
    throw refuseField(
      `${field}.frequency`,
      `"${settings.frequency}" is not a frequency of bulk syncs; use manual, continuous, hourly, daily, weekly, custom or builder`,
    );
  }
  for (const part of required) {
    if (settings[part] === undefined) {
      throw refuseField(nameOf(part), `a schedule that is ${settings.frequency} needs it`);
    }
  }
  if (isCron(settings.frequency) && TIME_PARTS.every((part) => settings[part] === undefined)) {
    throw refuseField(
      field,
      `a schedule that is ${settings.frequency} needs at least one of ${TIME_PARTS.map(partName).join(', ')}`,
    );
  }
  for (const part of TIME_PARTS) {
    checkPart(settings, part, nameOf(part));
    if (!isStored) refuseSparePart(settings, part, nameOf(part));
  }
  if (isCron(settings.frequency)) refuseMissingDay(settings, nameOf('dayOfMonth'));
}

/**
 * A part that the frequency does not have, unless it is a star, which says what happens anyway. Parts of a manual schedule are
 * taken: the published examples send them, and whoever reads "manual" expects no time from them.
 */
function refuseSparePart(settings: ScheduleSettings, part: TimePart, field: string): void {
  const { frequency } = settings;
  const text = settings[part];
  if (text === undefined || frequency === 'manual' || isCron(frequency)) return;
  if (REQUIRED_PARTS[frequency]?.includes(part)) return;
  // A continuous schedule does not come every minute.
  const isEveryMinute = frequency === 'continuous' && part === 'minute';
  if (text.trim() === '*' && !isEveryMinute) return;
  throw refuseField(field, `a schedule that is ${frequency} does not go by it; leave it out, or use custom`);
}

/** The 30th of February and its like: such a schedule would wait for ever. */
function refuseMissingDay({ dayOfMonth, month, dayOfWeek }: ScheduleSettings, field: string): void {
  const days = parsePattern(dayOfMonth ?? '*', 'dayOfMonth');
  const months = parsePattern(month ?? '*', 'month');
  const isAnyWeekday = parsePattern(dayOfWeek ?? '*', 'dayOfWeek') === '*';
  if (days === null || days === '*' || months === null || months === '*' || !isAnyWeekday) return;
  const longest = Math.max(...months.map((number) => DAYS_OF_MONTHS[number - 1] ?? 0));
  if (Math.min(...days) <= longest) return;
  throw refuseField(field, `month "${month}" has no day "${dayOfMonth}", so the schedule never comes`);
}

function isCron(frequency: ScheduleFrequency): boolean {
  return frequency === 'custom' || frequency === 'builder';
}

function checkPart(settings: ScheduleSettings, part: TimePart, field: string): void {
  const text = settings[part];
  if (text === undefined) return;
  // Only a cron schedule may name several times of one kind; a "daily at */5" would mean nothing.
  const needsOneValue = REQUIRED_PARTS[settings.frequency]?.includes(part) ?? false;
  if ((needsOneValue ? parseValue(text, part) : parsePattern(text, part)) !== null) return;
  const { from, to } = PART_RANGES[part];
  throw refuseField(field, `"${text}" is not ${needsOneValue ? 'a value' : 'a cron expression'} from ${from} to ${to}`);
}
