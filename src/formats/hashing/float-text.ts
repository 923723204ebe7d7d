/**
 * The canonical text of a float: 17 significant digits, scientific, ties to even, at least two digits of exponent.
 * `text` is a decimal form that reads back as the same 64-bit value; a 32-bit value travels widened (docs/specs/canonical.md).
 */
export function toCanonicalFloat(text: string, bits: 32 | 64): string {
  const value = bits === 32 ? Math.fround(Number(text)) : Number(text);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  return sign + padExponent(toSeventeenDigits(Math.abs(value)));
}

/**
 * JavaScript rounds a tie up, C and every database to even. A tie has exactly 18 significant digits and ends in 5;
 * 100 digits tell it from a neighbour.
 */
function toSeventeenDigits(value: number): string {
  const rounded = value.toExponential(16);
  const longer = value.toExponential(17);
  if (longer[18] !== '5' || !/^\d\.\d{16}50+e/.test(value.toExponential(100))) return rounded;
  const isEven = Number(longer[17]) % 2 === 0;
  return isEven ? longer.replace(/5e/, 'e') : rounded;
}

function padExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}
