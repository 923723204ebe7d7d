/** Bytes of one block. */
export const BLOCK_BYTES = 64;

/** The state before the first block. */
export const INITIAL_STATE: Int32Array = Int32Array.of(
  ...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
);

/** The first 32 bits of the fractions of the first 64 primes' cube roots. */
const ROUND_CONSTANTS = Int32Array.from(firstPrimes(64), (prime) => Math.floor((Math.cbrt(prime) % 1) * 2 ** 32));

/**
 * SHA-256's compression of one block (FIPS 180-4, section 6.2.2): changes `state`.
 * Written out because one call of the platform's own costs seven times the hash of a short value
 * (docs/adr/0012-obfuscation.md).
 * @param words 64 of them: the block's sixteen, and scratch behind
 */
export function addBlock(state: Int32Array, words: Int32Array): void {
  expand(words);
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  let e = state[4] ?? 0;
  let f = state[5] ?? 0;
  let g = state[6] ?? 0;
  let h = state[7] ?? 0;
  for (let round = 0; round < 64; round++) {
    const turned = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
    const chosen = g ^ (e & (f ^ g));
    const first = (((h + turned + chosen) | 0) + (((ROUND_CONSTANTS[round] ?? 0) + (words[round] ?? 0)) | 0)) | 0;
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) | (c & (a | b)))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  state[0] = (state[0] ?? 0) + a;
  state[1] = (state[1] ?? 0) + b;
  state[2] = (state[2] ?? 0) + c;
  state[3] = (state[3] ?? 0) + d;
  state[4] = (state[4] ?? 0) + e;
  state[5] = (state[5] ?? 0) + f;
  state[6] = (state[6] ?? 0) + g;
  state[7] = (state[7] ?? 0) + h;
}

function expand(words: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const near = words[i - 15] ?? 0;
    const far = words[i - 2] ?? 0;
    const nearTurned = turn(near, 7) ^ turn(near, 18) ^ (near >>> 3);
    const farTurned = turn(far, 17) ^ turn(far, 19) ^ (far >>> 10);
    words[i] = (((words[i - 16] ?? 0) + nearTurned) | 0) + (((words[i - 7] ?? 0) + farTurned) | 0);
  }
}

function turn(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let number = 2; primes.length < count; number++) {
    if (primes.every((prime) => number % prime !== 0)) primes.push(number);
  }
  return primes;
}
