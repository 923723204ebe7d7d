import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogicalType } from '../../core/index.ts';
import type { Chunk } from '../chunk.ts';
import { addSums, emptySum, subtractSums } from '../range-sum.ts';
import { createCanonicalWriter } from './canonical-record.ts';
import { createRecordHasher } from './record-hasher.ts';

interface Vectors {
  readonly fields: readonly {
    readonly type: LogicalType;
    readonly wire: string | null;
    readonly canonical: string | null;
  }[];
  readonly records: readonly {
    readonly types: readonly LogicalType[];
    readonly wire: string;
    readonly canonical: string;
    readonly hash: string;
  }[];
  readonly sumOfRecords: string;
}

// The published file is the test's input; its shape is checked by every assertion below.
const vectors = JSON.parse(
  readFileSync(new URL('../../../docs/specs/canonical-vectors.json', import.meta.url), 'utf8'),
) as Vectors;

const TEXT: LogicalType = { kind: 'text' };

function toChunk(records: readonly string[]): Chunk {
  let end = 0;
  const ends = Uint32Array.from(records, (record) => (end += Buffer.byteLength(record)));
  return { format: 'csv', payload: new Uint8Array(Buffer.from(records.join(''))), ends };
}

function quote(text: string | null): string {
  return text === null ? '' : `"${text.replaceAll('"', '""')}"`;
}

function writeCanonical(types: readonly LogicalType[], record: string): string {
  const writer = createCanonicalWriter(types);
  const payload = Buffer.from(record);
  const length = writer.write(payload, 0, payload.length);
  return Buffer.from(writer.bytes.subarray(0, length)).toString();
}

describe('canonical', () => {
  it.each(vectors.fields)('writes $type.kind $wire as the vectors say', ({ type, wire, canonical }) => {
    const expected = canonical === null ? '-' : `${Buffer.byteLength(canonical)}:${canonical}`;
    expect(writeCanonical([type], `${quote(wire)}\n`)).toBe(expected);
  });

  it.each(vectors.records)('hashes $canonical as the vectors say', ({ types, wire, canonical, hash }) => {
    expect(writeCanonical(types, wire)).toBe(canonical);
    expect(createRecordHasher('canonical', types).sumOf(toChunk([wire]), 0)).toEqual({ records: 1, sum: hash });
  });

  it('sums the records of the vectors', () => {
    const sum = vectors.records
      .map(({ types, wire }) => createRecordHasher('canonical', types).sumOf(toChunk([wire]), 0))
      .reduce(addSums, emptySum(false));
    expect(sum).toEqual({ records: vectors.records.length, sum: vectors.sumOfRecords });
  });

  it('tells any two different records apart', () => {
    const field = fc.option(fc.string({ unit: fc.constantFrom('1', ':', '-', ',', '"', 'ü') }), { nil: null });
    const record = fc.array(field, { minLength: 2, maxLength: 2 });
    fc.assert(
      fc.property(record, record, (a, b) => {
        const [first, second] = [a, b].map((fields) =>
          writeCanonical([TEXT, TEXT], `${fields.map(quote).join(',')}\n`),
        );
        expect(first === second).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it('writes a record whatever it wrote before', () => {
    const field = fc.oneof(
      fc.constant(''),
      fc.integer({ min: 1, max: 120 }).map((length) => 'x'.repeat(length)),
    );
    const writer = createCanonicalWriter([TEXT, TEXT]);
    fc.assert(
      fc.property(field, field, (a, b) => {
        const payload = Buffer.from(`${a},${b}\n`);
        const length = writer.write(payload, 0, payload.length);
        const expected = [a, b].map((text) => (text === '' ? '-' : `${text.length}:${text}`)).join('');
        expect(Buffer.from(writer.bytes.subarray(0, length)).toString()).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('grows its scratch for a long record', () => {
    const text = 'ü'.repeat(100_000);
    expect(writeCanonical([TEXT], `${text}\n`)).toBe(`200000:${text}`);
  });

  it('refuses a record with another number of fields', () => {
    const hasher = createRecordHasher('canonical', [TEXT, TEXT]);
    expect(() => hasher.add(toChunk(['a\n']))).toThrow(expect.objectContaining({ code: 'FORMAT_CORRUPT' }));
    expect(() => hasher.add(toChunk(['a,b,c\n']))).toThrow(expect.objectContaining({ code: 'FORMAT_CORRUPT' }));
  });
});

describe('any hashing', () => {
  const chunks = fc.array(
    fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1 }), { maxLength: 5 }),
    { maxLength: 5 },
  );

  it.each(['canonical', 'native:pgcopy-binary'] as const)(
    '%s: the order of records and the cut into chunks do not matter',
    (hashing) => {
      const toOwn = (records: readonly string[]): Chunk => ({
        ...toChunk(records.map((record) => `${record}\n`)),
        format: hashing === 'canonical' ? 'csv' : 'pgcopy-binary',
      });
      fc.assert(
        fc.property(chunks, (cut) => {
          const [one, other] = [createRecordHasher(hashing, [TEXT]), createRecordHasher(hashing, [TEXT])];
          for (const records of cut) one.add(toOwn(records));
          other.add(toOwn(cut.flat().toReversed()));
          expect(one.result()).toEqual(other.result());
        }),
      );
    },
  );

  it('takes one record off again', () => {
    const chunk = toChunk(['a\n', 'b\n', 'c\n']);
    const [all, rest] = [createRecordHasher('canonical', [TEXT]), createRecordHasher('canonical', [TEXT])];
    all.add(chunk);
    rest.add(toChunk(['a\n', 'c\n']));
    expect(subtractSums(all.result(), all.sumOf(chunk, 1))).toEqual(rest.result());
  });

  it('refuses a chunk of another format', () => {
    const hasher = createRecordHasher('native:pgcopy-binary', []);
    expect(() => hasher.add(toChunk(['a\n']))).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
});
