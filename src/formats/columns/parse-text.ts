import type { LogicalType } from '../../core/index.ts';
import {
  type Column,
  endBytes,
  reserveBytes,
  setBigInt,
  setBytes,
  setFloat,
  setInt32,
  setSafeInteger,
} from './column.ts';
import { setDecimalText } from './decimal.ts';
import { setDate, setTime, setTimestamp, setTimestamptz } from './parse-time.ts';

/** Keeps the text between `start` and `end` as the value of `row`. False when it is no value of the column's type. */
export type SetText = (column: Column, row: number, text: Uint8Array, start: number, end: number) => boolean;

const [ZERO, PLUS, MINUS, HYPHEN, BACKSLASH, SMALL_X] = [0x30, 0x2b, 0x2d, 0x2d, 0x5c, 0x78];
/** Digits that a `number` holds exactly, whatever they are. */
const SAFE_DIGITS = 15;
const INT64_LIMIT = 2n ** 63n;
const FLOAT = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const SPECIAL_FLOATS: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity']);
const UUID_BYTES = 16;

const SETTERS: Readonly<Record<LogicalType['kind'], SetText>> = {
  boolean: setBoolean,
  integer: setInteger,
  decimal: setDecimalText,
  float: setFloatText,
  text: setPlain,
  json: setPlain,
  bytes: setHex,
  uuid: setUuid,
  date: setDate,
  time: setTime,
  timestamp: setTimestamp,
  timestamptz: setTimestamptz,
};

/** How text becomes a value of this type. It takes the canonical text, what `csv` carries, and ISO 8601 for times. */
export function textSetterOf(type: LogicalType): SetText {
  return SETTERS[type.kind];
}

function setPlain(column: Column, row: number, text: Uint8Array, start: number, end: number): boolean {
  setBytes(column, row, text, start, end);
  return true;
}

function setBoolean(column: Column, row: number, text: Uint8Array, start: number, end: number): boolean {
  const isTrue = text[start] === 0x74;
  if (end - start !== 1 || (!isTrue && text[start] !== 0x66)) return false;
  setInt32(column, row, isTrue ? 1 : 0);
  return true;
}

function setInteger(column: Column, row: number, text: Uint8Array, start: number, end: number): boolean {
  const isNegative = text[start] === MINUS;
  const first = start + (isNegative || text[start] === PLUS ? 1 : 0);
  if (first === end) return false;
  let value = 0;
  for (let i = first; i < end; i++) {
    const digit = (text[i] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return false;
    value = value * 10 + digit;
  }
  if (end - first > SAFE_DIGITS) return setLongInteger(column, row, toText(text, start, end));
  return setWholeNumber(column, row, isNegative ? -value : value);
}

/** Keeps a whole number that a `number` holds exactly. False when the type is too narrow for it. */
export function setWholeNumber(column: Column, row: number, value: number): boolean {
  const bits = column.type.kind === 'integer' ? column.type.bits : 64;
  if (bits === 64) setSafeInteger(column, row, value);
  else if (value < -(2 ** (bits - 1)) || value >= 2 ** (bits - 1)) return false;
  else setInt32(column, row, value);
  return true;
}

function setLongInteger(column: Column, row: number, digits: string): boolean {
  const value = BigInt(digits.replace(/^\+/, ''));
  if (value < -INT64_LIMIT || value >= INT64_LIMIT) return false;
  if (Number.isSafeInteger(Number(value))) return setWholeNumber(column, row, Number(value));
  if (column.type.kind !== 'integer' || column.type.bits !== 64) return false;
  setBigInt(column, row, value);
  return true;
}

function setFloatText(column: Column, row: number, text: Uint8Array, start: number, end: number): boolean {
  const digits = toText(text, start, end);
  if (SPECIAL_FLOATS.has(digits)) return setExactFloat(column, row, Number(digits));
  const value = Number(digits);
  if (!FLOAT.test(digits) || isOutOfRange(digits, value)) return false;
  return setExactFloat(column, row, value);
}

/** What is too far from or too near to zero would become an infinity or zero; the databases refuse it as well. */
function isOutOfRange(digits: string, value: number): boolean {
  return Math.abs(value) === Number.POSITIVE_INFINITY || (value === 0 && /^[^e]*[1-9]/i.test(digits));
}

/** False when the value is no 32-bit float and the type is one: it would be rounded. */
export function setExactFloat(column: Column, row: number, value: number): boolean {
  const isNarrow = column.type.kind === 'float' && column.type.bits === 32;
  if (isNarrow && !Object.is(Math.fround(value), value)) return false;
  setFloat(column, row, value);
  return true;
}

/** `\x` and two hex digits for each byte. */
function setHex(column: Column, row: number, text: Uint8Array, start: number, end: number): boolean {
  if (text[start] !== BACKSLASH || text[start + 1] !== SMALL_X || (end - start) % 2 !== 0) return false;
  const at = reserveBytes(column, row, (end - start) / 2);
  let to = at;
  for (let i = start + 2; i < end; i += 2) {
    const byte = (hexValue(text[i]) << 4) | hexValue(text[i + 1]);
    if (byte < 0) return false;
    column.bytes[to++] = byte;
  }
  endBytes(column, row, to);
  return true;
}

function setUuid(column: Column, row: number, text: Uint8Array, start: number, end: number): boolean {
  const at = reserveBytes(column, row, UUID_BYTES + 1);
  let digits = 0;
  for (let i = start; i < end; i++) {
    if (text[i] === HYPHEN) continue;
    const value = hexValue(text[i]);
    if (value < 0 || digits === 2 * UUID_BYTES) return false;
    const to = at + (digits >> 1);
    column.bytes[to] = digits % 2 === 0 ? value << 4 : (column.bytes[to] ?? 0) | value;
    digits++;
  }
  if (digits !== 2 * UUID_BYTES) return false;
  endBytes(column, row, at + UUID_BYTES);
  return true;
}

/** -1 for what is no hex digit. */
function hexValue(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= ZERO && byte <= 0x39) return byte - ZERO;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function toText(text: Uint8Array, start: number, end: number): string {
  let result = '';
  for (let i = start; i < end; i++) result += String.fromCharCode(text[i] ?? 0);
  return result;
}
