/** Digits of the widest value, by type. */
const WHOLE_NUMBER_DIGITS: Readonly<Record<string, number>> = { SMALLINT: 5, INTEGER: 10, BIGINT: 19 };
/** What a column holds besides its own type, so that a value goes there and back unchanged. */
const ALSO_HOLDS: Readonly<Record<string, readonly string[]>> = {
  DOUBLE: ['FLOAT', 'INTEGER', 'SMALLINT'],
  FLOAT: ['SMALLINT'],
  VARCHAR: ['JSON'],
};
/** DuckDB's widest decimal. */
const MAX_PRECISION = 38;

/** True when a column of type `wide` holds every value of type `narrow`, so that casting there and back changes none. */
export function holdsType(wide: string, narrow: string): boolean {
  if (wide === narrow || ALSO_HOLDS[wide]?.includes(narrow)) return true;
  const [w, n] = [toDigits(wide), toDigits(narrow)];
  if (w === null || n === null || (w.isWhole && !n.isWhole)) return false;
  return w.scale >= n.scale && w.whole >= n.whole;
}

/** The narrowest type we know that holds every value of both, or null. */
export function commonType(one: string, other: string): string | null {
  if (holdsType(one, other)) return one;
  if (holdsType(other, one)) return other;
  const [a, b] = [toDigits(one), toDigits(other)];
  if (a === null || b === null) return null;
  const scale = Math.max(a.scale, b.scale);
  const precision = Math.max(a.whole, b.whole) + scale;
  return precision <= MAX_PRECISION ? `DECIMAL(${precision},${scale})` : null;
}

/** Digits before and behind the point of an exact number; null for all other types. */
function toDigits(type: string): { readonly whole: number; readonly scale: number; readonly isWhole: boolean } | null {
  const digits = WHOLE_NUMBER_DIGITS[type];
  if (digits !== undefined) return { whole: digits, scale: 0, isWhole: true };
  const match = /^DECIMAL\((\d+),(\d+)\)$/.exec(type);
  if (match === null) return null;
  const [precision, scale] = [Number(match[1]), Number(match[2])];
  return { whole: precision - scale, scale, isWhole: false };
}
