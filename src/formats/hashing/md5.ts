/** Bytes that `md5` needs free behind the message. */
export const MD5_PADDING = 72;

/**
 * MD5 (RFC 1321) of the first `length` bytes, as the four words of its big-endian number.
 * Written out because one call of the platform's own costs more than the hash of a record.
 * Not against forgery: it finds accidents, and every database can compute it.
 * `bytes` and `words` are two views of one buffer from its start; padding is written behind the message.
 */
export function md5(bytes: Uint8Array, words: Int32Array, length: number, hash: Int32Array): void {
  const size = (length + MD5_PADDING) & ~63;
  bytes[length] = 0x80;
  bytes.fill(0, length + 1, size);
  words[size / 4 - 2] = length << 3;
  words[size / 4 - 1] = length >>> 29;
  hash[0] = 0x67452301;
  hash[1] = 0xefcdab89;
  hash[2] = 0x98badcfe;
  hash[3] = 0x10325476;
  for (let at = 0; at < size / 4; at += 16) addBlock(words, at, hash);
  for (let i = 0; i < 4; i++) hash[i] = swapBytes(hash[i] ?? 0);
}

function addBlock(words: Int32Array, at: number, hash: Int32Array): void {
  const a = hash[0] ?? 0;
  const b = hash[1] ?? 0;
  const c = hash[2] ?? 0;
  const d = hash[3] ?? 0;
  round1(hash, words, at);
  round2(hash, words, at);
  round3(hash, words, at);
  round4(hash, words, at);
  hash[0] = (hash[0] ?? 0) + a;
  hash[1] = (hash[1] ?? 0) + b;
  hash[2] = (hash[2] ?? 0) + c;
  hash[3] = (hash[3] ?? 0) + d;
}

function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** `sum` may be beyond 32 bits; cutting each addition back at once keeps the compiler on whole numbers. */
function turn(b: number, sum: number, by: number): number {
  return (b + ((sum << by) | (sum >>> (32 - by)))) | 0;
}

function round1(state: Int32Array, words: Int32Array, at: number): void {
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  a = turn(b, ((a + (d ^ (b & (c ^ d)))) | 0) + (((words[at] ?? 0) - 0x28955b88) | 0), 7);
  d = turn(a, ((d + (c ^ (a & (b ^ c)))) | 0) + (((words[at + 1] ?? 0) - 0x173848aa) | 0), 12);
  c = turn(d, ((c + (b ^ (d & (a ^ b)))) | 0) + (((words[at + 2] ?? 0) + 0x242070db) | 0), 17);
  b = turn(c, ((b + (a ^ (c & (d ^ a)))) | 0) + (((words[at + 3] ?? 0) - 0x3e423112) | 0), 22);
  a = turn(b, ((a + (d ^ (b & (c ^ d)))) | 0) + (((words[at + 4] ?? 0) - 0x0a83f051) | 0), 7);
  d = turn(a, ((d + (c ^ (a & (b ^ c)))) | 0) + (((words[at + 5] ?? 0) + 0x4787c62a) | 0), 12);
  c = turn(d, ((c + (b ^ (d & (a ^ b)))) | 0) + (((words[at + 6] ?? 0) - 0x57cfb9ed) | 0), 17);
  b = turn(c, ((b + (a ^ (c & (d ^ a)))) | 0) + (((words[at + 7] ?? 0) - 0x02b96aff) | 0), 22);
  a = turn(b, ((a + (d ^ (b & (c ^ d)))) | 0) + (((words[at + 8] ?? 0) + 0x698098d8) | 0), 7);
  d = turn(a, ((d + (c ^ (a & (b ^ c)))) | 0) + (((words[at + 9] ?? 0) - 0x74bb0851) | 0), 12);
  c = turn(d, ((c + (b ^ (d & (a ^ b)))) | 0) + (((words[at + 10] ?? 0) - 0x0000a44f) | 0), 17);
  b = turn(c, ((b + (a ^ (c & (d ^ a)))) | 0) + (((words[at + 11] ?? 0) - 0x76a32842) | 0), 22);
  a = turn(b, ((a + (d ^ (b & (c ^ d)))) | 0) + (((words[at + 12] ?? 0) + 0x6b901122) | 0), 7);
  d = turn(a, ((d + (c ^ (a & (b ^ c)))) | 0) + (((words[at + 13] ?? 0) - 0x02678e6d) | 0), 12);
  c = turn(d, ((c + (b ^ (d & (a ^ b)))) | 0) + (((words[at + 14] ?? 0) - 0x5986bc72) | 0), 17);
  b = turn(c, ((b + (a ^ (c & (d ^ a)))) | 0) + (((words[at + 15] ?? 0) + 0x49b40821) | 0), 22);
  state[0] = a;
  state[1] = b;
  state[2] = c;
  state[3] = d;
}

