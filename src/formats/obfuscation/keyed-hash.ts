import { BLOCK_BYTES, compress, INITIAL_STATE } from './blake2s.ts';
import { HASH_CHARACTERS, HashCache } from './hash-cache.ts';

const DIGEST_BYTES = 32;
const MAX_KEY_BYTES = 32;
/** Fan-out and depth of a hash that is no tree are one each. */
const SEQUENTIAL = 0x01010000;
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', 'ascii');

/** Keyed BLAKE2s (RFC 7693) under one key. Keeps scratch memory and some values of late, and allocates nothing per value. */
export interface KeyedHash {
  /** Writes the hash of the bytes between `start` and `end` to `out` from `at`, as `HASH_CHARACTERS` bytes of base64url. */
  write(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): void;
}

/**
 * @param key 1 to 32 bytes
 * @param cache of this key only; a hash for each kind of values may share it with others
 */
export function createKeyedHash(key: Uint8Array, cache: HashCache = new HashCache()): KeyedHash {
  if (key.length === 0 || key.length > MAX_KEY_BYTES)
    throw new RangeError(`The key has ${key.length} bytes, not 1 to ${MAX_KEY_BYTES}.`);
  return new KeyedBlake2s(key, cache);
}

/** The same hash of single texts, for the few that stand outside of chunks. */
export function createTextHash(key: Uint8Array): (text: string) => string {
  const hash = createKeyedHash(key);
  const out = Buffer.alloc(HASH_CHARACTERS);
  return (text) => {
    const bytes = Buffer.from(text);
    hash.write(bytes, 0, bytes.length, out, 0);
    return out.toString('latin1');
  };
}

/** Look-ups after which the cache is judged, and how many of them have to know the value for it to be asked on. */
const JUDGED = 1024;
const WORTH = JUDGED / 8;
/** Values that do without the cache before it is tried again. */
const PAUSE = 16 * JUDGED;

/** The key is a block of its own before the value and is mixed once, so a value of up to 64 bytes costs one block. */
class KeyedBlake2s implements KeyedHash {
  /** Before a value, and before one that is empty: then the key's block is the last. */
  readonly #keyed: Int32Array;
  readonly #empty: Int32Array;
  readonly #state = new Int32Array(8);
  readonly #words = new Int32Array(16);
  readonly #digest = new Uint8Array(DIGEST_BYTES);
  readonly #cache: HashCache;
  #asked = 0;
  #known = 0;
  #pause = 0;

  constructor(key: Uint8Array, cache: HashCache) {
    this.#cache = cache;
    this.#keyed = this.#mixKey(key, false);
    this.#empty = this.#mixKey(key, true);
  }

  write(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): void {
    if (this.#pause > 0) {
      this.#pause -= 1;
      this.#make(bytes, start, end, out, at);
      return;
    }
    if (this.#asked === JUDGED) this.#judge();
    this.#asked += 1;
    if (this.#cache.find(bytes, start, end, out, at)) {
      this.#known += 1;
      return;
    }
    this.#make(bytes, start, end, out, at);
    this.#cache.keep(bytes, start, end, out, at);
  }

  /** Values that do not repeat, such as remarks, would pay for each look-up with a fifth of their hash. */
  #judge(): void {
    if (this.#known < WORTH) this.#pause = PAUSE;
    this.#asked = 0;
    this.#known = 0;
  }

  #make(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): void {
    const state = this.#state;
    const before = start === end ? this.#empty : this.#keyed;
    for (let word = 0; word < 8; word++) state[word] = before[word] ?? 0;
    if (start < end) this.#mix(bytes, start, end);
    writeWords(state, this.#digest);
    writeBase64(this.#digest, out, at);
  }

  #mixKey(key: Uint8Array, isLast: boolean): Int32Array {
    readBlock(key, 0, key.length, this.#words);
    const state = INITIAL_STATE.slice();
    state[0] = (state[0] ?? 0) ^ SEQUENTIAL ^ (key.length << 8) ^ DIGEST_BYTES;
    compress(state, this.#words, BLOCK_BYTES, isLast);
    return state;
  }

  /** Mixes the bytes, at least one, into `#state`, which has the key's block already. */
  #mix(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    // The last block is another one even when it is full.
    for (; end - at > BLOCK_BYTES; at += BLOCK_BYTES) {
      readBlock(bytes, at, at + BLOCK_BYTES, this.#words);
      compress(this.#state, this.#words, BLOCK_BYTES + at - start + BLOCK_BYTES, false);
    }
    readBlock(bytes, at, end, this.#words);
    compress(this.#state, this.#words, BLOCK_BYTES + end - start, true);
  }
}

/** Up to 64 bytes as little-endian words, the rest of which are zero. */
function readBlock(bytes: Uint8Array, from: number, end: number, words: Int32Array): void {
  let at = from;
  let word = 0;
  for (; end - at >= 4; at += 4) {
    words[word++] =
      (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
  }
  if (word === words.length) return;
  let rest = 0;
  for (let shift = 0; at < end; at++, shift += 8) rest |= (bytes[at] ?? 0) << shift;
  words[word++] = rest;
  while (word < words.length) words[word++] = 0;
}

function writeWords(state: Int32Array, digest: Uint8Array): void {
  for (let word = 0, at = 0; word < 8; word++, at += 4) {
    const bits = state[word] ?? 0;
    digest[at] = bits;
    digest[at + 1] = bits >>> 8;
    digest[at + 2] = bits >>> 16;
    digest[at + 3] = bits >>> 24;
  }
}

/** Three bytes are four characters; of the last group there are two bytes, which are three. */
function writeBase64(digest: Uint8Array, out: Uint8Array, at: number): void {
  let to = at;
  for (let from = 0; from < DIGEST_BYTES; from += 3) {
    const bits = ((digest[from] ?? 0) << 16) | ((digest[from + 1] ?? 0) << 8) | (digest[from + 2] ?? 0);
    out[to++] = ALPHABET[bits >>> 18] ?? 0;
    out[to++] = ALPHABET[(bits >>> 12) & 63] ?? 0;
    out[to++] = ALPHABET[(bits >>> 6) & 63] ?? 0;
    if (from + 2 < DIGEST_BYTES) out[to++] = ALPHABET[bits & 63] ?? 0;
  }
}
