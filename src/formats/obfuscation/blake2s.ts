/** Bytes of one block. */
export const BLOCK_BYTES = 64;

/** BLAKE2s's state before its parameters are mixed in: SHA-256's, too. */
export const INITIAL_STATE: Int32Array = Int32Array.of(
  ...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
);

/** In which order each of the ten rounds takes the block's words (RFC 7693, section 2.7), as hexadecimal digits. */
const SCHEDULE = [
  '0123456789abcdef',
  'ea489fd61c02b753',
  'b8c052fdae367194',
  '7931dcbe265a40f8',
  '905724afe1bc683d',
  '2c6a0b834d75fe19',
  'c51fed4a0763928b',
  'db7ec13950f4862a',
  '6fe9b308c2d714a5',
  'a2847615fb9e3cd0',
];

/** The columns, then the diagonals, of the sixteen words that a round mixes. */
const MIXED = ['048c', '159d', '26ae', '37bf', '05af', '16bc', '278d', '349e'];

/**
 * Mixes one block into `state`.
 * @param words sixteen: the block, little-endian
 * @param bytes of the message up to the end of this block, the key's block included
 */
export type Compress = (state: Int32Array, words: Int32Array, bytes: number, isLast: boolean) => void;

/**
 * BLAKE2s's compression (RFC 7693, section 3.2). Its 80 mixing steps are generated, not written: unrolled they take
 * half the time of a loop (docs/adr/0020-keyed-blake2s.md).
 */
export const compress = new Function('state', 'words', 'bytes', 'isLast', toSource()) as Compress; // as its source says

function toSource(): string {
  const indices = Array.from({ length: 16 }, (_, index) => index);
  const working = indices.map((index) => `let v${index} = ${toStart(index)};`);
  const words = indices.map((index) => `const m${index} = words[${index}];`);
  const rounds = SCHEDULE.flatMap((order) =>
    MIXED.map((mixed, step) => toStep(mixed, toIndex(order, 2 * step), toIndex(order, 2 * step + 1))),
  );
  const results = indices.slice(0, 8).map((index) => `state[${index}] ^= v${index} ^ v${index + 8};`);
  return [...working, ...words, ...rounds, ...results].join('\n');
}

/** Lengths beyond 2^53 do not occur, so the counter's upper half comes from a division. */
function toStart(index: number): string {
  if (index < 8) return `state[${index}]`;
  const constant = INITIAL_STATE[index - 8] ?? 0;
  if (index === 12) return `${constant} ^ bytes`;
  if (index === 13) return `${constant} ^ (bytes / 4294967296)`;
  return index === 14 ? `isLast ? ${~constant} : ${constant}` : `${constant}`;
}

function toStep(mixed: string, first: number, second: number): string {
  const [a, b, c, d] = [0, 1, 2, 3].map((at) => `v${toIndex(mixed, at)}`);
  const turn = (word: string, by: string, bits: number) =>
    `${word} ^= ${by}; ${word} = (${word} >>> ${bits}) | (${word} << ${32 - bits});`;
  return `${a} = (${a} + ${b} + m${first}) | 0; ${turn(`${d}`, `${a}`, 16)} ${c} = (${c} + ${d}) | 0; ${turn(`${b}`, `${c}`, 12)}
    ${a} = (${a} + ${b} + m${second}) | 0; ${turn(`${d}`, `${a}`, 8)} ${c} = (${c} + ${d}) | 0; ${turn(`${b}`, `${c}`, 7)}`;
}

function toIndex(digits: string, at: number): number {
  return Number.parseInt(digits[at] ?? '', 16);
}
