/** A record that the destination refused, or that had no form in the wire format. */
export interface Reject {
  /** Key field id → value as text; null for a table without a key. */
  readonly key: Readonly<Record<string, string | null>> | null;
  /** What was wrong with it, mostly in the destination's words, without the value. */
  readonly reason: string;
}