function round2(state: Int32Array, words: Int32Array, at: number): void {
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  a = turn(b, ((a + (c ^ (d & (b ^ c)))) | 0) + (((words[at + 1] ?? 0) - 0x09e1da9e) | 0), 5);
  d = turn(a, ((d + (b ^ (c & (a ^ b)))) | 0) + (((words[at + 6] ?? 0) - 0x3fbf4cc0) | 0), 9);
  c = turn(d, ((c + (a ^ (b & (d ^ a)))) | 0) + (((words[at + 11] ?? 0) + 0x265e5a51) | 0), 14);
  b = turn(c, ((b + (d ^ (a & (c ^ d)))) | 0) + (((words[at] ?? 0) - 0x16493856) | 0), 20);
  a = turn(b, ((a + (c ^ (d & (b ^ c)))) | 0) + (((words[at + 5] ?? 0) - 0x29d0efa3) | 0), 5);
  d = turn(a, ((d + (b ^ (c & (a ^ b)))) | 0) + (((words[at + 10] ?? 0) + 0x02441453) | 0), 9);
  c = turn(d, ((c + (a ^ (b & (d ^ a)))) | 0) + (((words[at + 15] ?? 0) - 0x275e197f) | 0), 14);
  b = turn(c, ((b + (d ^ (a & (c ^ d)))) | 0) + (((words[at + 4] ?? 0) - 0x182c0438) | 0), 20);
  a = turn(b, ((a + (c ^ (d & (b ^ c)))) | 0) + (((words[at + 9] ?? 0) + 0x21e1cde6) | 0), 5);
  d = turn(a, ((d + (b ^ (c & (a ^ b)))) | 0) + (((words[at + 14] ?? 0) - 0x3cc8f82a) | 0), 9);
  c = turn(d, ((c + (a ^ (b & (d ^ a)))) | 0) + (((words[at + 3] ?? 0) - 0x0b2af279) | 0), 14);
  b = turn(c, ((b + (d ^ (a & (c ^ d)))) | 0) + (((words[at + 8] ?? 0) + 0x455a14ed) | 0), 20);
  a = turn(b, ((a + (c ^ (d & (b ^ c)))) | 0) + (((words[at + 13] ?? 0) - 0x561c16fb) | 0), 5);
  d = turn(a, ((d + (b ^ (c & (a ^ b)))) | 0) + (((words[at + 2] ?? 0) - 0x03105c08) | 0), 9);
  c = turn(d, ((c + (a ^ (b & (d ^ a)))) | 0) + (((words[at + 7] ?? 0) + 0x676f02d9) | 0), 14);
  b = turn(c, ((b + (d ^ (a & (c ^ d)))) | 0) + (((words[at + 12] ?? 0) - 0x72d5b376) | 0), 20);
  state[0] = a;
  state[1] = b;
  state[2] = c;
  state[3] = d;
}

