import { compareDecimals, type Decimal, parseDecimal } from './decimals.ts';
import { type FilteredField, toFilterKind } from './kind.ts';
import { parseClock } from './times.ts';

/** Where a value stands among the values of its field: first by rank (infinities, NaN), then by its place. */
export interface Position {
  readonly rank: number;
  readonly place: bigint | number | string | Decimal;
}

const RANKS: Readonly<Record<string, number>> = { '-infinity': -1, infinity: 1, nan: 2 };
const DAY_MICROS = 86_400_000_000n;

/** The position of a value's canonical text (docs/specs/canonical.md). NaN is above everything, as in the databases. */
export function toPosition(field: FilteredField, text: string): Position {
  const kind = toFilterKind(field);
  if (kind === 'time') return { rank: 0, place: parseClock(text) };
  const isTime = kind === 'date' || kind === 'timestamp' || kind === 'timestamptz';
  if (!isTime && kind !== 'number') return { rank: 0, place: text };
  const rank = RANKS[text.toLowerCase()];
  if (rank !== undefined) return { rank, place: 0 };
  if (isTime) return { rank: 0, place: toMicros(text) };
  if (field.logicalType.kind === 'float') return { rank: 0, place: toFloat(text, field.logicalType.bits) };
  return { rank: 0, place: parseDecimal(text) ?? notOne(text) };
}

/** A float of 32 bits takes the nearest value that it can hold. */
export function toFloat(text: string, bits: 32 | 64): number {
  return bits === 32 ? Math.fround(Number(text)) : Number(text);
}

const TIME = /^(\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?:Z|([+-])(\d\d)(?::?(\d\d))?)?)?( BC)?$/i;

/** Microseconds since 1970 of a date or time in any year that a database holds. */
function toMicros(text: string): bigint {
  const [, year, month, day, clock = '00:00', sign, hours, minutes, era] = TIME.exec(text) ?? notOne(text);
  const date = new Date(0);
  const days = toDays(era === undefined ? Number(year) : 1 - Number(year), Number(month), Number(day), date);
  const zone = (BigInt(hours ?? 0) * 60n + BigInt(minutes ?? 0)) * (sign === '-' ? -60_000_000n : 60_000_000n);
  return days * DAY_MICROS + parseClock(clock) - zone;
}

/** Days since 1970. The calendar repeats every 400 years, so years beyond JavaScript's are moved to where it reaches. */
function toDays(year: number, month: number, day: number, date: Date): bigint {
  const cycles = Math.floor(year / 400);
  date.setUTCFullYear(year - cycles * 400, month - 1, day);
  return BigInt(Math.round(date.getTime() / 86_400_000)) + BigInt(cycles) * 146_097n;
}

function notOne(text: string): never {
  throw new TypeError(`not the canonical text of a value: ${text.length} characters`);
}

/** Below, equal, above as a negative number, 0, a positive number. Both must be of one field. */
export function comparePositions(left: Position, right: Position): number {
  if (left.rank !== right.rank || left.rank !== 0) return left.rank - right.rank;
  if (typeof left.place === 'object' && typeof right.place === 'object')
    return compareDecimals(left.place, right.place);
  if (typeof left.place === 'string' && typeof right.place === 'string') return compareText(left.place, right.place);
  return left.place < right.place ? -1 : left.place > right.place ? 1 : 0;
}

/** By code points, which is the order of the UTF-8 bytes. */
function compareText(left: string, right: string): number {
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    if (left[index] !== right[index]) return (left.codePointAt(index) ?? 0) - (right.codePointAt(index) ?? 0);
  }
  return left.length - right.length;
}
