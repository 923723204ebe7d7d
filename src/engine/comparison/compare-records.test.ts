import { describe, expect, it } from 'vitest';
import { compareRecords } from './compare-records.ts';
import type { PrintedRecord } from './question.ts';

const record = (id: string, hash: string): PrintedRecord => ({ keyHash: `#${id}`, hash, key: { id } });
const keyless = (hash: string): PrintedRecord => ({ keyHash: hash, hash, key: null });

const kinds = (source: readonly PrintedRecord[], destination: readonly PrintedRecord[]) =>
  compareRecords(source, destination).map(({ kind, key }) => `${kind} ${key?.id ?? '-'}`);

describe('compareRecords', () => {
  it('finds what is missing, extra or different, in any order, and nothing else', () => {
    const source = [record('1', 'a'), record('2', 'b'), record('3', 'c')];
    const destination = [record('4', 'd'), record('3', 'x'), record('1', 'a')];
    expect(kinds(source, destination).sort()).toEqual(['different 3', 'extra 4', 'missing 2']);
    expect(kinds(source, source.toReversed())).toEqual([]);
  });

  it('sets several records of one key off against each other', () => {
    const twice = [record('1', 'a'), record('1', 'a')];
    expect(kinds([record('1', 'a')], twice)).toEqual(['extra 1']);
    expect(kinds(twice, [record('1', 'a'), record('1', 'b')])).toEqual(['different 1']);
  });

  it('calls records without a key missing or extra', () => {
    expect(kinds([keyless('a'), keyless('b'), keyless('b')], [keyless('b'), keyless('c')]).sort()).toEqual([
      'extra -',
      'missing -',
      'missing -',
    ]);
  });
});
