import { isUtf8 } from 'node:buffer';
import type { LogicalType } from '../../core/index.ts';
import { toCanonicalFloat } from '../hashing/float-text.ts';
import { toDateText, toTimestampText, toTimeText } from './calendar.ts';

const DIGITS_PER_GROUP = 4;

type ToText = (field: Buffer) => string | null;

const INTEGERS: Readonly<Record<number, ToText>> = {
  2: (field) => String(field.readInt16BE()),
  4: (field) => String(field.readInt32BE()),
  8: (field) => String(field.readBigInt64BE()),
};

const TO_TEXT: Readonly<Record<LogicalType['kind'], ToText>> = {
  boolean: (field) => (field.length === 1 ? (field[0] === 0 ? 'f' : 't') : null),
  integer: (field) => INTEGERS[field.length]?.(field) ?? null,
  decimal: toDecimalText,
  float: toFloatText,
  text: toUtf8,
  json: (field) => toUtf8(field[0] === 1 ? field.subarray(1) : field), // jsonb begins with its version
  bytes: (field) => field.toString('hex'),
  uuid: (field) => field.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  date: (field) => (field.length === 4 ? toDateText(field.readInt32BE()) : null),
  time: (field) => (field.length === 8 ? toTimeText(field.readBigInt64BE()) : null),
  timestamp: (field) => (field.length === 8 ? toTimestampText(field.readBigInt64BE(), '') : null),
  timestamptz: (field) => (field.length === 8 ? toTimestampText(field.readBigInt64BE(), '+00') : null),
};

/** The canonical text of one field's bytes in `pgcopy-binary`, or their hex digits where they are of no form we know. */
export function toPgcopyText(field: Buffer, type: LogicalType): string {
  return TO_TEXT[type.kind](field) ?? field.toString('hex');
}

function toUtf8(field: Buffer): string | null {
  return isUtf8(field) && !field.includes(0) ? field.toString('utf8') : null;
}

function toFloatText(field: Buffer): string | null {
  if (field.length === 4) return toCanonicalFloat(String(field.readFloatBE()), 32);
  return field.length === 8 ? toCanonicalFloat(String(field.readDoubleBE()), 64) : null;
}

/** Header: groups, weight, sign, scale; then groups of four digits, the first standing at 10000^weight. */
function toDecimalText(field: Buffer): string | null {
  if (field.length < 8 || field.length !== 8 + 2 * field.readUInt16BE()) return null;
  const [weight, sign, scale] = [field.readInt16BE(2), field.readUInt16BE(4), field.readUInt16BE(6)];
  if (sign === 0xc000) return 'NaN';
  if (sign === 0xd000) return 'Infinity';
  if (sign === 0xf000) return '-Infinity';
  const groupAt = (place: number) => {
    const index = weight - place;
    return index >= 0 && 8 + 2 * index < field.length ? field.readUInt16BE(8 + 2 * index) : 0;
  };
  let digits = '';
  for (let place = Math.max(weight, 0); place > -1 - Math.ceil(scale / DIGITS_PER_GROUP); place--) {
    digits += String(groupAt(place)).padStart(DIGITS_PER_GROUP, '0');
  }
  const point = (Math.max(weight, 0) + 1) * DIGITS_PER_GROUP;
  const whole = digits.slice(0, point).replace(/^0+(?=\d)/, '');
  const number = scale === 0 ? whole : `${whole}.${digits.slice(point, point + scale)}`;
  return sign === 0x4000 ? `-${number}` : number;
}
