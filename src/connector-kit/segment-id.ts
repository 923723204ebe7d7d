/** One attempt at one part of a load. */
export interface SegmentId {
  readonly no: number;
  /** Grows with each claim; an older token can no longer commit. */
  readonly token: number;
}
