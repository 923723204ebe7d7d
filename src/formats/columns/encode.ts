import type { Chunk, WireFormat } from '../chunk.ts';
import type { ColumnBatch } from './column.ts';
import { createCsvWriter } from './to-csv.ts';
import { createPgcopyWriter } from './to-pgcopy.ts';

/** Scratch memory beyond this was for a long record, and is not kept for short ones. */
const USUAL_BYTES = 8 * 1024 * 1024;

/** Makes chunks of batches. Keeps scratch memory: one encoder per pipeline, for one schema. */
export interface BatchEncoder {
  /** All records of the batch. The chunk's bytes are the encoder's until the next call, unless their buffer was given away. */
  encode(): Chunk;
}

/** An encoder of this batch, which may be filled anew for each chunk. */
export function createEncoder(format: WireFormat, batch: ColumnBatch): BatchEncoder {
  const { maxBytes, writeRecord } = format === 'csv' ? createCsvWriter(batch) : createPgcopyWriter(batch);
  let out = new Uint8Array(0);
  return {
    encode() {
      out = makeRoom(out, maxBytes(batch));
      const ends = new Uint32Array(batch.records);
      let at = 0;
      for (let row = 0; row < batch.records; row++) {
        at = writeRecord(row, out, at);
        ends[row] = at;
      }
      return { format, payload: out.subarray(0, at), ends };
    },
  };
}

/** A buffer that was given to another thread has no bytes left, so it is replaced as well. */
function makeRoom(out: Uint8Array<ArrayBuffer>, bytes: number): Uint8Array<ArrayBuffer> {
  const isMuchTooLarge = out.length > USUAL_BYTES && bytes <= USUAL_BYTES;
  if (out.length >= bytes && !isMuchTooLarge) return out;
  // At once: the collector would let long records pile up.
  if (out.length > USUAL_BYTES) out.buffer.transfer(0);
  return new Uint8Array(isMuchTooLarge ? bytes : Math.max(bytes, Math.min(2 * out.length, USUAL_BYTES)));
}
