import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignOutputNames, findNameFault, type NamingOptions, nameKey, normalizeName } from './names.ts';

const PLAIN: NamingOptions = { rule: 'enabled', maxBytes: null, distinguishesCase: true };

function assign(names: readonly string[], options: Partial<NamingOptions> = {}): string[] {
  const things = names.map((name, index) => ({ id: String(index), name }));
  return [...assignOutputNames(things, { ...PLAIN, ...options }).values()];
}

/** Names as systems hold them: words, separators, capitals, digits, and now and then anything at all. */
const anyName = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'abIDx_ -.9٣éßÅİς日🙂'), maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 90 }),
);

describe('normalizeName', () => {
  it.each([
    ['LoginID', 'login_id'],
    ['loginID', 'login_id'],
    ['Login ID', 'login_id'],
    ['loginid', 'loginid'],
    ['HTTPServer', 'http_server'],
    ['100percent', '100_percent'],
    ['percent100', 'percent_100'],
    ['custom_value__c', 'custom_value_c'],
    ['login__id', 'login_id'],
    ['a--b  c$$d', 'a_b_c_d'],
    ['_id', '_id'],
    ['id_', 'id_'],
    ['Größe', 'größe'],
    ['日本語', '日本語'],
    ['Cafe\u0301', 'café'],
    ['$$$', '_'],
    ['', '_'],
  ])('makes %j %j', (name, expected) => {
    expect(normalizeName(name)).toBe(expected);
  });

  it.each([
    ['LoginID2', 'login_id2'],
    ['100percent', '100percent'],
    ['custom_value__c', 'custom_value_c'],
  ])('by the legacy rule makes %j %j', (name, expected) => {
    expect(normalizeName(name, 'legacy')).toBe(expected);
  });

  it('holds only letters, digits and single underscores, in lower case', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const normal = normalizeName(name);
        expect(normal).toMatch(/^[\p{L}\p{M}\p{N}_]+$/u);
        expect(normal).not.toContain('__');
        expect(normal.toLowerCase()).toBe(normal);
      }),
    );
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        for (const rule of ['enabled', 'legacy'] as const) {
          const once = normalizeName(name, rule);
          expect(normalizeName(once, rule)).toBe(once);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('assignOutputNames', () => {
  it('appends underscores on a clash, first come first kept', () => {
    expect(assign(['login_id', 'login__id', 'LoginID'])).toEqual(['login_id', 'login_id_', 'login_id__']);
  });

  it('keeps clear of a name that an earlier clash made', () => {
    expect(assign(['a', 'A', 'a_'])).toEqual(['a', 'a_', 'a__']);
  });

  it('takes names literally when the rules are disabled', () => {
    expect(assign(['Login ID', 'a__b', 'login id'], { rule: 'disabled' })).toEqual(['Login ID', 'a__b', 'login id']);
  });

  it('keeps names apart that a destination without case would take for one', () => {
    expect(assign(['Id', 'id'], { rule: 'disabled', distinguishesCase: false })).toEqual(['Id', 'id_']);
  });

  it('leaves reserved names to their owner', () => {
    expect(assign(['created_at'], { reserved: ['created_at'] })).toEqual(['created_at_']);
  });

  it('gives chosen names first, literally, and keeps the others clear of them', () => {
    const things = [
      { id: 'a', name: 'User Name' },
      { id: 'b', name: 'x', userName: 'user_name' },
      { id: 'c', name: 'y', userName: 'As I Want' },
    ];
    expect([...assignOutputNames(things, { ...PLAIN, prefix: 'Raw_' })].sort()).toEqual([
      ['a', 'Raw_user_name'],
      ['b', 'user_name'],
      ['c', 'As I Want'],
    ]);
    expect(assignOutputNames(things, PLAIN).get('a')).toBe('user_name_');
  });

  it('counts the prefix to the length', () => {
    const [name = ''] = assign(['x'.repeat(60)], { maxBytes: 63, prefix: 'raw_' });
    expect(name).toMatch(/^raw_x+_\d{10}$/);
    expect(Buffer.byteLength(name)).toBe(63);
  });

  it('cuts a long name at a character and tells equal beginnings apart', () => {
    const [one, other] = assign([`${'ä'.repeat(60)}x`, `${'ä'.repeat(60)}y`], { maxBytes: 63 });
    expect(one).toMatch(/^ä{26}_\d{10}$/);
    expect(other).toMatch(/^ä{26}_\d{10}$/);
    expect(one).not.toBe(other);
  });

  it('gives every thing its own name within the limit, and the same names again', () => {
    const limit = fc.constantFrom(null, 20, 63);
    const rule = fc.constantFrom('enabled' as const, 'disabled' as const, 'legacy' as const);
    fc.assert(
      fc.property(fc.array(anyName, { maxLength: 30 }), limit, rule, fc.boolean(), (names, maxBytes, by, cased) => {
        const options = { rule: by, maxBytes, distinguishesCase: cased };
        const given = assign(names, options);
        expect(given).toHaveLength(names.length);
        expect(new Set(cased ? given : given.map((name) => name.toLowerCase())).size).toBe(names.length);
        for (const name of given) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(maxBytes ?? Infinity);
        expect(assign(names, options)).toEqual(given);
      }),
    );
  });

  it('does not rename the earlier things when one is added behind them', () => {
    fc.assert(
      fc.property(fc.array(anyName, { minLength: 1, maxLength: 20 }), (names) => {
        expect(assign(names).slice(0, -1)).toEqual(assign(names.slice(0, -1)));
      }),
    );
  });
});

describe('a name that a user chose', () => {
  const options = { maxBytes: 10, reserved: ['__own'] };

  it.each([
    ['', 'empty'],
    ['   ', 'empty'],
    ['a\u0000b', 'control characters'],
    ['ä'.repeat(6), 'at most 10 bytes'],
    ['__OWN', 'Millrace adds'],
  ])('is refused: %j', (name, reason) => {
    expect(findNameFault(name, options)).toContain(reason);
  });

  it('may hold anything else', () => {
    expect(findNameFault('Größe "a"', { ...options, maxBytes: null })).toBeNull();
  });
});

describe('nameKey', () => {
  it('minds case only where the destination does', () => {
    expect(nameKey('Users', true)).not.toBe(nameKey('users', true));
    expect(nameKey('Users', false)).toBe(nameKey('users', false));
  });
});
