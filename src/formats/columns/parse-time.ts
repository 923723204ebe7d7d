import { isDay, toDays } from './civil.ts';
import { type Column, setBigInt, setInt32, setInt64, setSafeInteger } from './column.ts';

const [ZERO, COLON, HYPHEN, PLUS, POINT, BLANK, CAPITAL_T, CAPITAL_Z] = [
  0x30, 0x3a, 0x2d, 0x2b, 0x2e, 0x20, 0x54, 0x5a,
];
const DAY_US = 86_400_000_000;
const INT32_MAX = 2 ** 31 - 1;
const INT64_LIMIT = 2n ** 63n;
const INFINITY = Buffer.from('infinity');
const ERA = Buffer.from(' BC');

/** What was seen of a text; set anew for each, so that reading allocates nothing. */
const seen = { at: 0, year: 0, month: 0, day: 0, us: 0, offsetUs: 0 };

/** `2024-02-29`, `0044-03-15 BC`, `infinity`. */
export function setDate(column: Column, row: number, text: Uint8Array, start: number, end: number): boolean {
  const sign = infinityOf(text, start, end);
  if (sign !== 0) {
    setInt32(column, row, sign > 0 ? INT32_MAX : -INT32_MAX - 1);
    return true;
  }
  if (!scanDate(text, start, end) || !scanEra(text, end)) return false;
  const days = toDays(seen.year, seen.month, seen.day);
  if (Math.abs(days) >= INT32_MAX) return false;
  setInt32(column, row, days);
  return true;
}

/** `23:59:59.999999`, and `24:00:00`. */
export function setTime(column: Column, row: number, text: Uint8Array, start: number, end: number): boolean {
  seen.at = start;
  if (!scanTime(text, end) || seen.at !== end || seen.us > DAY_US) return false;
  setSafeInteger(column, row, seen.us);
  return true;
}

/** Date, blank or `T`, time; no zone. */
export function setTimestamp(column: Column, row: number, text: Uint8Array, start: number, end: number): boolean {
  return setMoment(column, row, text, start, end, false);
}

/** The same with a zone, which is needed: `Z`, `+00`, `-03:30`. */
export function setTimestamptz(column: Column, row: number, text: Uint8Array, start: number, end: number): boolean {
  return setMoment(column, row, text, start, end, true);
}

function setMoment(
  column: Column,
  row: number,
  text: Uint8Array,
  start: number,
  end: number,
  isZoned: boolean,
): boolean {
  const sign = infinityOf(text, start, end);
  if (sign !== 0) {
    setInt64(column, row, sign > 0 ? -1 : 0, sign > 0 ? INT32_MAX : -INT32_MAX - 1);
    return true;
  }
  if (!scanDate(text, start, end)) return false;
  const separator = text[seen.at];
  if (separator !== BLANK && separator !== CAPITAL_T) return false;
  seen.at++;
  if (!scanTime(text, end) || seen.us >= DAY_US) return false;
  seen.offsetUs = 0;
  if ((isZoned && !scanZone(text, end)) || !scanEra(text, end)) return false;
  return setMicroseconds(column, row, toDays(seen.year, seen.month, seen.day), seen.us - seen.offsetUs);
}

function setMicroseconds(column: Column, row: number, days: number, us: number): boolean {
  const moment = days * DAY_US + us;
  if (Number.isSafeInteger(moment)) {
    setSafeInteger(column, row, moment);
    return true;
  }
  const exact = BigInt(days) * BigInt(DAY_US) + BigInt(us);
  // The extremes are the infinities.
  if (exact <= -INT64_LIMIT || exact >= INT64_LIMIT - 1n) return false;
  setBigInt(column, row, exact);
  return true;
}

function infinityOf(text: Uint8Array, start: number, end: number): -1 | 0 | 1 {
  const isNegative = text[start] === HYPHEN;
  const from = isNegative ? start + 1 : start;
  return end - from === INFINITY.length && matches(text, from, INFINITY) ? (isNegative ? -1 : 1) : 0;
}

function matches(text: Uint8Array, from: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (text[from + i] !== wanted[i]) return false;
  return true;
}

function scanDate(text: Uint8Array, start: number, end: number): boolean {
  let at = start;
  let year = 0;
  for (; at < end && isDigit(text[at]); at++) year = year * 10 + (text[at] ?? 0) - ZERO;
  if (at - start < 4 || at - start > 7 || text[at] !== HYPHEN || text[at + 3] !== HYPHEN || at + 6 > end) return false;
  seen.year = year;
  seen.month = twoDigits(text, at + 1);
  seen.day = twoDigits(text, at + 4);
  seen.at = at + 6;
  return year > 0 && seen.month > 0 && seen.day > 0;
}

/** The era, or nothing, up to the end; then the day is one of its month. */
function scanEra(text: Uint8Array, end: number): boolean {
  if (end - seen.at === ERA.length && matches(text, seen.at, ERA)) seen.year = 1 - seen.year;
  else if (seen.at !== end) return false;
  return isDay(seen.year, seen.month, seen.day);
}

/** Hours and minutes, mostly seconds, and a fraction of which nothing is cut off but zeros. */
function scanTime(text: Uint8Array, end: number): boolean {
  const hours = seen.at + 2 <= end ? twoDigits(text, seen.at) : -1;
  const minutes = text[seen.at + 2] === COLON && seen.at + 5 <= end ? twoDigits(text, seen.at + 3) : -1;
  if (hours < 0 || hours > 24 || minutes < 0 || minutes > 59) return false;
  seen.at += 5;
  let seconds = 0;
  if (text[seen.at] === COLON && seen.at < end) {
    seconds = seen.at + 3 <= end ? twoDigits(text, seen.at + 1) : -1;
    if (seconds < 0 || seconds > 59) return false;
    seen.at += 3;
  }
  seen.us = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000;
  return text[seen.at] !== POINT || seen.at >= end || scanFraction(text, end);
}

function scanFraction(text: Uint8Array, end: number): boolean {
  const first = ++seen.at;
  for (let unit = 100_000; seen.at < end && isDigit(text[seen.at]); seen.at++, unit /= 10) {
    const digit = (text[seen.at] ?? 0) - ZERO;
    if (unit >= 1) seen.us += digit * unit;
    else if (digit !== 0) return false;
  }
  return seen.at > first;
}

function scanZone(text: Uint8Array, end: number): boolean {
  const sign = seen.at < end ? text[seen.at] : undefined;
  if (sign === CAPITAL_Z) {
    seen.at++;
    return true;
  }
  if (sign !== PLUS && sign !== HYPHEN) return false;
  let seconds = 0;
  seen.at++;
  for (let unit = 3600; unit >= 1; unit /= 60) {
    const value = seen.at + 2 <= end ? twoDigits(text, seen.at) : -1;
    if (value < 0 || value > 59) return false;
    seconds += value * unit;
    seen.at += 2;
    if (text[seen.at] === COLON && seen.at < end) seen.at++;
    else if (seen.at >= end || !isDigit(text[seen.at])) break;
  }
  seen.offsetUs = (sign === PLUS ? 1 : -1) * seconds * 1_000_000;
  return true;
}

/** -1 when it is not two digits. */
function twoDigits(text: Uint8Array, at: number): number {
  return isDigit(text[at]) && isDigit(text[at + 1]) ? ((text[at] ?? 0) - ZERO) * 10 + (text[at + 1] ?? 0) - ZERO : -1;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}
