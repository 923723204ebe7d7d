import { Cron } from 'croner';
import type { ScheduleSettings } from '../../../store/index.ts';
import { parsePattern, type TimePart } from './schedule-parts.ts';

/** Until there are streams, a continuous sync is one that runs this often. */
const CONTINUOUS = '*/5 * * * *';

/**
 * When a schedule comes next, strictly after `after`, in UTC; null when it never does by itself.
 * Only of settings that `checkSchedule` took.
 */
export function nextOccurrence(settings: ScheduleSettings, after: Date): Date | null {
  const pattern = toCronPattern(settings);
  return pattern === null ? null : new Cron(pattern, { timezone: 'UTC' }).nextRun(after);
}

/**
 * The schedule as the five parts of cron, numbers only: minute, hour, day of month, month, day of week; null for one
 * that never comes by itself. Where both days are named, either makes a day count, as in cron.
 */
export function toCronPattern(settings: ScheduleSettings): string | null {
  const of = (part: TimePart): string => toCronPart(settings[part], part);
  switch (settings.frequency) {
    case 'continuous':
      return CONTINUOUS;
    case 'hourly':
      return `${of('minute')} * * * *`;
    case 'daily':
      return `${of('minute')} ${of('hour')} * * *`;
    case 'weekly':
      return `${of('minute')} ${of('hour')} * * ${of('dayOfWeek')}`;
    case 'custom':
    case 'builder':
      return fromParts(settings);
    default:
      return null;
  }
}

/** Parts left out below the smallest one that is named count as their first: "on Mondays" is once, not every minute. */
function fromParts(settings: ScheduleSettings): string {
  const { minute, hour, dayOfMonth, month, dayOfWeek } = settings;
  const parts: readonly (readonly [TimePart, string | undefined])[] = [
    ['minute', minute ?? '0'],
    ['hour', hour ?? (minute === undefined ? '0' : undefined)],
    ['dayOfMonth', dayOfMonth ?? (isOnlyMonth(settings) ? '1' : undefined)],
    ['month', month],
    ['dayOfWeek', dayOfWeek],
  ];
  return parts.map(([part, text]) => toCronPart(text, part)).join(' ');
}

function isOnlyMonth({ minute, hour, dayOfWeek }: ScheduleSettings): boolean {
  return minute === undefined && hour === undefined && dayOfWeek === undefined;
}

function toCronPart(text: string | undefined, part: TimePart): string {
  const pattern = text === undefined ? '*' : parsePattern(text, part);
  return pattern === null || pattern === '*' ? '*' : pattern.join(',');
}
