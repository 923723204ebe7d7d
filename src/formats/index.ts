export { type Chunk, type Hashing, WIRE_FORMATS, type WireFormat } from './chunk.ts';
export { createRecordHasher, type RecordHasher } from './hashing/record-hasher.ts';
export { type KeyField, readKey } from './keys/read-key.ts';
export { CopyReader, type CopyReaderHandlers, type CopyReaderOptions } from './pgcopy-binary/copy-reader.ts';
export { COPY_BINARY_HEADER, COPY_BINARY_TRAILER, toCopyDataHeader } from './pgcopy-binary/framing.ts';
export { addSums, emptySum, isSameSum, subtractSums, toSumText } from './range-sum.ts';
