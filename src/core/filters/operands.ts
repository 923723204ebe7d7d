import { type Decimal, parseDecimal, printDecimal, roundDecimal } from './decimals.ts';
import { type FilteredField, toFilterKind } from './kind.ts';
import { comparePositions, toFloat, toPosition } from './order.ts';
import { refuse } from './refuse.ts';
import { parseClock, parsePeriod, printClock, printDate, printTime } from './times.ts';

/** One end of a range, as canonical text of the field's type. */
export interface FilterBound {
  readonly text: string;
  readonly isInclusive: boolean;
}

/** Where the values lie that a filter's value names (of a day, all its times), and what lies outside of them. */
export interface Bounds {
  readonly from: FilterBound;
  readonly to: FilterBound;
  /** Upper end of what is below. */
  readonly before: FilterBound;
  /** Lower end of what is above. */
  readonly after: FilterBound;
}

const MAX_VALUES = 10_000;
const MAX_DIGITS = 1_000;

/** A value that is compared by order. @throws `FILTER_MISFIT` */
export function readBounds(field: FilteredField, value: unknown): Bounds {
  const kind = toFilterKind(field);
  switch (kind) {
    case 'number':
      return readNumberBounds(field, value);
    case 'date':
      return toPoint(printDate(parsePeriod(readTimeText(value)).from));
    case 'timestamp':
    case 'timestamptz':
      return readTimeBounds(value, kind === 'timestamptz' ? '+00' : '');
    case 'time':
      return toPoint(printClock(parseClock(readTimeText(value))));
    case 'boolean':
      return toPoint(readBoolean(value));
    case 'uuid':
      return toPoint(readUuid(value));
    default:
      return toPoint(readText(value));
  }
}

/** Two values in order, both inclusive. @throws `FILTER_MISFIT` */
export function readBetween(field: FilteredField, value: unknown): Pick<Bounds, 'from' | 'to'> {
  if (!Array.isArray(value) || value.length !== 2) return refuse('needs a list of two values.');
  const [low, high] = value.map((end) => readBounds(field, end));
  if (low === undefined || high === undefined) return refuse('needs a list of two values.');
  const isReversed = comparePositions(toPosition(field, low.from.text), toPosition(field, high.from.text)) > 0;
  return isReversed ? refuse('needs the lower value first.') : { from: low.from, to: high.to };
}

function toPoint(text: string): Bounds {
  const [on, off] = [
    { text, isInclusive: true },
    { text, isInclusive: false },
  ];
  return { from: on, to: on, before: off, after: off };
}

function readTimeBounds(value: unknown, zone: string): Bounds {
  const { from, to, isDay } = parsePeriod(readTimeText(value));
  const start = `${printTime(from)}${zone}`;
  if (!isDay) return toPoint(start);
  const end = `${printTime(to)}${zone}`;
  return {
    from: { text: start, isInclusive: true },
    to: { text: end, isInclusive: false },
    before: { text: start, isInclusive: false },
    after: { text: end, isInclusive: true },
  };
}

function readTimeText(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}

function readNumberBounds(field: FilteredField, value: unknown): Bounds {
  const { logicalType } = field;
  if (logicalType.kind === 'float') return toPoint(readFloat(value, logicalType.bits));
  const decimal = readDecimal(value);
  const grid = toGrid(field);
  if (grid === null) return toPoint(printDecimal(decimal));
  const up = clamp(roundDecimal(decimal, grid.scale, 'ceil'), grid);
  const down = clamp(roundDecimal(decimal, grid.scale, 'floor'), grid);
  const isOnGrid = up.text === down.text && up.isInside && down.isInside;
  return {
    from: { text: up.text, isInclusive: up.isInside || up.isBelow },
    to: { text: down.text, isInclusive: down.isInside || !down.isBelow },
    // Between two neighbours of the grid, what is below ends with the lower one.
    before: { text: down.text, isInclusive: !isOnGrid && (down.isInside || !down.isBelow) },
    after: { text: up.text, isInclusive: !isOnGrid && (up.isInside || up.isBelow) },
  };
}

