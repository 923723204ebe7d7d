import type { RangeSum } from '../core/index.ts';

const MODULUS = 1n << 128n;
const ZERO = '0'.repeat(32);

/** The sum of no records; `countsOnly` leaves the hash out, and every sum made from it. */
export function emptySum(countsOnly: boolean): RangeSum {
  return { records: 0, sum: countsOnly ? null : ZERO };
}

/** Both parts together. A part without a hash leaves the whole without one. */
export function addSums(a: RangeSum, b: RangeSum): RangeSum {
  return { records: a.records + b.records, sum: combine(a.sum, b.sum, 1n) };
}

/** `a` without its part `b`. */
export function subtractSums(a: RangeSum, b: RangeSum): RangeSum {
  return { records: a.records - b.records, sum: combine(a.sum, b.sum, -1n) };
}

/** Equal counts, and equal hashes where both sides have one. */
export function isSameSum(a: RangeSum, b: RangeSum): boolean {
  return a.records === b.records && (a.sum === null || b.sum === null || a.sum === b.sum);
}

/** A 128-bit number, taken modulo 2^128, in the form that `RangeSum.sum` has. */
export function toSumText(value: bigint): string {
  return BigInt.asUintN(128, value).toString(16).padStart(32, '0');
}

function combine(a: string | null, b: string | null, sign: 1n | -1n): string | null {
  if (a === null || b === null) return null;
  return toSumText((BigInt(`0x${a}`) + sign * BigInt(`0x${b}`)) % MODULUS);
}
