import type { LogicalType } from '../../core/index.ts';
import { toDays } from '../columns/civil.ts';
import {
  type Column,
  endBytes,
  reserveBytes,
  setBigInt,
  setBytes,
  setInt32,
  setSafeInteger,
} from '../columns/column.ts';
import { setExactFloat, setWholeNumber, textSetterOf } from '../columns/parse-text.ts';
import { expandExponent } from './expand-exponent.ts';

/** Keeps a JavaScript value that is neither null nor undefined. Null when that went well, else what is wrong with it. */
export type SetValue = (column: Column, row: number, value: unknown) => string | null;

const INT64_LIMIT = 2n ** 63n;
/** Most bytes that one character (UTF-16 unit) takes. */
const MAX_CHARACTER_BYTES = 3;
/** Longer texts are written by the engine's own encoder. */
const SHORT_TEXT = 64;
const MS_SINCE_EPOCH = toDays(1970, 1, 1) * 86_400_000;
const DAY_MS = 86_400_000;

const SETTERS: Readonly<Record<LogicalType['kind'], SetValue>> = {
  boolean: setBoolean,
  integer: setInteger,
  decimal: setDecimal,
  float: setFloat,
  text: setText,
  json: setJson,
  bytes: setBinary,
  uuid: setParsed,
  date: (column, row, value) => (value instanceof Date ? setDay(column, row, value) : setParsed(column, row, value)),
  time: setParsed,
  timestamp: setMoment,
  timestamptz: setMoment,
};

/**
 * How values become those of a column of this type. Nothing is rounded or cut: a value that the type cannot hold exactly is
 * refused, by a reason that does not tell it.
 */
export function valueSetterOf(type: LogicalType): SetValue {
  return SETTERS[type.kind];
}

function setBoolean(column: Column, row: number, value: unknown): string | null {
  if (typeof value !== 'boolean') return 'is no boolean';
  setInt32(column, row, value ? 1 : 0);
  return null;
}

function setInteger(column: Column, row: number, value: unknown): string | null {
  if (typeof value === 'bigint') return setLongInteger(column, row, value);
  if (typeof value !== 'number') return setParsed(column, row, value);
  if (!Number.isInteger(value)) return 'is no whole number';
  if (!Number.isSafeInteger(value)) return 'may have lost digits as a JavaScript number; send it as text or bigint';
  return setWholeNumber(column, row, value) ? null : misfit(column);
}

function setLongInteger(column: Column, row: number, value: bigint): string | null {
  if (Number.isSafeInteger(Number(value))) return setInteger(column, row, Number(value));
  const isWide = column.type.kind === 'integer' && column.type.bits === 64;
  if (!isWide || value < -INT64_LIMIT || value >= INT64_LIMIT) return misfit(column);
  setBigInt(column, row, value);
  return null;
}

/** A number has the digits that JavaScript prints of it: those that JSON had, unless there were more than it can hold. */
function setDecimal(column: Column, row: number, value: unknown): string | null {
  if (typeof value !== 'number' && typeof value !== 'bigint') return setParsed(column, row, value);
  return setParsed(column, row, expandExponent(String(value)));
}

function setFloat(column: Column, row: number, value: unknown): string | null {
  if (typeof value !== 'number') return setParsed(column, row, value);
  return setExactFloat(column, row, value) ? null : misfit(column);
}

/** Whatever it is has a text: of bytes it is their canonical one, of an object or a list its JSON. */
function setText(column: Column, row: number, value: unknown): string | null {
  if (typeof value === 'string') return setString(column, row, value);
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? misfit(column) : setString(column, row, value.toISOString());
  if (value instanceof Uint8Array) return setString(column, row, `\\x${Buffer.from(value).toString('hex')}`);
  return typeof value === 'object' ? setJson(column, row, value) : setString(column, row, String(value));
}

function setJson(column: Column, row: number, value: unknown): string | null {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // A bigint, or a value that holds itself.
    return misfit(column);
  }
  return text === undefined ? misfit(column) : setString(column, row, text);
}

function setBinary(column: Column, row: number, value: unknown): string | null {
  if (!(value instanceof Uint8Array)) return 'is no bytes (Uint8Array)';
  setBytes(column, row, value, 0, value.length);
  return null;
}

function setDay(column: Column, row: number, value: Date): string | null {
  const days = (value.getTime() + MS_SINCE_EPOCH) / DAY_MS;
  if (!Number.isInteger(days)) return 'is no whole day in UTC';
  setInt32(column, row, days);
  return null;
}

function setMoment(column: Column, row: number, value: unknown): string | null {
  if (!(value instanceof Date)) return setParsed(column, row, value);
  const us = (value.getTime() + MS_SINCE_EPOCH) * 1000;
  if (!Number.isSafeInteger(us)) return misfit(column);
  setSafeInteger(column, row, us);
  return null;
}

function setString(column: Column, row: number, value: string): string | null {
  const at = reserveBytes(column, row, value.length * MAX_CHARACTER_BYTES);
  const { bytes } = column;
  let length = 0;
  if (value.length <= SHORT_TEXT) {
    for (; length < value.length; length++) {
      const code = value.charCodeAt(length);
      if (code > 0x7f) break;
      bytes[at + length] = code;
    }
  }
  if (length < value.length) {
    // Written all the same, half a character would become another one.
    if (!value.isWellFormed()) return 'holds half a character (a lone surrogate)';
    length = bytes.write(value, at, 'utf8');
  }
  endBytes(column, row, at + length);
  return null;
}

/** Text of the type's own form, by way of bytes, as `csv` is read. */
function setParsed(column: Column, row: number, value: unknown): string | null {
  if (typeof value !== 'string') return misfit(column);
  if (scratch.length < value.length) scratch = new Uint8Array(2 * value.length);
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    // Of other characters only eight bits would be kept, which may be those of a digit.
    if (code > 0x7f) return misfit(column);
    scratch[i] = code;
  }
  return textSetterOf(column.type)(column, row, scratch, 0, value.length) ? null : misfit(column);
}

let scratch = new Uint8Array(256);

const NEEDS: Readonly<Record<LogicalType['kind'], string>> = {
  boolean: 'is no boolean',
  integer: 'is no whole number of the field’s width',
  decimal: 'is no decimal with as many digits as the field has',
  float: 'is no number that the field holds exactly',
  text: 'has no text',
  json: 'has no form in JSON',
  bytes: 'is no bytes',
  uuid: 'is no UUID',
  date: 'is no date (YYYY-MM-DD)',
  time: 'is no time of day (HH:MM:SS, at most six digits behind the point)',
  timestamp: 'is no date and time without a zone (at most six digits behind the point)',
  timestamptz: 'is no date and time with a zone (at most six digits behind the point)',
};

function misfit({ type }: Column): string {
  return NEEDS[type.kind];
}
