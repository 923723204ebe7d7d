import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatJsonPath, parseJsonPath } from './json-path.ts';

describe('a path into JSON', () => {
  it.each([
    ['$.payload.city', ['payload', 'city']],
    ['payload.city', ['payload', 'city']],
    ['payload', ['payload']],
    ['$["unit price"].net', ['unit price', 'net']],
    ["$['a.b'][0]", ['a.b', '0']],
    [' $.items[12].größe ', ['items', '12', 'größe']],
    ['$.a["*"].b*', ['a', '*', 'b*']],
    ['$["say \\"x\\""]', ['say "x"']],
  ])('is read from %s', (text, parts) => {
    expect(parseJsonPath(text)).toEqual(parts);
  });

  it.each(['', '$', '$.', '$..a', '$.a..b', '$.a[', '$.a[]', '$.a[-1]', '$.a b', '$.a[*]', '$["a]', 'a]'])(
    'is not %j',
    (text) => {
      expect(parseJsonPath(text)).toBeNull();
    },
  );

  it('is read back as it was written, whatever its parts hold', () => {
    const part = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('a', '\n', '"', '\\', 'a.b', '0', "'", ']'));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        expect(parseJsonPath(formatJsonPath(parts))).toEqual(parts);
      }),
    );
  });
});
