export { type Chunk, type Hashing, WIRE_FORMATS, type WireFormat } from './chunk.ts';
export { readFields } from './csv/fields.ts';
export { createRecordHasher, type RecordHasher } from './hashing/record-hasher.ts';
export { type KeyField, readKey } from './keys/read-key.ts';
export { addSums, emptySum, isSameSum, subtractSums, toSumText } from './range-sum.ts';
