/** An exact number: `digits` × 10^-`scale`. */
export interface Decimal {
  readonly digits: bigint;
  /** Never negative. */
  readonly scale: number;
}

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,4}))?$/i;
/** Far more than any system holds, and few enough to be computed with. */
const MAX_EXPONENT = 1_000;

/** Reads decimal text with or without an exponent; null when it is none. */
export function parseDecimal(text: string): Decimal | null {
  const [, sign, whole = '', fraction = '', exponentText = '0'] = NUMBER.exec(text) ?? [];
  const exponent = Number(exponentText);
  if (sign === undefined || whole + fraction === '' || Math.abs(exponent) > MAX_EXPONENT) return null;
  const digits = BigInt(`${whole}${fraction}`) * (sign === '-' ? -1n : 1n);
  const scale = fraction.length - exponent;
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

/** Below, equal, above as a negative number, 0, a positive number. */
export function compareDecimals(left: Decimal, right: Decimal): number {
  const scale = Math.max(left.scale, right.scale);
  const difference = rescale(left, scale) - rescale(right, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function rescale(decimal: Decimal, scale: number): bigint {
  return decimal.digits * 10n ** BigInt(scale - decimal.scale);
}

/** Plain decimal text: no exponent, no zeros that say nothing. */
export function printDecimal({ digits, scale }: Decimal): string {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0');
  const whole = text.slice(0, text.length - scale);
  const fraction = text.slice(text.length - scale).replace(/0+$/, '');
  return `${digits < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** The nearest number with `scale` digits behind the point that is not above (`floor`) or not below (`ceil`). */
export function roundDecimal(decimal: Decimal, scale: number, direction: 'floor' | 'ceil'): Decimal {
  if (decimal.scale <= scale) return { digits: rescale(decimal, scale), scale };
  const unit = 10n ** BigInt(decimal.scale - scale);
  const cut = decimal.digits / unit;
  const rest = decimal.digits % unit;
  if (direction === 'floor') return { digits: rest < 0n ? cut - 1n : cut, scale };
  return { digits: rest > 0n ? cut + 1n : cut, scale };
}
