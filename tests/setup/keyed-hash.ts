// Keyed BLAKE2s as RFC 7693 writes it down, step by step: what the product's own is compared with.

const START = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const LANES: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

/** The 32 bytes of a value's hash in base64url; an empty key gives plain BLAKE2s. */
export function hashWithKey(key: Uint8Array, value: string | Uint8Array): string {
  const keyBlock = Buffer.alloc(key.length === 0 ? 0 : 64);
  keyBlock.set(key);
  const message = Buffer.concat([keyBlock, Buffer.from(value)]);
  const state = Uint32Array.from(START);
  state[0] = (state[0] ?? 0) ^ 0x01010000 ^ (key.length << 8) ^ 32;
  const blocks = Math.max(1, Math.ceil(message.length / 64));
  for (let block = 0; block < blocks; block++) {
    const isLast = block === blocks - 1;
    const bytes = Buffer.alloc(64);
    message.copy(bytes, 0, block * 64);
    mix(state, bytes, isLast ? message.length : (block + 1) * 64, isLast);
  }
  const digest = Buffer.alloc(32);
  for (const [index, word] of state.entries()) digest.writeUInt32LE(word, index * 4);
  return digest.toString('base64url');
}

function mix(state: Uint32Array, block: Buffer, counted: number, isLast: boolean): void {
  const v = Uint32Array.from([...state, ...START]);
  const at = (index: number) => v[index] ?? 0;
  v[12] = at(12) ^ counted;
  if (isLast) v[14] = ~at(14);
  for (const order of SIGMA) {
    for (const [lane, [a, b, c, d]] of LANES.entries()) {
      const word = (of: number) => block.readUInt32LE((order[of] ?? 0) * 4);
      v[a] = at(a) + at(b) + word(2 * lane);
      v[d] = turn(at(d) ^ at(a), 16);
      v[c] = at(c) + at(d);
      v[b] = turn(at(b) ^ at(c), 12);
      v[a] = at(a) + at(b) + word(2 * lane + 1);
      v[d] = turn(at(d) ^ at(a), 8);
      v[c] = at(c) + at(d);
      v[b] = turn(at(b) ^ at(c), 7);
    }
  }
  for (const index of state.keys()) state[index] = (state[index] ?? 0) ^ at(index) ^ at(index + 8);
}

function turn(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}
