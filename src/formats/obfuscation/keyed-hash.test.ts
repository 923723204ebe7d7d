import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashWithKey } from '../../../tests/setup/keyed-hash.ts';
import { HASH_CHARACTERS } from './hash-cache.ts';
import { createKeyedHash } from './keyed-hash.ts';

function hashOf(key: Uint8Array, value: Uint8Array): string {
  const out = new Uint8Array(HASH_CHARACTERS);
  createKeyedHash(key).write(value, 0, value.length, out, 0);
  return Buffer.from(out).toString('ascii');
}

describe('createKeyedHash', () => {
  it('is keyed BLAKE2s for values of every length around the block boundaries', () => {
    const key = randomBytes(32);
    for (let length = 0; length <= 260; length++) {
      const value = randomBytes(length);
      expect(hashOf(key, value)).toBe(hashWithKey(key, value));
    }
  });

  it('is keyed BLAKE2s under keys of every length, of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 32 }), fc.uint8Array({ maxLength: 500 }), (key, value) => {
        expect(hashOf(key, value)).toBe(hashWithKey(key, value));
      }),
    );
  });

  it('is the same for values that come again, whatever came between', () => {
    const hash = createKeyedHash(Buffer.from('key'));
    const out = new Uint8Array(HASH_CHARACTERS);
    // Some thousands that do not repeat, behind which the cache is left alone for a while, and more that do.
    const texts = Array.from({ length: 5_000 }, (_, i) => 'x'.repeat(i % 67) + (i % 3_000));
    const few = Array.from({ length: 20_000 }, (_, i) => `value ${i % 100}`);
    for (const text of [...texts, '', ...few, ...texts, '', ...few]) {
      const value = Buffer.from(text);
      hash.write(value, 0, value.length, out, 0);
      expect(Buffer.from(out).toString('ascii')).toBe(hashWithKey(Buffer.from('key'), value));
    }
  });

  it('is what other implementations make of the same', () => {
    const key = Uint8Array.from({ length: 32 }, (_, index) => index);
    const all = createHash('sha256');
    for (let length = 0; length <= 260; length++)
      all.update(
        Buffer.from(
          hashOf(
            key,
            Uint8Array.from({ length }, (_, index) => index % 256),
          ),
          'base64url',
        ),
      );
    expect(all.digest('hex')).toBe('bcb982d47160eb2747937f4deec2d70d67dcb24958c489ca25ccdbf3580dff05');
    expect(Buffer.from(hashOf(key, new Uint8Array()), 'base64url').toString('hex')).toBe(
      '48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49',
    );
    const digest = 'd7fe099d889ba98178a934de6bd36da084600d7831ff16b8deaeefa8f6c00af4';
    expect(hashOf(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'))).toBe(
      Buffer.from(digest, 'hex').toString('base64url'),
    );
  });

  it('leaves bytes beside the hash alone, and takes a part of a buffer', () => {
    const hash = createKeyedHash(Buffer.from('key'));
    const out = Buffer.alloc(HASH_CHARACTERS + 20, '.');
    hash.write(Buffer.from('xxabcxx'), 2, 5, out, 10);
    const expected = hashWithKey(Buffer.from('key'), 'abc');
    expect(out.toString('ascii')).toBe(`${'.'.repeat(10)}${expected}${'.'.repeat(10)}`);
  });

  it.each([0, 33])('refuses a key of %i bytes', (length) => {
    expect(() => createKeyedHash(new Uint8Array(length))).toThrow(RangeError);
  });
});

describe('the reference of these tests', () => {
  it('is without a key what the platform calls blake2s256', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (value) => {
        expect(hashWithKey(new Uint8Array(), value)).toBe(createHash('blake2s256').update(value).digest('base64url'));
      }),
    );
  });
});
