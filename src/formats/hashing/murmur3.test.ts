import { expect, it } from 'vitest';
import { toSum } from './hash-sum.ts';
import { murmur3 } from './murmur3.ts';

/** Input in hex and hash, made by the reference implementation: every length of tail, none to four blocks. */
const REFERENCE: readonly (readonly [string, string])[] = [
  ['', '00000000000000000000000000000000'],
  ['ea', 'd130f0fe0a86481b0a86481b0a86481b'],
  ['040b12', '195d8aa08508e5868508e5868508e586'],
  ['11181f26', '93aaa4ae55d664c955d664c955d664c9'],
  ['383f464d545b62', '3380b7f7f9de827f774a09f7774a09f7'],
  ['6c737a81888f969da4abb2', '5761d8fb62e3cc196450ae2b86c73b8a'],
  ['a0a7aeb5bcc3cad1d8dfe6edf4fb02', '7c538969f67c9851d27b1b029bd00be9'],
  ['adb4bbc2c9d0d7dee5ecf3fa01080f16', '3c7e808140f497a4a73d6be8cc075225'],
  ['bac1c8cfd6dde4ebf2f900070e151c232a', 'b8da167ec62b7015732276c8bb0f4c54'],
  ['70777e858c939aa1a8afb6bdc4cbd2d9e0e7eef5fc030a11181f262d343b42', '2574078a33cd54419f457ca6ddcf41e2'],
  ['8a91989fa6adb4bbc2c9d0d7dee5ecf3fa01080f161d242b323940474e555c636a', 'd3a2d78c08a95f8be840a22f52a7e403'],
  [
    '40474e555c636a71787f868d949ba2a9b0b7bec5ccd3dae1e8eff6fd040b121920272e353c434a51585f666d747b82',
    'c803abef99077c84340e2dc44b41ab93',
  ],
  [
    '5e656c737a81888f969da4abb2b9c0c7ced5dce3eaf1f8ff060d141b222930373e454c535a61686f767d848b9299a0a7aeb5bcc3cad1d8dfe6edf4fb020910171e252c333a',
    '621b6d02b43c6c40e505bd9ebf98d331',
  ],
];

it.each(REFERENCE)('hashes %j as the reference does, wherever the bytes stand', (input, expected) => {
  const hash = new Int32Array(4);
  for (const offset of [0, 1, 6]) {
    const bytes = Buffer.concat([Buffer.alloc(offset, 1), Buffer.from(input, 'hex'), Buffer.alloc(5, 1)]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    murmur3(view, offset, offset + input.length / 2, hash);
    expect(toSum(hash).sum).toBe(expected);
  }
});
