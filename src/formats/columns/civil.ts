/** Days and years without allocation, for the years 1 to 9999 and beyond; counted from 2000-01-01. */

/** Days from 0000-03-01 to 2000-01-01 in the proleptic Gregorian calendar. */
const EPOCH_DAYS = 730_425;
const ERA_DAYS = 146_097;

/** Years begin in March here, so that the leap day is a year's last. `year` is astronomical: 0 is 1 BC. */
export function toDays(year: number, month: number, day: number): number {
  const from = month <= 2 ? year - 1 : year;
  const era = Math.floor(from / 400);
  const yearOfEra = from - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * ERA_DAYS + dayOfEra - EPOCH_DAYS;
}

/** The date of a day as one number, `year * 10000 + month * 100 + day`, for years from 1 on. */
export function toCivilNumber(days: number): number {
  const from = days + EPOCH_DAYS;
  const era = Math.floor(from / ERA_DAYS);
  const dayOfEra = from - era * ERA_DAYS;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0)) * 10_000 + month * 100 + day;
}

/** The first and the last day whose years have four digits. */
export const FOUR_DIGIT_DAYS = { from: toDays(1, 1, 1), to: toDays(9999, 12, 31) } as const;

/** False for 31 April, and for 29 February of most years. */
export function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  if (month === 2) return day <= (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28);
  return day <= (month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31);
}
