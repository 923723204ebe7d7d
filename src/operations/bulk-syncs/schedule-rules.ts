import type { ScheduleFrequency } from '../../core/index.ts';
import type { ScheduleSettings } from '../../store/index.ts';
import { refuseField } from '../refusals.ts';

/** A schedule as a user sends it. */
export interface ScheduleInput {
  /** Keeps the stored schedule of this id, with who made it. */
  readonly id: string | null;
  readonly settings: ScheduleSettings;
}

type TimePart = 'minute' | 'hour' | 'dayOfWeek' | 'dayOfMonth' | 'month';

/** The public names of the parts, for messages. */
const PART_NAMES: Readonly<Record<TimePart, string>> = {
  minute: 'minute',
  hour: 'hour',
  dayOfWeek: 'day_of_week',
  dayOfMonth: 'day_of_month',
  month: 'month',
};
const TIME_PARTS = ['minute', 'hour', 'dayOfWeek', 'dayOfMonth', 'month'] as const satisfies readonly TimePart[];

const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

/** Allowed numbers, and words in the order of their numbers from `from` on; three letters are enough. */
const RANGES: Readonly<
  Record<TimePart, { readonly from: number; readonly to: number; readonly words: readonly string[] }>
> = {
  minute: { from: 0, to: 59, words: [] },
  hour: { from: 0, to: 23, words: [] },
  dayOfWeek: { from: 0, to: 7, words: DAYS },
  dayOfMonth: { from: 1, to: 31, words: [] },
  month: { from: 1, to: 12, words: MONTHS },
};

/** Parts that a frequency cannot do without; null = the frequency is not one of bulk syncs. */
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
export function checkSchedule(settings: ScheduleSettings, field: string): void {
  const required = REQUIRED_PARTS[settings.frequency];
  if (required === null) {
    throw refuseField(
      `${field}.frequency`,
      `"${settings.frequency}" is not a frequency of bulk syncs; use manual, continuous, hourly, daily, weekly, custom or builder`,
    );
  }
  for (const part of required) {
    if (settings[part] === undefined) {
      throw refuseField(`${field}.${PART_NAMES[part]}`, `a schedule that is ${settings.frequency} needs it`);
    }
  }
  if (isCron(settings.frequency) && TIME_PARTS.every((part) => settings[part] === undefined)) {
    throw refuseField(
      field,
      `a schedule that is ${settings.frequency} needs at least one of minute, hour, day_of_month, month and day_of_week`,
    );
  }
  for (const part of TIME_PARTS) checkPart(settings, part, field);
}

function isCron(frequency: ScheduleFrequency): boolean {
  return frequency === 'custom' || frequency === 'builder';
}

function checkPart(settings: ScheduleSettings, part: TimePart, field: string): void {
  const text = settings[part];
  if (text === undefined) return;
  const { from, to } = RANGES[part];
  // Only a cron schedule may name several times of one kind; a "daily at */5" would mean nothing.
  const needsOneValue = REQUIRED_PARTS[settings.frequency]?.includes(part) ?? false;
  const isGood = needsOneValue
    ? toNumber(text, part) !== null
    : text.split(',').every((item) => isCronItem(item, part));
  if (isGood) return;
  throw refuseField(
    `${field}.${PART_NAMES[part]}`,
    `"${text}" is not ${needsOneValue ? 'a value' : 'a cron expression'} from ${from} to ${to}`,
  );
}

/** `*`, `7`, `mon`, `1-5`, and each of these with a step as in `*` + `/15`. */
function isCronItem(item: string, part: TimePart): boolean {
  const [range = '', step, ...more] = item.split('/');
  if (more.length > 0 || (step !== undefined && !/^[1-9]\d?$/.test(step))) return false;
  if (range === '*') return true;
  const [first = '', last, ...rest] = range.split('-');
  const from = toNumber(first, part);
  const to = last === undefined ? from : toNumber(last, part);
  return rest.length === 0 && from !== null && to !== null && from <= to;
}

function toNumber(text: string, part: TimePart): number | null {
  const { from, to, words } = RANGES[part];
  const word = text.trim().toLowerCase();
  const index = words.findIndex((full) => full === word || full.slice(0, 3) === word);
  if (index >= 0) return index + from;
  if (!/^\d{1,2}$/.test(word)) return null;
  const number = Number(word);
  return number >= from && number <= to ? number : null;
}
