import { expect, it } from 'vitest';
import { createHashSum } from './hash-sum.ts';

it('stays exact far beyond what a double could hold', () => {
  const sum = createHashSum();
  const largest = new Int32Array(4).fill(-1);
  const records = 2 ** 21 + 3;
  for (let i = 0; i < records; i++) sum.add(largest);
  const expected = BigInt.asUintN(128, BigInt(records) * (2n ** 128n - 1n));
  expect(sum.result()).toEqual({ records, sum: expected.toString(16).padStart(32, '0') });
});

it('may be asked in the middle', () => {
  const sum = createHashSum();
  sum.add(Int32Array.of(0, 0, 0, 1));
  expect(sum.result().sum).toBe('1'.padStart(32, '0'));
  sum.add(Int32Array.of(-1, -1, -1, -1));
  expect(sum.result()).toEqual({ records: 2, sum: '0'.repeat(32) });
});