function round3(state: Int32Array, words: Int32Array, at: number): void {
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  a = turn(b, ((a + (b ^ c ^ d)) | 0) + (((words[at + 5] ?? 0) - 0x0005c6be) | 0), 4);
  d = turn(a, ((d + (a ^ b ^ c)) | 0) + (((words[at + 8] ?? 0) - 0x788e097f) | 0), 11);
  c = turn(d, ((c + (d ^ a ^ b)) | 0) + (((words[at + 11] ?? 0) + 0x6d9d6122) | 0), 16);
  b = turn(c, ((b + (c ^ d ^ a)) | 0) + (((words[at + 14] ?? 0) - 0x021ac7f4) | 0), 23);
  a = turn(b, ((a + (b ^ c ^ d)) | 0) + (((words[at + 1] ?? 0) - 0x5b4115bc) | 0), 4);
  d = turn(a, ((d + (a ^ b ^ c)) | 0) + (((words[at + 4] ?? 0) + 0x4bdecfa9) | 0), 11);
  c = turn(d, ((c + (d ^ a ^ b)) | 0) + (((words[at + 7] ?? 0) - 0x0944b4a0) | 0), 16);
  b = turn(c, ((b + (c ^ d ^ a)) | 0) + (((words[at + 10] ?? 0) - 0x41404390) | 0), 23);
  a = turn(b, ((a + (b ^ c ^ d)) | 0) + (((words[at + 13] ?? 0) + 0x289b7ec6) | 0), 4);
  d = turn(a, ((d + (a ^ b ^ c)) | 0) + (((words[at] ?? 0) - 0x155ed806) | 0), 11);
  c = turn(d, ((c + (d ^ a ^ b)) | 0) + (((words[at + 3] ?? 0) - 0x2b10cf7b) | 0), 16);
  b = turn(c, ((b + (c ^ d ^ a)) | 0) + (((words[at + 6] ?? 0) + 0x04881d05) | 0), 23);
  a = turn(b, ((a + (b ^ c ^ d)) | 0) + (((words[at + 9] ?? 0) - 0x262b2fc7) | 0), 4);
  d = turn(a, ((d + (a ^ b ^ c)) | 0) + (((words[at + 12] ?? 0) - 0x1924661b) | 0), 11);
  c = turn(d, ((c + (d ^ a ^ b)) | 0) + (((words[at + 15] ?? 0) + 0x1fa27cf8) | 0), 16);
  b = turn(c, ((b + (c ^ d ^ a)) | 0) + (((words[at + 2] ?? 0) - 0x3b53a99b) | 0), 23);
  state[0] = a;
  state[1] = b;
  state[2] = c;
  state[3] = d;
}

function round4(state: Int32Array, words: Int32Array, at: number): void {
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  a = turn(b, ((a + (c ^ (b | ~d))) | 0) + (((words[at] ?? 0) - 0x0bd6ddbc) | 0), 6);
  d = turn(a, ((d + (b ^ (a | ~c))) | 0) + (((words[at + 7] ?? 0) + 0x432aff97) | 0), 10);
  c = turn(d, ((c + (a ^ (d | ~b))) | 0) + (((words[at + 14] ?? 0) - 0x546bdc59) | 0), 15);
  b = turn(c, ((b + (d ^ (c | ~a))) | 0) + (((words[at + 5] ?? 0) - 0x036c5fc7) | 0), 21);
  a = turn(b, ((a + (c ^ (b | ~d))) | 0) + (((words[at + 12] ?? 0) + 0x655b59c3) | 0), 6);
  d = turn(a, ((d + (b ^ (a | ~c))) | 0) + (((words[at + 3] ?? 0) - 0x70f3336e) | 0), 10);
  c = turn(d, ((c + (a ^ (d | ~b))) | 0) + (((words[at + 10] ?? 0) - 0x00100b83) | 0), 15);
  b = turn(c, ((b + (d ^ (c | ~a))) | 0) + (((words[at + 1] ?? 0) - 0x7a7ba22f) | 0), 21);
  a = turn(b, ((a + (c ^ (b | ~d))) | 0) + (((words[at + 8] ?? 0) + 0x6fa87e4f) | 0), 6);
  d = turn(a, ((d + (b ^ (a | ~c))) | 0) + (((words[at + 15] ?? 0) - 0x01d31920) | 0), 10);
  c = turn(d, ((c + (a ^ (d | ~b))) | 0) + (((words[at + 6] ?? 0) - 0x5cfebcec) | 0), 15);
  b = turn(c, ((b + (d ^ (c | ~a))) | 0) + (((words[at + 13] ?? 0) + 0x4e0811a1) | 0), 21);
  a = turn(b, ((a + (c ^ (b | ~d))) | 0) + (((words[at + 4] ?? 0) - 0x08ac817e) | 0), 6);
  d = turn(a, ((d + (b ^ (a | ~c))) | 0) + (((words[at + 11] ?? 0) - 0x42c50dcb) | 0), 10);
  c = turn(d, ((c + (a ^ (d | ~b))) | 0) + (((words[at + 2] ?? 0) + 0x2ad7d2bb) | 0), 15);
  b = turn(c, ((b + (d ^ (c | ~a))) | 0) + (((words[at + 9] ?? 0) - 0x14792c6f) | 0), 21);
  state[0] = a;
  state[1] = b;
  state[2] = c;
  state[3] = d;
}
