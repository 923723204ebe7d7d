import { HashCache } from './hash-cache.ts';
import { addBlock, BLOCK_BYTES, INITIAL_STATE } from './sha256.ts';

const DIGEST_BYTES = 32;
/** Behind the last byte stand a mark and the length in bits. */
const ENDING_BYTES = 9;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', 'ascii');

/** HMAC-SHA-256 (RFC 2104) under one key. Keeps scratch memory and some values of late, and allocates nothing per value. */
export interface KeyedHash {
  /** Writes the hash of the bytes between `start` and `end` to `out` from `at`, as `HASH_CHARACTERS` bytes of base64url. */
  write(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): void;
}

/** @param key at most 64 bytes; a longer one would have to be hashed first */
export function createKeyedHash(key: Uint8Array): KeyedHash {
  if (key.length > BLOCK_BYTES) throw new RangeError(`The key has ${key.length} bytes, more than ${BLOCK_BYTES}.`);
  return new Hmac(key);
}

/** Both pads are hashed once, so a value of up to 55 bytes costs two blocks. */
class Hmac implements KeyedHash {
  readonly #inner: Int32Array;
  readonly #outer: Int32Array;
  readonly #state = new Int32Array(8);
  readonly #words = new Int32Array(64);
  readonly #tail = new Uint8Array(2 * BLOCK_BYTES);
  readonly #digest = new Uint8Array(DIGEST_BYTES);
  readonly #cache = new HashCache();

  constructor(key: Uint8Array) {
    this.#inner = this.#hashPad(key, INNER_PAD);
    this.#outer = this.#hashPad(key, OUTER_PAD);
  }

  write(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): void {
    if (this.#cache.find(bytes, start, end, out, at)) return;
    this.#hashInner(bytes, start, end);
    this.#hashOuter();
    writeWords(this.#state, this.#digest);
    writeBase64(this.#digest, out, at);
    this.#cache.keep(bytes, start, end, out, at);
  }

  #hashPad(key: Uint8Array, pad: number): Int32Array {
    const block = new Uint8Array(BLOCK_BYTES).fill(pad);
    for (const [index, byte] of key.entries()) block[index] = byte ^ pad;
    readWords(block, 0, this.#words);
    const state = INITIAL_STATE.slice();
    addBlock(state, this.#words);
    return state;
  }

  /** Leaves the digest of the inner pad and these bytes in `#state`. */
  #hashInner(bytes: Uint8Array, start: number, end: number): void {
    const state = this.#state;
    const words = this.#words;
    const tail = this.#tail;
    state.set(this.#inner);
    let at = start;
    for (; end - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
      readWords(bytes, at, words);
      addBlock(state, words);
    }
    let used = 0;
    for (; at < end; at++) tail[used++] = bytes[at] ?? 0;
    const tailBytes = used + ENDING_BYTES > BLOCK_BYTES ? 2 * BLOCK_BYTES : BLOCK_BYTES;
    tail[used++] = 0x80;
    while (used < tailBytes) tail[used++] = 0;
    if (tailBytes > BLOCK_BYTES) {
      readWords(tail, 0, words);
      addBlock(state, words);
    }
    readWords(tail, tailBytes - BLOCK_BYTES, words);
    const hashedBytes = BLOCK_BYTES + end - start;
    words[14] = hashedBytes >>> 29;
    words[15] = hashedBytes << 3;
    addBlock(state, words);
  }

  /** Hashes the outer pad and the inner digest, which with its ending is one block. */
  #hashOuter(): void {
    const state = this.#state;
    const words = this.#words;
    words.set(state);
    words[8] = 0x80000000;
    words.fill(0, 9, 15);
    words[15] = (BLOCK_BYTES + DIGEST_BYTES) * 8;
    state.set(this.#outer);
    addBlock(state, words);
  }
}

function readWords(bytes: Uint8Array, from: number, words: Int32Array): void {
  for (let word = 0, at = from; word < 16; word++, at += 4) {
    words[word] =
      ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  }
}

function writeWords(state: Int32Array, digest: Uint8Array): void {
  for (let word = 0, at = 0; word < 8; word++, at += 4) {
    const bits = state[word] ?? 0;
    digest[at] = bits >>> 24;
    digest[at + 1] = bits >>> 16;
    digest[at + 2] = bits >>> 8;
    digest[at + 3] = bits;
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
