import { type LogicalType, SyncError } from '../../core/index.ts';
import type { Chunk, WireFormat } from '../chunk.ts';
import { createBatch } from './column.ts';
import { createEncoder } from './encode.ts';
import { createCsvDecoder } from './from-csv.ts';
import { createPgcopyDecoder } from './from-pgcopy.ts';

/** Changes the wire format of records. Keeps scratch memory: one transcoder per pipeline, for one schema. */
export interface Transcoder {
  /**
   * The same records in the other format. The chunk's bytes are the transcoder's until the next call, unless their buffer
   * was given away. @throws `FORMAT_CORRUPT` when a record is not of the types that were said
   */
  apply(chunk: Chunk): Chunk;
}

/** From one format by way of columns into another, for records with fields of these types, in wire order. */
export function createTranscoder(from: WireFormat, to: WireFormat, types: readonly LogicalType[]): Transcoder {
  const batch = createBatch(types);
  const decode = from === 'csv' ? createCsvDecoder(batch) : createPgcopyDecoder(batch);
  const encoder = createEncoder(to, batch);
  return {
    apply(chunk) {
      if (chunk.format !== from)
        throw new SyncError('INTERNAL', `A ${chunk.format} chunk was to be read as ${from}. Report it.`);
      batch.records = 0;
      decode(chunk, batch);
      return encoder.encode();
    },
  };
}
