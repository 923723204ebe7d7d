export { type Chunk, type Hashing, WIRE_FORMATS, type WireFormat } from './chunk.ts';
