/** Text forms of dates and times as PostgreSQL prints them (DateStyle ISO, TimeZone UTC), counted from 2000-01-01. */

const DAY_US = 86_400_000_000n;
/** Days from 0000-03-01 to 2000-01-01 in the proleptic Gregorian calendar. */
const EPOCH_DAYS = 730_425;
const ERA_DAYS = 146_097;

/** Days since 2000-01-01; the largest and smallest 32-bit numbers are the two infinities. */
export function toDateText(days: number): string {
  if (days === 2 ** 31 - 1) return 'infinity';
  if (days === -(2 ** 31)) return '-infinity';
  const { date, era } = toDate(days);
  return date + era;
}

/** Microseconds since midnight. */
export function toTimeText(us: bigint): string {
  const seconds = us / 1_000_000n;
  const [hours, minutes, rest] = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n];
  const clock = [hours, minutes, rest].map((part) => String(part).padStart(2, '0')).join(':');
  const fraction = String(us % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return fraction === '' ? clock : `${clock}.${fraction}`;
}

/** Microseconds since 2000-01-01 00:00; `zone` is put behind the time, before the era. */
export function toTimestampText(us: bigint, zone: '' | '+00'): string {
  if (us === 2n ** 63n - 1n) return 'infinity';
  if (us === -(2n ** 63n)) return '-infinity';
  const timeOfDay = ((us % DAY_US) + DAY_US) % DAY_US;
  const { date, era } = toDate(Number((us - timeOfDay) / DAY_US));
  return `${date} ${toTimeText(timeOfDay)}${zone}${era}`;
}

function toDate(days: number): { date: string; era: '' | ' BC' } {
  const { year, month, day } = toCivil(days + EPOCH_DAYS);
  const shown = year > 0 ? year : 1 - year;
  const date = `${String(shown).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
  return { date, era: year > 0 ? '' : ' BC' };
}

/** Years begin in March here, so that the leap day is a year's last. `days` count from 0000-03-01. */
function toCivil(days: number): { year: number; month: number; day: number } {
  const era = Math.floor(days / ERA_DAYS);
  const dayOfEra = days - era * ERA_DAYS;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return { year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day };
}
