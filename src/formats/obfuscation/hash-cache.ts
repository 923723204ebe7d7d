/** Characters of one hash: 32 bytes in base64url, without padding. */
export const HASH_CHARACTERS = 43;

/** Longer values repeat seldom. */
const MAX_VALUE_BYTES = 64;
/** Together they fit into a core's own cache. */
const SLOTS = 2048;
/** Length of the value plus one, the value, its hash. */
const SLOT_BYTES = 1 + MAX_VALUE_BYTES + HASH_CHARACTERS;

/**
 * Hashes of values that came up of late, each value in one place only. Foreign keys, categories and sorted columns
 * repeat theirs; to look one up costs a tenth of its hash.
 */
export class HashCache {
  readonly #slots = new Uint8Array(SLOTS * SLOT_BYTES);
  /** Where the value that was looked for last belongs; -1 = nowhere. */
  #slot = -1;

  /** Writes the hash of the value between `start` and `end` to `out` from `at` when it is known. */
  find(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): boolean {
    const length = end - start;
    this.#slot = length > MAX_VALUE_BYTES ? -1 : toSlot(bytes, start, end);
    if (this.#slot < 0) return false;
    const slots = this.#slots;
    let from = this.#slot;
    if (slots[from++] !== length + 1) return false;
    for (let i = start; i < end; i++) if (slots[from++] !== bytes[i]) return false;
    for (let i = 0; i < HASH_CHARACTERS; i++) out[at + i] = slots[from + i] ?? 0;
    return true;
  }

  /** Keeps the hash, which stands in `out` from `at`, of the value that `find` did not know just now. */
  keep(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): void {
    if (this.#slot < 0) return;
    const slots = this.#slots;
    let to = this.#slot;
    slots[to++] = end - start + 1;
    for (let i = start; i < end; i++) slots[to++] = bytes[i] ?? 0;
    for (let i = 0; i < HASH_CHARACTERS; i++) slots[to + i] = out[at + i] ?? 0;
  }
}

/** FNV-1a; any function that scatters would do. */
function toSlot(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return ((hash ^ (hash >>> 15)) & (SLOTS - 1)) * SLOT_BYTES;
}
