import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addSums, emptySum, isSameSum, subtractSums, toSumText } from './range-sum.ts';

const sums = fc.record({ records: fc.nat(), sum: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map(toSumText) });

it('gives the first part back when the second is taken off the whole', () => {
  fc.assert(
    fc.property(sums, sums, (a, b) => {
      expect(subtractSums(addSums(a, b), b)).toEqual(a);
    }),
  );
});

it('does not mind the order of its parts', () => {
  fc.assert(
    fc.property(sums, sums, sums, (a, b, c) => {
      expect(addSums(addSums(a, b), c)).toEqual(addSums(addSums(c, b), a));
    }),
  );
});

it('wraps at 2^128', () => {
  const one = { records: 1, sum: toSumText(1n) };
  expect(addSums({ records: 1, sum: 'f'.repeat(32) }, one)).toEqual({ records: 2, sum: '0'.repeat(32) });
  expect(subtractSums(emptySum(false), one)).toEqual({ records: -1, sum: 'f'.repeat(32) });
});

it('leaves the hash out once a part has none', () => {
  const part = { records: 3, sum: toSumText(7n) };
  expect(addSums(part, emptySum(true))).toEqual({ records: 3, sum: null });
  expect(subtractSums(emptySum(true), part)).toEqual({ records: -3, sum: null });
});

it('tells sums apart by count, and by hash where both have one', () => {
  const part = { records: 3, sum: toSumText(7n) };
  expect(isSameSum(part, { records: 3, sum: toSumText(7n) })).toBe(true);
  expect(isSameSum(part, { records: 3, sum: toSumText(8n) })).toBe(false);
  expect(isSameSum(part, { records: 4, sum: toSumText(7n) })).toBe(false);
  expect(isSameSum(part, { records: 3, sum: null })).toBe(true);
});
