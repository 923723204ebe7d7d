import { refuse } from './refuse.ts';

/** A span of time before (negative) or after now. Days and longer follow the calendar in UTC. */
interface Shift {
  readonly amount: number;
  readonly unit: Unit;
}

const UNITS = ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'] as const;
type Unit = (typeof UNITS)[number];

const MILLISECONDS = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const;
const MONTHS = { month: 1, quarter: 3, year: 12 } as const;
/** Keeps every result between year 1000 and 9999, whenever it is evaluated. */
const MAX_MILLISECONDS = 365 * 86_400_000 * 1_000;
const MAX_MONTHS = 12_000;

const DAYS = { yesterday: -1, today: 0, tomorrow: 1 } as const;
type DayWord = keyof typeof DAYS;

/**
 * A moment as a user writes it: `48 hours ago`, `2 weeks from now`, `now`; or `yesterday`, `today`, `tomorrow`, which
 * are whole days. Returned as ISO 8601: a time in UTC, or a date.
 */
export function resolveMoment(value: unknown, now: Date): string {
  const text = toWords(value);
  if (text === 'now') return now.toISOString();
  if (isDayWord(text)) return shift(now, { amount: DAYS[text], unit: 'day' }).toISOString().slice(0, 10);
  const [, count, direction] = /^(.+) (ago|from now)$/.exec(text) ?? [];
  const span = count === undefined ? null : parseSpan(count);
  if (span === null)
    return refuse('needs a moment such as "48 hours ago", "2 weeks from now", "now", "today" or "yesterday".');
  return shift(now, { ...span, amount: direction === 'ago' ? -span.amount : span.amount }).toISOString();
}

/** The beginning of a span that ends now: `7 days`, `7 days ago`. ISO 8601 in UTC. */
export function resolveSpanStart(value: unknown, now: Date): string {
  const span = parseSpan(toWords(value).replace(/ ago$/, ''));
  if (span === null) return refuse('needs a span of time such as "7 days" or "48 hours".');
  return shift(now, { ...span, amount: -span.amount }).toISOString();
}

function toWords(value: unknown): string {
  return typeof value === 'string' ? value.trim().toLowerCase().replace(/\s+/g, ' ') : '';
}

function isDayWord(text: string): text is DayWord {
  return text in DAYS;
}

function parseSpan(text: string): Shift | null {
  const [, count, word] = /^(\d{1,9}|an?) ?([a-z]+?)s?$/.exec(text) ?? [];
  const unit = UNITS.find((candidate) => candidate === word);
  if (count === undefined || unit === undefined) return null;
  const amount = /\d/.test(count) ? Number(count) : 1;
  const isNear = isMonthly(unit)
    ? amount * MONTHS[unit] <= MAX_MONTHS
    : amount * MILLISECONDS[unit] <= MAX_MILLISECONDS;
  return isNear ? { amount, unit } : refuse('reaches no further than 1,000 years.');
}

function isMonthly(unit: Unit): unit is keyof typeof MONTHS {
  return unit in MONTHS;
}

/** The 31st is the last day of a shorter month. */
function shift(now: Date, { amount, unit }: Shift): Date {
  if (!isMonthly(unit)) return new Date(now.getTime() + amount * MILLISECONDS[unit]);
  const date = new Date(now);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + amount * MONTHS[unit]);
  const last = new Date(date);
  last.setUTCMonth(last.getUTCMonth() + 1, 0);
  date.setUTCDate(Math.min(day, last.getUTCDate()));
  return date;
}
