/**
 * What stands before the first tuple of COPY BINARY: signature, flags without OIDs, no header extension.
 * @see PostgreSQL manual, COPY, "Binary Format"
 */
export const COPY_BINARY_HEADER: Uint8Array<ArrayBuffer> = Uint8Array.of(
  ...[0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00],
  ...[0, 0, 0, 0],
  ...[0, 0, 0, 0],
);

/** What stands behind the last tuple: a field count of -1. */
export const COPY_BINARY_TRAILER: Uint8Array<ArrayBuffer> = Uint8Array.of(0xff, 0xff);

/** Length of the fixed part of the header; the last four of these bytes are the length of its extension. */
export const COPY_BINARY_HEADER_BYTES = 19;

/** A `CopyData` message's type and length, to be sent right before `payloadBytes` bytes of payload. */
export function toCopyDataHeader(payloadBytes: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(5);
  header[0] = 0x64;
  new DataView(header.buffer).setInt32(1, payloadBytes + 4);
  return header;
}
