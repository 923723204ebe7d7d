import { describe, expect, it } from 'vitest';
import type { LogicalType } from '../../core/index.ts';
import { openRejectedKeys } from './rejected-keys.ts';

const column = (field: string, logicalType: LogicalType, isKey = true) => ({ field, logicalType, isKey });

describe('openRejectedKeys', () => {
  it.each<[LogicalType, string, string, string]>([
    [{ kind: 'boolean' }, 't', 'true', 'false'],
    [{ kind: 'float', bits: 64 }, '1e+21', '1.0000000000000000e+21', '1e+22'],
    [{ kind: 'float', bits: 32 }, '0.1', '0.10000000149011612', '0.2'],
    [{ kind: 'bytes' }, '00ff', '\\x00FF', '00fe'],
    [{ kind: 'text' }, ' a', ' a', 'a'],
  ])('knows %j in each of its forms, and no other value', (type, one, same, other) => {
    const isRejected = openRejectedKeys([column('k', type)], [{ key: { k: one } }]);
    expect([one, same, other].map((k) => isRejected({ key: { k } }))).toEqual([true, true, false]);
  });

  it('compares all fields of the key, in any order, and NULL with nothing else', () => {
    const columns = [
      column('a', { kind: 'text' }),
      column('n', { kind: 'text' }, false),
      column('b', { kind: 'text' }),
    ];
    const isRejected = openRejectedKeys(columns, [{ key: { a: '1', b: null } }, { key: null }]);
    expect(isRejected({ key: { b: null, a: '1' } })).toBe(true);
    expect(isRejected({ key: { a: '1', b: '' } })).toBe(false);
    expect(isRejected({ key: null })).toBe(false);
  });
});
