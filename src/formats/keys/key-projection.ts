import { SyncError } from '../../core/index.ts';
import type { Chunk } from '../chunk.ts';
import { createFieldCursor, nextField } from '../csv/fields.ts';

const COMMA = 0x2c;
const NEWLINE = 0x0a;

/**
 * Makes chunks of which each record has only the fields at these places, in this order and in the same format.
 * The result's bytes are overwritten by the next chunk. @throws `FORMAT_CORRUPT`
 */
export function createKeyProjection(positions: readonly number[]): (chunk: Chunk) => Chunk {
  let scratch = new Uint8Array(0);
  return (chunk) => {
    // A part of a record with its own framing: a few bytes for the count of fields, or a newline, at most.
    const room = chunk.payload.byteLength + 4 * chunk.ends.length;
    if (scratch.byteLength < room) scratch = new Uint8Array(room);
    const write = chunk.format === 'csv' ? writeCsv : writePgcopy;
    const ends = new Uint32Array(chunk.ends.length);
    let from = 0;
    let at = 0;
    for (let index = 0; index < ends.length; index++) {
      const end = chunk.ends[index] ?? from;
      at = write(chunk.payload, from, end, positions, scratch, at);
      ends[index] = at;
      from = end;
    }
    return { format: chunk.format, payload: scratch, ends };
  };
}

/** A chunk of only these records of another one, by their places in it. */
export function pickRecords(chunk: Chunk, indexes: readonly number[]): Chunk {
  const startOf = (index: number) => (index === 0 ? 0 : (chunk.ends[index - 1] ?? 0));
  const sizes = indexes.map((index) => (chunk.ends[index] ?? 0) - startOf(index));
  const payload = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  const ends = new Uint32Array(indexes.length);
  let at = 0;
  for (const [place, index] of indexes.entries()) {
    payload.set(chunk.payload.subarray(startOf(index), chunk.ends[index]), at);
    at += sizes[place] ?? 0;
    ends[place] = at;
  }
  return { format: chunk.format, payload, ends };
}

type Write = (
  payload: Uint8Array,
  from: number,
  end: number,
  positions: readonly number[],
  out: Uint8Array,
  at: number,
) => number;

/** Fields as they stand, quotes and all: one source writes a value in one way only, and hashing undoes the quotes. */
const writeCsv: Write = (payload, from, end, positions, out, at) => {
  const starts: number[] = [];
  const cursor = createFieldCursor(from);
  while (cursor.next < end) {
    starts.push(cursor.next);
    nextField(payload, cursor, end);
  }
  starts.push(end);
  let to = at;
  for (const position of positions) {
    const [start, next] = [starts[position], starts[position + 1]];
    if (start === undefined || next === undefined) throw corrupt();
    if (to > at) out[to++] = COMMA;
    out.set(payload.subarray(start, next - 1), to);
    to += next - 1 - start;
  }
  out[to++] = NEWLINE;
  return to;
};

/** A tuple: count of fields (16 bits), then each field's length (32 bits, -1 is NULL) and bytes. */
const writePgcopy: Write = (payload, from, end, positions, out, at) => {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const starts: number[] = [];
  let next = from + 2;
  while (next + 4 <= end) {
    starts.push(next);
    next += 4 + Math.max(view.getInt32(next), 0);
  }
  if (next !== end) throw corrupt();
  starts.push(end);
  out[at] = positions.length >> 8;
  out[at + 1] = positions.length & 0xff;
  let to = at + 2;
  for (const position of positions) {
    const [start, behind] = [starts[position], starts[position + 1]];
    if (start === undefined || behind === undefined) throw corrupt();
    out.set(payload.subarray(start, behind), to);
    to += behind - start;
  }
  return to;
};

function corrupt(): SyncError {
  return new SyncError(
    'FORMAT_CORRUPT',
    'Read a record of a comparison, and it is shorter than its fields. Report it.',
  );
}
