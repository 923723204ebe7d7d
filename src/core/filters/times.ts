import { refuse } from './refuse.ts';

/** Microseconds since 1970-01-01 in UTC, of a point in time; of a day, its beginning and the next day's. */
export interface Period {
  readonly from: bigint;
  /** Exclusive for a day; equal to `from` for a point in time. */
  readonly to: bigint;
  readonly isDay: boolean;
}

const DAY_MICROS = 86_400_000_000n;
/** 0001-01-01 */
const FIRST_DAY = -62_135_596_800_000_000n;
const NO_DATE = 'needs a date that exists, from year 1 on.';
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?$/i;
const CLOCK = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?$/;

/** Reads ISO 8601: a date is that day in UTC, a time without a zone is in UTC. */
export function parsePeriod(text: string): Period {
  const day = parseDay(text);
  if (day !== null) return { from: day, to: day + DAY_MICROS, isDay: true };
  const [, date = '', hours = '', minutes = '', seconds = '0', fraction = '', , sign, zoneHours, zoneMinutes] =
    TIME.exec(text) ?? refuse('needs a date such as 2026-01-31, or a time such as 2026-01-31T09:00:00Z.');
  const start = parseDay(date) ?? refuse(NO_DATE);
  if (Number(zoneHours ?? 0) > 15 || Number(zoneMinutes ?? 0) > 59) refuse('needs a time zone that exists.');
  const zone = (BigInt(zoneHours ?? 0) * 60n + BigInt(zoneMinutes ?? 0)) * (sign === '-' ? -60_000_000n : 60_000_000n);
  const from = start + toMicros(hours, minutes, seconds, fraction) - zone;
  if (from < FIRST_DAY) refuse(NO_DATE);
  return { from, to: from, isDay: false };
}

/** Microseconds of a day's beginning, or null when the text is no day of the calendar. */
function parseDay(text: string): bigint | null {
  const [, year, month, day] = (DATE.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isReal = year > 0 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isReal ? BigInt(date.getTime()) * 1000n : refuse(NO_DATE);
}

/** Reads a time of day in microseconds; 24:00:00 is its end. */
export function parseClock(text: string): bigint {
  const [, hours = '', minutes = '', seconds = '0', fraction = ''] =
    CLOCK.exec(text) ?? refuse('needs a time of day such as 09:30 or 09:30:15.250.');
  if (/^24:00(:00(\.0+)?)?$/.test(text)) return DAY_MICROS;
  return toMicros(hours, minutes, seconds, fraction);
}

function toMicros(hours: string, minutes: string, seconds: string, fraction: string): bigint {
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) refuse('needs a time of day that exists.');
  if (/[1-9]/.test(fraction.slice(6))) refuse('takes no parts of a microsecond.');
  const micros = BigInt(fraction.slice(0, 6).padEnd(6, '0'));
  return ((BigInt(hours) * 60n + BigInt(minutes)) * 60n + BigInt(seconds)) * 1_000_000n + micros;
}

/** `YYYY-MM-DD HH:MM:SS`, with six digits behind the point where they are needed; in UTC. */
export function printTime(micros: bigint): string {
  return `${printDate(micros)} ${printClock(floorMod(micros, DAY_MICROS))}`;
}

/** `YYYY-MM-DD`, the day in UTC. */
export function printDate(micros: bigint): string {
  const days = (micros - floorMod(micros, DAY_MICROS)) / 1000n;
  const [date = ''] = new Date(Number(days)).toISOString().split('T');
  return date.replace(/^\+0*(?=\d{5})/, '');
}

/** `HH:MM:SS`, with six digits behind the point where they are needed. */
export function printClock(micros: bigint): string {
  const seconds = micros / 1_000_000n;
  const parts = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map((part) => String(part).padStart(2, '0'));
  const fraction = micros % 1_000_000n;
  return `${parts.join(':')}${fraction === 0n ? '' : `.${String(fraction).padStart(6, '0')}`}`;
}

function floorMod(value: bigint, unit: bigint): bigint {
  const rest = value % unit;
  return rest < 0n ? rest + unit : rest;
}
