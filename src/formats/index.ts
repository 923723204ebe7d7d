export { type Chunk, type Hashing, WIRE_FORMATS, type WireFormat } from './chunk.ts';
export { toPgcopyType } from './columns/to-pgcopy.ts';
export { canDecode } from './columns/transcodable.ts';
export { createTranscoder } from './columns/transcoder.ts';
export { RecordCutter } from './csv/record-cutter.ts';
export {
  addBucketSums,
  addToBucket,
  type BucketSums,
  bucketOf,
  createBucketSums,
  findDifferentBuckets,
} from './hashing/bucket-sums.ts';
export { toCanonicalFloat } from './hashing/float-text.ts';
export { createRecordHasher } from './hashing/record-hasher.ts';
export { createRecordPrints, toHashText } from './hashing/record-prints.ts';
export { watchHighestValue } from './keys/highest-value.ts';
export { pickRecords } from './keys/key-projection.ts';
export { readKey } from './keys/read-key.ts';
export { createTextHash } from './obfuscation/keyed-hash.ts';
export { createObfuscator } from './obfuscation/obfuscator.ts';
export { CopyReader } from './pgcopy-binary/copy-reader.ts';
export { COPY_BINARY_HEADER, COPY_BINARY_TRAILER, toCopyDataHeader } from './pgcopy-binary/framing.ts';
export { addSums, emptySum, isSameSum, subtractSums, toSumText } from './range-sum.ts';
export { createRowEncoder, type Row, type RowEncoder } from './rows/row-encoder.ts';
