import { type Chunk, createObfuscator, createTranscoder } from '../../formats/index.ts';
import type { SegmentJob } from './jobs.ts';

/** What is known of the records' way. */
export type RecordsWay = Pick<SegmentJob, 'obfuscation' | 'read' | 'load'>;

/**
 * What becomes of every chunk between source and destination, before it is hashed for the receipt: hashes in the place of
 * fields, then another wire format, each where the plan says so. Keeps scratch memory: one for each reading.
 */
export function openChanges({ obfuscation, read, load }: RecordsWay): (chunk: Chunk) => Chunk {
  const obfuscator =
    obfuscation === null
      ? null
      : createObfuscator({ ...obfuscation, format: read.format, fieldCount: read.fields.length });
  const transcoder =
    read.format === load.format
      ? null
      : createTranscoder(
          read.format,
          load.format,
          read.fields.map(({ logicalType }) => logicalType),
        );
  return (chunk) => {
    const hidden = obfuscator?.apply(chunk) ?? chunk;
    return transcoder?.apply(hidden) ?? hidden;
  };
}
