const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/**
 * MurmurHash3 x86_128 with seed 0 of the bytes from `start` to `end`; its four words in the reference's order.
 * Not cryptographic: it finds accidents, not forgeries.
 * @see the public domain reference `MurmurHash3_x86_128` in the SMHasher project
 */
export function murmur3(view: DataView, start: number, end: number, hash: Int32Array): void {
  let h1 = 0;
  let h2 = 0;
  let h3 = 0;
  let h4 = 0;
  const blocksEnd = start + ((end - start) & ~15);
  for (let at = start; at < blocksEnd; at += 16) {
    h1 ^= scramble(view.getInt32(at, true), C1, 15, C2);
    h1 = (Math.imul(rotate(h1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 ^= scramble(view.getInt32(at + 4, true), C2, 16, C3);
    h2 = (Math.imul(rotate(h2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 ^= scramble(view.getInt32(at + 8, true), C3, 17, C4);
    h3 = (Math.imul(rotate(h3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 ^= scramble(view.getInt32(at + 12, true), C4, 18, C1);
    h4 = (Math.imul(rotate(h4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  const rest = end - blocksEnd;
  if (rest > 12) h4 ^= scramble(tailWord(view, blocksEnd + 12, end), C4, 18, C1);
  if (rest > 8) h3 ^= scramble(tailWord(view, blocksEnd + 8, end), C3, 17, C4);
  if (rest > 4) h2 ^= scramble(tailWord(view, blocksEnd + 4, end), C2, 16, C3);
  if (rest > 0) h1 ^= scramble(tailWord(view, blocksEnd, end), C1, 15, C2);
  finish(h1, h2, h3, h4, end - start, hash);
}

function finish(a: number, b: number, c: number, d: number, length: number, hash: Int32Array): void {
  let h2 = b ^ length;
  let h3 = c ^ length;
  let h4 = d ^ length;
  let h1 = ((a ^ length) + h2 + h3 + h4) | 0;
  h2 = mix((h2 + h1) | 0);
  h3 = mix((h3 + h1) | 0);
  h4 = mix((h4 + h1) | 0);
  h1 = (mix(h1) + h2 + h3 + h4) | 0;
  hash[0] = h1;
  hash[1] = h2 + h1;
  hash[2] = h3 + h1;
  hash[3] = h4 + h1;
}

function scramble(word: number, first: number, by: number, second: number): number {
  return Math.imul(rotate(Math.imul(word, first), by), second);
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

function mix(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Up to four bytes from `at`, little-endian, never past `end`. */
function tailWord(view: DataView, at: number, end: number): number {
  let word = 0;
  for (let i = Math.min(at + 4, end) - 1; i >= at; i--) word = (word << 8) | view.getUint8(i);
  return word;
}
