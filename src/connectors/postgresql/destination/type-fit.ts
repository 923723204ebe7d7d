/** A type as `format_type` prints it, taken apart. */
interface ParsedType {
  /** Without modifiers, `[]` included. */
  readonly base: string;
  readonly modifiers: readonly number[];
}

/** Digits of the widest value, by type. */
const WHOLE_NUMBER_DIGITS: Readonly<Record<string, number>> = { smallint: 5, integer: 10, bigint: 19 };
/** Whole numbers that a float holds without rounding. */
const EXACT_IN_FLOAT: Readonly<Record<string, readonly string[]>> = {
  real: ['smallint'],
  'double precision': ['smallint', 'integer', 'real'],
};
const TEXTS = ['text', 'character varying', 'character'];
/** Types whose only modifier is a length or a number of digits, and which hold anything without it. */
const LENGTHS = /^(bit varying|(time|timestamp) with(out)? time zone)$/;

/** True when a column of type `wide` holds every value of type `narrow`, so that casting there and back changes none. */
export function holdsType(wide: string, narrow: string): boolean {
  if (wide === narrow) return true;
  if (wide.endsWith('[]') && narrow.endsWith('[]')) return holdsType(wide.slice(0, -2), narrow.slice(0, -2));
  const [w, n] = [parseType(wide), parseType(narrow)];
  if (w.base === 'numeric') return numericHolds(w, n);
  const [wideDigits, narrowDigits] = [WHOLE_NUMBER_DIGITS[w.base], WHOLE_NUMBER_DIGITS[n.base]];
  if (wideDigits !== undefined) return narrowDigits !== undefined && narrowDigits <= wideDigits;
  if (EXACT_IN_FLOAT[w.base]?.includes(n.base)) return true;
  if (TEXTS.includes(w.base)) return textHolds(w, n);
  return w.base === n.base && LENGTHS.test(w.base) && fitsLength(w, n);
}

/** The narrowest type we know that holds every value of both, or null. */
export function commonType(one: string, other: string): string | null {
  if (holdsType(one, other)) return one;
  if (holdsType(other, one)) return other;
  const [a, b] = [toDigits(parseType(one)), toDigits(parseType(other))];
  if (a === null || b === null) return null;
  const scale = Math.max(a.scale, b.scale);
  const precision = Math.max(a.whole, b.whole) + scale;
  return precision <= 1000 ? `numeric(${precision},${scale})` : 'numeric';
}

function numericHolds(wide: ParsedType, narrow: ParsedType): boolean {
  if (wide.modifiers.length === 0) return narrow.base === 'numeric' || narrow.base in WHOLE_NUMBER_DIGITS;
  const [w, n] = [toDigits(wide), toDigits(narrow)];
  return w !== null && n !== null && w.scale >= n.scale && w.whole >= n.whole;
}

/** Digits before and behind the point; null for other types and for a numeric that may have any number of them. */
function toDigits({ base, modifiers }: ParsedType): { readonly whole: number; readonly scale: number } | null {
  const digits = WHOLE_NUMBER_DIGITS[base];
  if (digits !== undefined) return { whole: digits, scale: 0 };
  const [precision, scale = 0] = modifiers;
  if (base !== 'numeric' || precision === undefined || scale < 0 || scale > precision) return null;
  return { whole: precision - scale, scale };
}

/** Blanks at the end of a `character` have no meaning there, and would get one anywhere else. */
function textHolds(wide: ParsedType, narrow: ParsedType): boolean {
  if (!TEXTS.includes(narrow.base) || (wide.base === 'character' && narrow.base !== 'character')) return false;
  return fitsLength(wide, narrow);
}

function fitsLength(wide: ParsedType, narrow: ParsedType): boolean {
  const [limit] = wide.modifiers;
  const [length] = narrow.modifiers;
  return limit === undefined || (length !== undefined && length <= limit);
}

/** `timestamp(3) without time zone` has its modifier in the middle. */
function parseType(type: string): ParsedType {
  const match = /\((-?\d+)(?:,(-?\d+))?\)/.exec(type);
  if (match === null) return { base: type, modifiers: [] };
  const modifiers = match.slice(1).flatMap((digits) => (digits === undefined ? [] : [Number(digits)]));
  return { base: type.replace(match[0], ''), modifiers };
}
