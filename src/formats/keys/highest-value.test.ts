import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogicalType } from '../../core/index.ts';
import type { Chunk } from '../chunk.ts';
import { watchHighestValue } from './highest-value.ts';

const BITS = [16, 32, 64] as const;

/** Records of fields of any length, one of which is the number that is watched. */
function toChunk(records: readonly (readonly (Buffer | null)[])[]): Chunk {
  const ends: number[] = [];
  const parts: Buffer[] = [];
  let at = 0;
  for (const fields of records) {
    const count = Buffer.alloc(2);
    count.writeInt16BE(fields.length);
    parts.push(count);
    for (const field of fields) {
      const length = Buffer.alloc(4);
      length.writeInt32BE(field?.length ?? -1);
      parts.push(length, field ?? Buffer.alloc(0));
    }
    at += [count, ...fields].reduce((sum, field) => sum + (field?.length ?? 0), 4 * fields.length);
    ends.push(at);
  }
  // Not at the beginning of its buffer, as no chunk has to be.
  const payload = new Uint8Array(at + 3).subarray(3);
  payload.set(Buffer.concat(parts));
  return { format: 'pgcopy-binary', payload, ends: Uint32Array.from(ends) };
}

function toField(value: bigint | null, bits: (typeof BITS)[number]): Buffer | null {
  if (value === null) return null;
  const field = Buffer.alloc(8);
  field.writeBigInt64BE(value);
  return field.subarray(8 - bits / 8);
}

const neighbours = fc
  .array(fc.option(fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes))), { maxLength: 4 })
  .map((fields) => [...fields]);

const watched = fc.constantFrom(...BITS).chain((bits) => {
  const limit = 2n ** BigInt(bits - 1);
  const edges = [-limit, -1n, 0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, limit - 1n].filter(
    (value) => value >= -limit && value < limit,
  );
  const value = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: -limit, max: limit - 1n }));
  const chunks = fc.array(fc.array(fc.option(value), { maxLength: 5 }), { maxLength: 4 });
  return fc.record({ bits: fc.constant(bits), chunks, before: neighbours, behind: neighbours });
});

describe('the highest value of a field', () => {
  it('is that of all records, wherever the field stands and whatever its neighbours are', () => {
    fc.assert(
      fc.property(watched, ({ bits, chunks, before, behind }) => {
        const highest = watchHighestValue(before.length, { kind: 'integer', bits });
        for (const values of chunks)
          highest?.show(toChunk(values.map((value) => [...before, toField(value, bits), ...behind])));
        const expected = chunks
          .flat()
          .filter((value) => value !== null)
          .toSorted((a, b) => (a < b ? -1 : 1))
          .at(-1);
        expect(highest?.text()).toBe(expected?.toString());
      }),
    );
  });

  it.each<[LogicalType['kind'], Buffer, string]>([
    ['timestamptz', toField(86_400_000_001n, 64) ?? Buffer.alloc(0), '2000-01-02 00:00:00.000001+00'],
    ['timestamp', toField(-1n, 64) ?? Buffer.alloc(0), '1999-12-31 23:59:59.999999'],
    ['timestamp', toField(2n ** 63n - 1n, 64) ?? Buffer.alloc(0), 'infinity'],
    ['date', toField(-1n, 32) ?? Buffer.alloc(0), '1999-12-31'],
  ])('of a %s is its text', (kind, field, text) => {
    // Of these kinds none has more to say.
    const highest = watchHighestValue(0, { kind } as LogicalType);
    highest?.show(toChunk([[field]]));
    expect(highest?.text()).toBe(text);
  });

  it('is not watched where bytes do not stand in the order of values', () => {
    expect(watchHighestValue(0, { kind: 'text' })).toBeNull();
    expect(watchHighestValue(0, { kind: 'float', bits: 64 })).toBeNull();
  });
});
