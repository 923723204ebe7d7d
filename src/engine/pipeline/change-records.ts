import type { Reject } from '../../connector-kit/index.ts';
import { type Chunk, createObfuscator, createTextHash, createTranscoder } from '../../formats/index.ts';
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

/** The same for the key of a record that came in no chunk, whose values are texts of the wire format already. */
export function openKeyChanges({ obfuscation, load }: Omit<RecordsWay, 'read'>): (key: Reject['key']) => Reject['key'] {
  if (obfuscation === null) return (key) => key;
  const hash = createTextHash(obfuscation.key);
  const hidden = new Set(obfuscation.positions.map((position) => load.columns[position]?.field));
  return (key) => {
    if (key === null) return null;
    const fields = Object.entries(key).map(([field, text]) => [
      field,
      text !== null && hidden.has(field) ? hash(text) : text,
    ]);
    return Object.fromEntries(fields);
  };
}
