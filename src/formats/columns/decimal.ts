import { SyncError } from '../../core/index.ts';
import { type Column, endBytes, reserveBytes } from './column.ts';

const [ZERO, POINT, MINUS, PLUS] = [0x30, 0x2e, 0x2d, 0x2b];
const NAN_TEXT = Buffer.from('NaN');
const DIGITS_PER_GROUP = 4;
const NUMERIC_HEADER = 8;
const [SIGN_NEGATIVE, SIGN_NAN] = [0x4000, 0xc000];

/** What was seen of a decimal text; set anew for each, so that reading allocates nothing. */
const seen = { isNegative: false, whole: 0, point: 0, last: 0 };

/**
 * Keeps decimal text in its canonical form, exactly `scale` digits behind the point. False when it is no decimal, or has
 * more digits than the type: nothing is rounded.
 */
export function setDecimalText(column: Column, row: number, text: Uint8Array, start: number, end: number): boolean {
  if (isNan(text, start, end)) return setNan(column, row);
  const { precision, scale } = digitsOf(column);
  if (!scan(text, start, end)) return false;
  const { whole, point } = seen;
  while (seen.last > point + 1 + scale && text[seen.last - 1] === ZERO) seen.last--;
  if (seen.last - point - 1 > scale || point - whole > Math.max(precision - scale, 0)) return false;
  const at = reserveBytes(column, row, end - start + scale + 3);
  const { bytes } = column;
  let to = at;
  if (seen.isNegative && !isZero(text)) bytes[to++] = MINUS;
  if (whole === point) bytes[to++] = ZERO;
  for (let i = whole; i < point; i++) bytes[to++] = text[i] ?? ZERO;
  if (scale > 0) bytes[to++] = POINT;
  for (let i = point + 1; i <= point + scale; i++) bytes[to++] = i < seen.last ? (text[i] ?? ZERO) : ZERO;
  endBytes(column, row, to);
  return true;
}

function digitsOf({ type }: Column): { readonly precision: number; readonly scale: number } {
  if (type.kind === 'decimal') return type;
  throw new SyncError('INTERNAL', `A column of type ${type.kind} was to hold decimals. Report it.`);
}

/** Finds sign, point and digits, zeros before the number left out. `last` is behind the last digit. */
function scan(text: Uint8Array, start: number, end: number): boolean {
  seen.isNegative = text[start] === MINUS;
  let whole = start + (seen.isNegative || text[start] === PLUS ? 1 : 0);
  let point = whole;
  while (point < end && isDigit(text[point])) point++;
  let last = point;
  if (point < end && text[point] === POINT) {
    last = point + 1;
    while (last < end && isDigit(text[last])) last++;
  }
  const hasDigits = point > whole || last > point + 1;
  while (whole < point && text[whole] === ZERO) whole++;
  seen.whole = whole;
  seen.point = point;
  seen.last = last;
  return hasDigits && last === end;
}

function isZero(text: Uint8Array): boolean {
  if (seen.whole < seen.point) return false;
  for (let i = seen.point + 1; i < seen.last; i++) if (text[i] !== ZERO) return false;
  return true;
}

/** Keeps a numeric of COPY BINARY as text with its own number of digits. False when it is none that has a text. */
export function setNumeric(column: Column, row: number, view: DataView, from: number, length: number): boolean {
  if (length < NUMERIC_HEADER || length !== NUMERIC_HEADER + 2 * view.getUint16(from)) return false;
  const groups = view.getUint16(from);
  const weight = view.getInt16(from + 2);
  const sign = view.getUint16(from + 4);
  const scale = view.getUint16(from + 6);
  if (sign === SIGN_NAN) return setNan(column, row);
  if (sign !== 0 && sign !== SIGN_NEGATIVE) return false;
  const groupAt = (place: number) => {
    const index = weight - place;
    return index >= 0 && index < groups ? view.getUint16(from + NUMERIC_HEADER + 2 * index) : 0;
  };
  const at = reserveBytes(column, row, 2 + (Math.max(weight, 0) + 1) * DIGITS_PER_GROUP + scale + DIGITS_PER_GROUP + 1);
  const { bytes } = column;
  let to = at;
  if (sign === SIGN_NEGATIVE) bytes[to++] = MINUS;
  const first = to;
  for (let place = Math.max(weight, 0); place >= 0; place--) to = writeGroup(bytes, to, groupAt(place), to === first);
  if (scale > 0) {
    bytes[to++] = POINT;
    const end = to + scale;
    for (let place = -1; to < end; place--) to = writeGroup(bytes, to, groupAt(place), false);
    to = end;
  }
  endBytes(column, row, to);
  return true;
}

