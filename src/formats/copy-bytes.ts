/** Shorter spans are copied byte by byte: a view costs more than they do. */
const VIEW_BYTES = 128;

/** Copies bytes and returns the position behind them. */
export function copyBytes(from: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  if (end - start > VIEW_BYTES) {
    out.set(from.subarray(start, end), at);
    return at + end - start;
  }
  let to = at;
  for (let i = start; i < end; i++) out[to++] = from[i] ?? 0;
  return to;
}
