/**
 * A named wire format: bytes that two systems can exchange undecoded.
 * `pgcopy-binary`: PostgreSQL COPY BINARY tuples, without the file's header and trailer.
 * `csv`: RFC 4180 as PostgreSQL writes it: no header line, records end in `\n`, NULL is empty, the empty string is `""`.
 */
export const WIRE_FORMATS = ['pgcopy-binary', 'csv'] as const;
export type WireFormat = (typeof WIRE_FORMATS)[number];

/** Records moved at once, always cut at a record boundary. */
export interface Chunk {
  readonly format: WireFormat;
  readonly payload: Uint8Array<ArrayBuffer>;
  /** Byte offset behind each record; the last equals `payload.byteLength`, its length is the record count. */
  readonly ends: Uint32Array<ArrayBuffer>;
}

/** How the records of a schema are hashed on both sides. `native:<format>`: the record's bytes in that format. */
export type Hashing = 'native:pgcopy-binary' | 'canonical';