/** Four digits; without leading zeros where they are the number's first. */
function writeGroup(bytes: Uint8Array, at: number, group: number, isFirst: boolean): number {
  let to = at;
  if (!isFirst || group >= 1000) bytes[to++] = ZERO + ((group / 1000) | 0);
  if (!isFirst || group >= 100) bytes[to++] = ZERO + (((group / 100) | 0) % 10);
  if (!isFirst || group >= 10) bytes[to++] = ZERO + (((group / 10) | 0) % 10);
  bytes[to++] = ZERO + (group % 10);
  return to;
}

/** A numeric of COPY BINARY is at most that much longer than its text: a header, and two groups that are not full. */
export const NUMERIC_GROWTH_BYTES = 12;

/** Writes canonical decimal text as a numeric of COPY BINARY, as PostgreSQL itself sends it, and returns the position behind it. */
export function writeNumeric(text: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  if (isNan(text, start, end)) {
    out.fill(0, at, at + NUMERIC_HEADER);
    writeInt16(out, at + 4, SIGN_NAN);
    return at + NUMERIC_HEADER;
  }
  const isNegative = text[start] === MINUS;
  const whole = isNegative ? start + 1 : start;
  let point = whole;
  while (point < end && text[point] !== POINT) point++;
  const scale = Math.max(end - point - 1, 0);
  let to = at + NUMERIC_HEADER;
  let weight = 0;
  let groups = 0;
  let kept = 0;
  for (let place = Math.ceil((point - whole) / DIGITS_PER_GROUP) - 1; ; place--) {
    const from = place >= 0 ? point - (place + 1) * DIGITS_PER_GROUP : point + 1 + (-1 - place) * DIGITS_PER_GROUP;
    if (place < 0 && from >= end) break;
    const group = readGroup(text, from, place >= 0 ? whole : from, place >= 0 ? point : end);
    if (group === 0 && groups === 0) continue;
    if (groups === 0) weight = place;
    out[to++] = group >> 8;
    out[to++] = group & 0xff;
    groups++;
    if (group !== 0) kept = groups;
  }
  writeInt16(out, at, kept);
  writeInt16(out, at + 2, kept === 0 ? 0 : weight);
  writeInt16(out, at + 4, isNegative && kept > 0 ? SIGN_NEGATIVE : 0);
  writeInt16(out, at + 6, scale);
  return at + NUMERIC_HEADER + 2 * kept;
}

/** Four digits from `from`; zeros stand outside of `first` and `end`. */
function readGroup(text: Uint8Array, from: number, first: number, end: number): number {
  let group = 0;
  for (let i = from; i < from + DIGITS_PER_GROUP; i++) {
    group = group * 10 + (i >= first && i < end ? (text[i] ?? ZERO) - ZERO : 0);
  }
  return group;
}

function writeInt16(out: Uint8Array, at: number, value: number): void {
  out[at] = (value >> 8) & 0xff;
  out[at + 1] = value & 0xff;
}

function setNan(column: Column, row: number): true {
  const at = reserveBytes(column, row, NAN_TEXT.length);
  column.bytes.set(NAN_TEXT, at);
  endBytes(column, row, at + NAN_TEXT.length);
  return true;
}

function isNan(text: Uint8Array, start: number, end: number): boolean {
  return end - start === 3 && text[start] === 0x4e && text[start + 1] === 0x61 && text[start + 2] === 0x4e;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}
