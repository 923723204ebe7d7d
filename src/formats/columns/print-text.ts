import { toDateText, toTimestampText } from '../keys/calendar.ts';
import { FOUR_DIGIT_DAYS, toCivilNumber } from './civil.ts';
import type { Column } from './column.ts';

const [ZERO, MINUS, COLON, POINT, BLANK, PLUS] = [0x30, 0x2d, 0x3a, 0x2e, 0x20, 0x2b];
const DAY_US = 86_400_000_000;
const WORD = 2 ** 32;
/** High words of 64-bit numbers that a `number` holds exactly. */
const SAFE_HIGH = 2 ** 20;

/** Canonical texts of what is kept in words; each writes from `at` and returns the position behind. */
export function writeInteger({ words, type }: Column, row: number, out: Uint8Array, at: number): number {
  if (type.kind !== 'integer' || type.bits !== 64) return writeNumber(out, at, words[row] ?? 0);
  const high = words[2 * row + 1] ?? 0;
  return isSafe(high) ? writeNumber(out, at, toNumber(words, row)) : writeAscii(out, at, String(toBigInt(words, row)));
}

export function writeDate({ words }: Column, row: number, out: Uint8Array, at: number): number {
  return writeDay(out, at, words[row] ?? 0);
}

export function writeTime({ words }: Column, row: number, out: Uint8Array, at: number): number {
  return writeClock(out, at, toNumber(words, row));
}

export function writeTimestamp({ words }: Column, row: number, out: Uint8Array, at: number): number {
  return writeMoment(words, row, '', out, at);
}

export function writeTimestamptz({ words }: Column, row: number, out: Uint8Array, at: number): number {
  return writeMoment(words, row, '+00', out, at);
}

function writeMoment(words: Int32Array, row: number, zone: '' | '+00', out: Uint8Array, at: number): number {
  const us = toNumber(words, row);
  const days = Math.floor(us / DAY_US);
  if (!isSafe(words[2 * row + 1] ?? 0) || days < FOUR_DIGIT_DAYS.from || days > FOUR_DIGIT_DAYS.to)
    return writeAscii(out, at, toTimestampText(toBigInt(words, row), zone));
  let to = writeDay(out, at, days);
  out[to++] = BLANK;
  to = writeClock(out, to, us - days * DAY_US);
  if (zone === '') return to;
  out[to] = PLUS;
  return writeTwo(out, to + 1, 0);
}

function writeDay(out: Uint8Array, at: number, days: number): number {
  if (days < FOUR_DIGIT_DAYS.from || days > FOUR_DIGIT_DAYS.to) return writeAscii(out, at, toDateText(days));
  const date = toCivilNumber(days);
  let to = writeTwo(out, at, (date / 1_000_000) | 0);
  to = writeTwo(out, to, ((date / 10_000) | 0) % 100);
  out[to++] = MINUS;
  to = writeTwo(out, to, ((date / 100) | 0) % 100);
  out[to++] = MINUS;
  return writeTwo(out, to, date % 100);
}

/** Hours, minutes, seconds, and a fraction without zeros at its end. */
function writeClock(out: Uint8Array, at: number, us: number): number {
  const seconds = Math.floor(us / 1_000_000);
  let fraction = us - seconds * 1_000_000;
  let to = writeTwo(out, at, (seconds / 3600) | 0);
  out[to++] = COLON;
  to = writeTwo(out, to, ((seconds / 60) | 0) % 60);
  out[to++] = COLON;
  to = writeTwo(out, to, seconds % 60);
  if (fraction === 0) return to;
  out[to++] = POINT;
  for (let unit = 100_000; fraction > 0; unit /= 10) {
    const digit = (fraction / unit) | 0;
    out[to++] = ZERO + digit;
    fraction -= digit * unit;
  }
  return to;
}

function writeTwo(out: Uint8Array, at: number, value: number): number {
  const tens = (value / 10) | 0;
  out[at] = ZERO + tens;
  out[at + 1] = ZERO + value - tens * 10;
  return at + 2;
}

function writeNumber(out: Uint8Array, at: number, value: number): number {
  let to = at;
  let rest = value;
  if (value < 0) {
    out[to++] = MINUS;
    rest = -value;
  }
  let digits = 1;
  for (let limit = 10; limit <= rest; limit *= 10) digits++;
  for (let i = to + digits - 1; i >= to; i--) {
    const tens = Math.floor(rest / 10);
    out[i] = ZERO + rest - tens * 10;
    rest = tens;
  }
  return to + digits;
}

function writeAscii(out: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  return at + text.length;
}

function isSafe(high: number): boolean {
  return high < SAFE_HIGH && high >= -SAFE_HIGH;
}

function toNumber(words: Int32Array, row: number): number {
  return (words[2 * row + 1] ?? 0) * WORD + ((words[2 * row] ?? 0) >>> 0);
}

function toBigInt(words: Int32Array, row: number): bigint {
  return (BigInt(words[2 * row + 1] ?? 0) << 32n) | BigInt((words[2 * row] ?? 0) >>> 0);
}
