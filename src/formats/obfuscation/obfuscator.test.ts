import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashWithKey } from '../../../tests/setup/keyed-hash.ts';
import type { Chunk, WireFormat } from '../chunk.ts';
import { readFields } from '../csv/fields.ts';
import { createObfuscator } from './obfuscator.ts';

type Row = readonly (string | null)[];

const KEY = Buffer.from('0123456789abcdef0123456789abcdef');
const FORMATS = ['csv', 'pgcopy-binary'] as const;

function hashed(text: string, key = KEY): string {
  return hashWithKey(key, text);
}

/** What the obfuscator must make of rows. */
function expected(rows: readonly Row[], positions: readonly number[]): Row[] {
  return rows.map((row) => row.map((text, i) => (text === null || !positions.includes(i) ? text : hashed(text))));
}

function toChunk(format: WireFormat, rows: readonly Row[]): Chunk {
  const records = rows.map(format === 'csv' ? toCsv : toTuple);
  let end = 0;
  const ends = Uint32Array.from(records, (record) => (end += record.length));
  return { format, payload: new Uint8Array(Buffer.concat(records)), ends };
}

function toCsv(row: Row): Buffer {
  const quote = (text: string) => (/^$|[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return Buffer.from(`${row.map((text) => (text === null ? '' : quote(text))).join(',')}\n`);
}

function toTuple(row: Row): Buffer {
  const count = Buffer.alloc(2);
  count.writeInt16BE(row.length);
  const fields = row.map((text) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(text === null ? -1 : Buffer.byteLength(text));
    return Buffer.concat([length, Buffer.from(text ?? '')]);
  });
  return Buffer.concat([count, ...fields]);
}

function toRows(chunk: Chunk): Row[] {
  let start = 0;
  return [...chunk.ends].map((end) => {
    const row =
      chunk.format === 'csv' ? readFields(chunk.payload, start, end) : readTuple(chunk.payload.slice(start, end));
    start = end;
    return row;
  });
}

function readTuple(bytes: Uint8Array): Row {
  const tuple = Buffer.from(bytes);
  const row: (string | null)[] = [];
  let at = 2;
  for (let field = 0; field < tuple.readInt16BE(); field++) {
    const length = tuple.readInt32BE(at);
    at += 4;
    row.push(length < 0 ? null : tuple.toString('utf8', at, at + length));
    at += Math.max(length, 0);
  }
  expect(at).toBe(tuple.length);
  return row;
}

function obfuscate(format: WireFormat, rows: readonly Row[], positions: readonly number[], key = KEY): Row[] {
  const options = { format, fieldCount: rows[0]?.length ?? 0, positions, key };
  return toRows(createObfuscator(options).apply(toChunk(format, rows)));
}

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 300 }).map((text) => text.replaceAll('\0', '')),
  fc.constantFrom('', ',', '"', '""', '\n', '\r\n', '\\.', 'a"b,c\nd', '東京', 'x'.repeat(55), 'x'.repeat(56)),
);
const anyRows = fc
  .integer({ min: 1, max: 6 })
  .chain((width) =>
    fc.array(fc.array(fc.option(anyText), { minLength: width, maxLength: width }), { minLength: 1, maxLength: 20 }),
  );

describe.each(FORMATS)('createObfuscator of %s', (format) => {
  it('replaces the chosen fields of any records and leaves all others as they are', () => {
    fc.assert(
      fc.property(anyRows, fc.uniqueArray(fc.nat({ max: 5 })), (rows, wanted) => {
        const positions = wanted.filter((position) => position < (rows[0]?.length ?? 0));
        expect(obfuscate(format, rows, positions)).toEqual(expected(rows, positions));
      }),
    );
  });

  it('keeps NULL apart from the empty text', () => {
    expect(obfuscate(format, [[null], ['']], [0])).toEqual([[null], [hashed('')]]);
  });

  it('takes a field that is larger than all chunks before', () => {
    const huge = `${'"x,\n'.repeat(200_000)}end`;
    const rows = [
      ['1', 'small', 'a'],
      ['2', huge, 'b'],
    ];
    expect(obfuscate(format, rows, [1])).toEqual(expected(rows, [1]));
    expect(obfuscate(format, rows, [0])).toEqual(expected(rows, [0]));
  });

  it('gives another hash under another key', () => {
    const key = Buffer.from('fedcba9876543210fedcba9876543210');
    expect(obfuscate(format, [['a']], [0], key)).toEqual([[hashed('a', key)]]);
    expect(hashed('a', key)).not.toBe(hashed('a'));
  });

  it('goes on when a chunk was given away with its buffer', () => {
    const obfuscator = createObfuscator({ format, fieldCount: 1, positions: [0], key: KEY });
    const first = obfuscator.apply(toChunk(format, [['a'], ['b']]));
    structuredClone(first.payload.buffer, { transfer: [first.payload.buffer] });
    expect(toRows(obfuscator.apply(toChunk(format, [['c']])))).toEqual([[hashed('c')]]);
  });

  it('makes of no records no records', () => {
    expect(obfuscate(format, [], [])).toEqual([]);
  });

  it('refuses a record that ends before its last chosen field', () => {
    const obfuscator = createObfuscator({ format, fieldCount: 3, positions: [2], key: KEY });
    expect(() => obfuscator.apply(toChunk(format, [['a', 'b']]))).toThrow(
      expect.objectContaining({ code: 'FORMAT_CORRUPT' }),
    );
  });
});

describe('createObfuscator', () => {
  it('gives the same hash in every format', () => {
    const rows: Row[] = [['a,"b"\nc', null, '']];
    expect(obfuscate('csv', rows, [0, 1, 2])).toEqual(obfuscate('pgcopy-binary', rows, [0, 1, 2]));
  });

  it('refuses tuples with more fields than planned', () => {
    const obfuscator = createObfuscator({ format: 'pgcopy-binary', fieldCount: 1, positions: [0], key: KEY });
    expect(() => obfuscator.apply(toChunk('pgcopy-binary', [['a', 'b']]))).toThrow(
      expect.objectContaining({ code: 'FORMAT_CORRUPT' }),
    );
  });

  it('refuses a chunk of another format', () => {
    const obfuscator = createObfuscator({ format: 'csv', fieldCount: 1, positions: [0], key: KEY });
    expect(() => obfuscator.apply(toChunk('pgcopy-binary', [['a']]))).toThrow(
      expect.objectContaining({ code: 'INTERNAL' }),
    );
  });
});
