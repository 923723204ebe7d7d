import { describe, expect, it } from 'vitest';
import type { Chunk } from '../chunk.ts';
import { addToBucket, createBucketSums, findDifferentBuckets } from './bucket-sums.ts';
import { createRecordPrints, toHashText } from './record-prints.ts';

const TYPES = [{ kind: 'integer', bits: 64 }, { kind: 'text' }, { kind: 'text' }] as const;

function csvOf(...lines: readonly string[]): Chunk {
  const parts = lines.map((line) => Buffer.from(`${line}\n`));
  let end = 0;
  const ends = Uint32Array.from(parts, (part) => (end += part.length));
  return { format: 'csv', payload: new Uint8Array(Buffer.concat(parts)), ends };
}

/** A tuple of texts; null is NULL. */
function tuplesOf(...records: readonly (readonly (string | null)[])[]): Chunk {
  let end = 0;
  const parts = records.map((fields) => {
    const framed = fields.flatMap((field) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(field === null ? -1 : Buffer.byteLength(field));
      return [length, Buffer.from(field ?? '')];
    });
    return Buffer.concat([Buffer.from([0, fields.length]), ...framed]);
  });
  const ends = Uint32Array.from(parts, (part) => (end += part.length));
  return { format: 'pgcopy-binary', payload: new Uint8Array(Buffer.concat(parts)), ends };
}

function printsOf(chunk: Chunk, keyPositions: readonly number[]): { key: string; hash: string }[] {
  const hashing = chunk.format === 'csv' ? 'canonical' : 'native:pgcopy-binary';
  const prints: { key: string; hash: string }[] = [];
  createRecordPrints(hashing, TYPES, keyPositions).each(chunk, (_, key, hash) =>
    prints.push({ key: toHashText(key), hash: toHashText(hash) }),
  );
  return prints;
}

const FORMATS: readonly (readonly [string, (records: readonly (readonly (string | null)[])[]) => Chunk])[] = [
  [
    'csv',
    (records) =>
      csvOf(...records.map((fields) => fields.map((field) => (field === null ? '' : `"${field}"`)).join(','))),
  ],
  ['pgcopy-binary', (records) => tuplesOf(...records)],
];

describe.each(FORMATS)('%s', (_, toChunk) => {
  it('gives records of one key the same key print and, when they differ, another record print', () => {
    const [first, second, third] = printsOf(
      toChunk([
        ['1', 'a', 'x'],
        ['1', 'b', 'x'],
        ['2', 'a', 'x'],
      ]),
      [0],
    );
    expect(first?.key).toBe(second?.key);
    expect(first?.hash).not.toBe(second?.hash);
    expect(third?.key).not.toBe(first?.key);
  });

  it('takes the parts of a composite key apart, in their order', () => {
    const [first, second, third] = printsOf(
      toChunk([
        ['1', 'ab', 'c'],
        ['1', 'a', 'bc'],
        ['1', 'c', 'ab'],
      ]),
      [1, 2],
    );
    expect(new Set([first?.key, second?.key, third?.key]).size).toBe(3);
    const [swapped] = printsOf(toChunk([['1', 'c', 'ab']]), [2, 1]);
    expect(swapped?.key).toBe(first?.key);
  });

  it('tells NULL from the empty text', () => {
    const [first, second] = printsOf(
      toChunk([
        ['1', null, 'x'],
        ['1', '', 'x'],
      ]),
      [1],
    );
    expect(first?.key).not.toBe(second?.key);
  });

  it('takes the whole record for the key where there is none', () => {
    const [print] = printsOf(toChunk([['1', 'a', 'x']]), []);
    expect(print?.key).toBe(print?.hash);
  });
});

it('gives a key of csv the same print however it is quoted', () => {
  const [plain] = printsOf(csvOf('1,a,x'), [1]);
  const [quoted] = printsOf(csvOf('1,"a",x'), [1]);
  expect(plain?.key).toBe(quoted?.key);
});

it('finds the buckets of altered, missing and extra records, and no others', () => {
  const lines = Array.from({ length: 1000 }, (_, i) => `${i},name ${i},x`);
  const sumsOf = (chunk: Chunk) => {
    const sums = createBucketSums();
    createRecordPrints('canonical', TYPES, [0]).each(chunk, (_, key, hash) => addToBucket(sums, key, hash));
    return sums;
  };
  const source = sumsOf(csvOf(...lines));
  expect(findDifferentBuckets(source, sumsOf(csvOf(...lines.toReversed())), 10).wanted).not.toContain(1);
  const altered = sumsOf(csvOf(...lines.slice(1).map((line) => line.replace(/^7,.*/, '7,Name 7,x')), '1001,new,x'));
  const { wanted, isComplete } = findDifferentBuckets(source, altered, 10);
  expect(wanted.filter((flag) => flag === 1).length).toBe(3);
  expect(isComplete).toBe(true);
  expect(findDifferentBuckets(source, altered, 1).isComplete).toBe(false);
});
