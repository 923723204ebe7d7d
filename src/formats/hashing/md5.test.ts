import { hash as platformHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toSum } from './hash-sum.ts';
import { MD5_PADDING, md5 } from './md5.ts';

it('gives the digest that the platform gives, on scratch that held something else before', () => {
  const bytes = new Uint8Array(512).fill(0xff);
  const words = new Int32Array(bytes.buffer);
  const hash = new Int32Array(4);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 512 - MD5_PADDING }), (message) => {
      bytes.set(message);
      md5(bytes, words, message.length, hash);
      expect(toSum(hash).sum).toBe(platformHash('md5', message));
    }),
    { numRuns: 500 },
  );
});