/** The values that a field can hold, so that what it is compared with fits its type and an index can be used. */
interface Grid {
  readonly scale: number;
  readonly lowest: bigint;
  readonly highest: bigint;
}

/** Whole numbers whose bits no logical type names. */
const WIDE: Readonly<Record<string, Grid>> = {
  UBIGINT: { scale: 0, lowest: 0n, highest: 2n ** 64n - 1n },
  HUGEINT: { scale: 0, lowest: -(2n ** 127n), highest: 2n ** 127n - 1n },
  UHUGEINT: { scale: 0, lowest: 0n, highest: 2n ** 128n - 1n },
};

function toGrid({ logicalType, remoteType }: FilteredField): Grid | null {
  const wide = WIDE[remoteType];
  if (wide !== undefined) return wide;
  if (logicalType.kind === 'integer') {
    const half = 2n ** BigInt(logicalType.bits - 1);
    return { scale: 0, highest: half - 1n, lowest: -half };
  }
  if (logicalType.kind !== 'decimal') return null;
  const highest = 10n ** BigInt(logicalType.precision) - 1n;
  return { scale: logicalType.scale, highest, lowest: -highest };
}

function clamp({ digits }: Decimal, { scale, highest, lowest }: Grid) {
  const isBelow = digits < lowest;
  const isInside = !isBelow && digits <= highest;
  const fitted = isInside ? digits : isBelow ? lowest : highest;
  return { text: printDecimal({ digits: fitted, scale }), isInside, isBelow };
}

/** Exact, plain decimal text of a JSON number or of text. */
function readDecimal(value: unknown): Decimal {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return refuse('takes integers beyond 2^53 as text only, because JSON numbers are rounded there.');
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : '';
  if (text.length > MAX_DIGITS) return refuse(`takes numbers of at most ${MAX_DIGITS} digits.`);
  return parseDecimal(text) ?? refuse('needs a number such as 12.5, or the same as text.');
}

function readFloat(value: unknown, bits: 32 | 64): string {
  const word = typeof value === 'string' ? value.trim() : '';
  if (word === 'NaN' || word === 'Infinity' || word === '-Infinity') return word;
  const exact = printDecimal(readDecimal(value));
  const float = toFloat(exact, bits);
  return Number.isFinite(float) ? String(float) : refuse('needs a number that a field of this size can hold.');
}

/** `t` or `f`. @throws `FILTER_MISFIT` */
export function readBoolean(value: unknown): string {
  if (value === true || value === 'true') return 't';
  return value === false || value === 'false' ? 'f' : refuse('needs true or false.');
}

/** Lower-case, with hyphens. @throws `FILTER_MISFIT` */
export function readUuid(value: unknown): string {
  const text = typeof value === 'string' ? value.trim().toLowerCase() : '';
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
    ? text
    : refuse('needs a UUID such as 7d444840-9dc0-11d1-b245-5ffdce74fad2.');
}

/** Text as it is. No database holds what is refused, and U+0000 would end a statement early. @throws `FILTER_MISFIT` */
export function readText(value: unknown): string {
  if (typeof value !== 'string') return refuse('needs text, in quotes.');
  if (value.includes('\0')) return refuse('must not hold the character U+0000.');
  return value.isWellFormed() ? value : refuse('must be well-formed Unicode.');
}

/** A list's values, without those that no value of the field can equal. @throws `FILTER_MISFIT` */
export function readValues(field: FilteredField, value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) return refuse('needs a list with at least one value.');
  if (value.length > MAX_VALUES) return refuse(`takes at most ${MAX_VALUES} values.`);
  const points = value.map((one: unknown) => readBounds(field, one)).filter(isOne);
  return [...new Set(points.map(({ from }) => from.text))];
}

function isOne({ from, to }: Bounds): boolean {
  return from.isInclusive && to.isInclusive && from.text === to.text;
}
