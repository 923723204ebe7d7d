import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Chunk, WireFormat } from '../chunk.ts';
import { CopyReader } from './copy-reader.ts';
import { COPY_BINARY_HEADER, COPY_BINARY_TRAILER, toCopyDataHeader } from './framing.ts';

function message(type: string, payload: Uint8Array): Buffer {
  const head = toCopyDataHeader(payload.length);
  head[0] = type.charCodeAt(0);
  return Buffer.concat([head, payload]);
}

/** A tuple of one field, as COPY BINARY sends it. */
function tuple(field: Uint8Array): Buffer {
  const head = Buffer.alloc(6);
  head.writeInt16BE(1, 0);
  head.writeInt32BE(field.length, 2);
  return Buffer.concat([head, field]);
}

/** The server's whole answer to COPY … TO STDOUT (FORMAT binary). */
function binaryAnswer(records: readonly Uint8Array[]): Buffer {
  const [first, ...others] = [...records, COPY_BINARY_TRAILER];
  const data = [Buffer.concat([COPY_BINARY_HEADER, first ?? Buffer.alloc(0)]), ...others];
  return Buffer.concat([
    message('H', Buffer.alloc(3)),
    ...data.map((one) => message('d', one)),
    message('c', Buffer.alloc(0)),
    message('Z', Buffer.from('I')),
  ]);
}

interface Result {
  readonly chunks: readonly Chunk[];
  readonly records: readonly string[];
  readonly messages: string;
}

/** Feeds an answer in pieces of these sizes, over and over. */
function readAnswer(
  answer: Uint8Array,
  sizes: readonly number[],
  format: WireFormat = 'pgcopy-binary',
  chunkBytes = 64,
): Result {
  const chunks: Chunk[] = [];
  let messages = '';
  const reader = new CopyReader(
    { format, chunkBytes, maxRecordBytes: 10_000 },
    {
      chunk: (chunk) => chunks.push(chunk),
      message: (type) => (messages += String.fromCharCode(type)),
      allocate: (bytes) => new Uint8Array(bytes),
      allocateLong: (bytes) => new Uint8Array(bytes),
    },
  );
  for (let at = 0, turn = 0; at < answer.length; turn += 1) {
    const end = at + (sizes[turn % sizes.length] ?? 1);
    reader.feed(answer.subarray(at, end));
    at = end;
  }
  reader.flush();
  return { chunks, records: chunks.flatMap(toRecords), messages };
}

function toRecords(chunk: Chunk): string[] {
  return [...chunk.ends].map((end, index) =>
    Buffer.from(chunk.payload.subarray(chunk.ends[index - 1] ?? 0, end)).toString('hex'),
  );
}

const anyPieces = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 });

describe('CopyReader', () => {
  it('gives back the records, however the answer is cut', () => {
    const anyRecords = fc.array(fc.uint8Array({ maxLength: 300 }).map(tuple), { maxLength: 30 });
    fc.assert(
      fc.property(anyRecords, anyPieces, (records, pieces) => {
        const result = readAnswer(binaryAnswer(records), pieces);
        expect(result.records).toEqual(records.map((record) => record.toString('hex')));
        expect(result.messages).toBe('HcZ');
        for (const { payload, ends } of result.chunks) expect(ends.at(-1)).toBe(payload.byteLength);
      }),
    );
  });

  it('keeps the lines of text formats as they are', () => {
    const lines = ['1,a\n', '2,"b\nc"\n', '\n'];
    const answer = Buffer.concat(lines.map((line) => message('d', Buffer.from(line))));
    fc.assert(
      fc.property(anyPieces, (pieces) => {
        expect(readAnswer(answer, pieces, 'csv').records).toEqual(
          lines.map((line) => Buffer.from(line).toString('hex')),
        );
      }),
    );
  });

  it('makes no chunk larger than asked, but gives a larger record one of its own', () => {
    const records = [20, 20, 20, 500, 20].map((size) => tuple(Buffer.alloc(size, 1)));
    const { chunks } = readAnswer(binaryAnswer(records), [1000]);
    expect(chunks.flatMap(toRecords)).toHaveLength(5);
    for (const { payload, ends } of chunks) expect(payload.byteLength <= 64 || ends.length === 1).toBe(true);
    expect(chunks.map(({ payload }) => payload.byteLength)).toContain(506);
  });

  it('reads an empty table, and records without fields', () => {
    expect(readAnswer(binaryAnswer([]), [7]).records).toEqual([]);
    expect(readAnswer(binaryAnswer([Buffer.alloc(2), Buffer.alloc(2)]), [7]).records).toEqual(['0000', '0000']);
  });

  it('skips an extension of the file header', () => {
    const header = Buffer.concat([COPY_BINARY_HEADER.subarray(0, 15), Buffer.from([0, 0, 0, 3]), Buffer.from('ext')]);
    const answer = message('d', Buffer.concat([header, tuple(Buffer.from('x'))]));
    expect(readAnswer(answer, [100]).records).toEqual([tuple(Buffer.from('x')).toString('hex')]);
  });

  it('refuses a record over the limit', () => {
    expect(() => readAnswer(binaryAnswer([tuple(Buffer.alloc(20_000))]), [500])).toThrow(
      expect.objectContaining({ code: 'RECORD_TOO_LARGE' }),
    );
  });

  it.each([
    ['a length that is negative', [0x64, 0x80, 0, 0, 9]],
    ['a length that is less than its own', [0x64, 0, 0, 0, 3]],
    ['an unknown type', [0x65, 0, 0, 0, 9]],
  ])('takes %s for bytes that were changed on the way', (_what, head) => {
    const answer = Buffer.concat([
      binaryAnswer([tuple(Buffer.from('x'))]).subarray(0, -11),
      Buffer.from(head),
      Buffer.alloc(5),
    ]);
    expect(() => readAnswer(answer, [7])).toThrow(expect.objectContaining({ code: 'CONN_LOST' }));
  });

  it('refuses a stream that does not begin with the file header', () => {
    expect(() => readAnswer(message('d', Buffer.from('PGCOPY')), [100])).toThrow(
      expect.objectContaining({ code: 'FORMAT_CORRUPT' }),
    );
  });
});
