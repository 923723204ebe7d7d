import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HASH_CHARACTERS } from './hash-cache.ts';
import { createKeyedHash } from './keyed-hash.ts';

function hashOf(key: Uint8Array, value: Uint8Array): string {
  const out = new Uint8Array(HASH_CHARACTERS);
  createKeyedHash(key).write(value, 0, value.length, out, 0);
  return Buffer.from(out).toString('ascii');
}

describe('createKeyedHash', () => {
  it('is HMAC-SHA-256 for values of every length around the block boundaries', () => {
    const key = randomBytes(32);
    for (let length = 0; length <= 260; length++) {
      const value = randomBytes(length);
      expect(hashOf(key, value)).toBe(createHmac('sha256', key).update(value).digest('base64url'));
    }
  });

  it('is HMAC-SHA-256 under keys of every length, of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 500 }), (key, value) => {
        expect(hashOf(key, value)).toBe(createHmac('sha256', key).update(value).digest('base64url'));
      }),
    );
  });

  it('is the same for values that come again, whatever came between', () => {
    const hash = createKeyedHash(Buffer.from('key'));
    const out = new Uint8Array(HASH_CHARACTERS);
    const texts = Array.from({ length: 5_000 }, (_, i) => 'x'.repeat(i % 67) + (i % 3_000));
    for (const text of [...texts, '', ...texts, '']) {
      const value = Buffer.from(text);
      hash.write(value, 0, value.length, out, 0);
      expect(Buffer.from(out).toString('ascii')).toBe(createHmac('sha256', 'key').update(value).digest('base64url'));
    }
  });

  it('gives the value of RFC 4231, test case 2', () => {
    const digest = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
    expect(hashOf(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'))).toBe(
      Buffer.from(digest, 'hex').toString('base64url'),
    );
  });

  it('leaves bytes beside the hash alone, and takes a part of a buffer', () => {
    const hash = createKeyedHash(Buffer.from('key'));
    const out = Buffer.alloc(HASH_CHARACTERS + 20, '.');
    hash.write(Buffer.from('xxabcxx'), 2, 5, out, 10);
    const expected = createHmac('sha256', 'key').update('abc').digest('base64url');
    expect(out.toString('ascii')).toBe(`${'.'.repeat(10)}${expected}${'.'.repeat(10)}`);
  });

  it('refuses a key that would have to be hashed first', () => {
    expect(() => createKeyedHash(new Uint8Array(65))).toThrow(RangeError);
  });
});
