import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogicalType } from '../../core/index.ts';
import type { Chunk } from '../chunk.ts';
import { readFields } from '../csv/fields.ts';
import { readKey } from '../keys/read-key.ts';
import { createRowEncoder, type Row } from './row-encoder.ts';

const INT64: LogicalType = { kind: 'integer', bits: 64 };
const MONEY: LogicalType = { kind: 'decimal', precision: 10, scale: 3 };

function encode(format: Chunk['format'], type: LogicalType, values: readonly unknown[]): Chunk {
  const encoder = createRowEncoder(format, [{ id: 'v', logicalType: type }]);
  for (const v of values) expect(encoder.add({ v })).toBeNull();
  return encoder.take();
}

/** The texts of the only field, by a reader of csv that shares no code with the encoder. */
function toCsvTexts(type: LogicalType, values: readonly unknown[]): (string | null)[] {
  const { payload, ends } = encode('csv', type, values);
  return [...ends].flatMap((end, index) => readFields(payload, ends[index - 1] ?? 0, end));
}

/** The same by a reader of COPY BINARY. */
function toBinaryTexts(type: LogicalType, values: readonly unknown[]): (string | null | undefined)[] {
  const chunk = encode('pgcopy-binary', type, values);
  return [...chunk.ends].map((_, index) => readKey(chunk, index, [{ position: 0, id: 'v', logicalType: type }]).v);
}

function fault(type: LogicalType, value: unknown): string | null {
  return createRowEncoder('csv', [{ id: 'v', logicalType: type }]).add({ v: value });
}

const KEPT: readonly (readonly [LogicalType, unknown, string])[] = [
  [{ kind: 'boolean' }, true, 't'],
  [INT64, 9007199254740991, '9007199254740991'],
  [INT64, -0, '0'],
  [INT64, '-9223372036854775808', '-9223372036854775808'],
  [INT64, 9223372036854775807n, '9223372036854775807'],
  [{ kind: 'integer', bits: 16 }, -32768, '-32768'],
  [{ kind: 'integer', bits: 32 }, '+0002147483647', '2147483647'],
  [MONEY, 0.1, '0.100'],
  [MONEY, 1e-3, '0.001'],
  [MONEY, '-0.0', '0.000'],
  [MONEY, '0001234567.8900', '1234567.890'],
  [MONEY, 12n, '12.000'],
  [MONEY, '.5', '0.500'],
  [MONEY, 'NaN', 'NaN'],
  [{ kind: 'decimal', precision: 38, scale: 0 }, 1e21, '1000000000000000000000'],
  [{ kind: 'decimal', precision: 12, scale: 8 }, '0.00010001', '0.00010001'],
  [{ kind: 'decimal', precision: 30, scale: 4 }, '10000000000000000.0001', '10000000000000000.0001'],
  [{ kind: 'text' }, 12.5, '12.5'],
  [{ kind: 'text' }, { a: [1] }, '{"a":[1]}'],
  [{ kind: 'text' }, Uint8Array.of(0, 255), '\\x00ff'],
  [{ kind: 'text' }, '', ''],
  [{ kind: 'json' }, 'text', '"text"'],
  [{ kind: 'json' }, [1, null], '[1,null]'],
  [{ kind: 'uuid' }, '6BA7B8109DAD11D180B400C04FD430C8', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
  [{ kind: 'date' }, '0001-01-01', '0001-01-01'],
  [{ kind: 'date' }, '2000-02-29', '2000-02-29'],
  [{ kind: 'date' }, new Date('1969-12-31T00:00:00Z'), '1969-12-31'],
  [{ kind: 'time' }, '24:00:00', '24:00:00'],
  [{ kind: 'time' }, '07:05', '07:05:00'],
  [{ kind: 'timestamp' }, '1969-12-31T23:59:59.999999', '1969-12-31 23:59:59.999999'],
  [{ kind: 'timestamptz' }, '2026-01-01T00:30:00.1000000+0100', '2025-12-31 23:30:00.1+00'],
  [{ kind: 'timestamptz' }, new Date(0), '1970-01-01 00:00:00+00'],
  [{ kind: 'timestamptz' }, 'infinity', 'infinity'],
];

describe('a value that its field holds', () => {
  it.each(KEPT)('is the same in both formats: %j, %s', (type, value, text) => {
    expect([toCsvTexts(type, [value]), toBinaryTexts(type, [value])]).toEqual([[text], [text]]);
  });

  it('may be bytes, or a float to the last bit', () => {
    const bytes = Uint8Array.of(0, 255, 16);
    expect(toCsvTexts({ kind: 'bytes' }, [bytes])).toEqual(['\\x00ff10']);
    expect(toBinaryTexts({ kind: 'bytes' }, [bytes])).toEqual(['00ff10']);
    const floats = [-0, 5e-324, 1.7976931348623157e308, 0.1, 1e21, Number.NaN, Number.NEGATIVE_INFINITY];
    const read = toCsvTexts({ kind: 'float', bits: 64 }, floats).map(Number);
    expect(read.every((value, index) => Object.is(value, floats[index]))).toBe(true);
  });

  it('may be any text', () => {
    const texts = fc.sample(fc.string({ unit: 'grapheme', maxLength: 90 }), { numRuns: 500, seed: 3 });
    expect(toCsvTexts({ kind: 'text' }, texts)).toEqual(texts);
    // The reader shows texts with NUL as hex digits; no database holds them.
    const held = texts.filter((text) => !text.includes('\0'));
    expect(toBinaryTexts({ kind: 'text' }, held)).toEqual(held);
  });

  it('may be any decimal', () => {
    const digits = fc.stringMatching(/^\d{1,19}$/);
    const decimals = fc
      .tuple(fc.constantFrom('', '-'), digits, digits)
      .map(([sign, whole, part]) => `${sign}${whole}.${part}`);
    const values = fc.sample(decimals, { numRuns: 500, seed: 3 });
    const type: LogicalType = { kind: 'decimal', precision: 38, scale: 19 };
    const texts = toCsvTexts(type, values);
    expect(toBinaryTexts(type, values)).toEqual(texts);
    const scaled = (text: string | null) => BigInt((text ?? '').replace('.', ''));
    expect(texts.map(scaled)).toEqual(
      values.map((value) => scaled(value) * 10n ** BigInt(19 - (value.length - value.indexOf('.') - 1))),
    );
  });
});

const REFUSED: readonly (readonly [LogicalType, unknown])[] = [
  [{ kind: 'boolean' }, 'true'],
  [INT64, 2 ** 53],
  [INT64, 1.5],
  [INT64, '9223372036854775808'],
  [INT64, '१२'],
  [INT64, 'İ'],
  [INT64, ''],
  [INT64, {}],
  [{ kind: 'integer', bits: 16 }, 32768],
  [{ kind: 'integer', bits: 32 }, 2n ** 31n],
  [{ kind: 'integer', bits: 32 }, '99999999999999999999'],
  [MONEY, '0.0001'],
  [MONEY, 12345678],
  [MONEY, '1e3'],
  [MONEY, '.'],
  [MONEY, Number.POSITIVE_INFINITY],
  [{ kind: 'float', bits: 32 }, 0.1],
  [{ kind: 'float', bits: 64 }, ' 1'],
  [{ kind: 'float', bits: 64 }, '1e400'],
  [{ kind: 'float', bits: 64 }, '-1e-400'],
  [{ kind: 'text' }, '\ud800'],
  [{ kind: 'text' }, new Date(Number.NaN)],
  [{ kind: 'json' }, { a: 1n }],
  [{ kind: 'bytes' }, '\\x00'],
  [{ kind: 'uuid' }, '6ba7b810-9dad-11d1-80b4-00c04fd430c'],
  [{ kind: 'date' }, '2026-02-29'],
  [{ kind: 'date' }, '2026-2-1'],
  [{ kind: 'date' }, '2026-01-01T00:00:00Z'],
  [{ kind: 'date' }, new Date(1)],
  [{ kind: 'time' }, '24:00:01'],
  [{ kind: 'time' }, '12:60'],
  [{ kind: 'timestamp' }, '2026-01-01 00:00:00+00'],
  [{ kind: 'timestamp' }, '2026-01-01 24:00:00'],
  [{ kind: 'timestamptz' }, '2026-01-01T00:00:00'],
  [{ kind: 'timestamptz' }, '2026-01-01T00:00:00.1234567Z'],
  [{ kind: 'timestamptz' }, new Date(Number.NaN)],
  [{ kind: 'timestamptz' }, 1_700_000_000],
];

describe('a value that its field cannot hold exactly', () => {
  it.each(REFUSED)('is refused without being told: %j', (type, value) => {
    const reason = fault(type, value);
    expect(reason).toMatch(/^The value of v .*\.$/);
    if (typeof value === 'string' && value.length > 3) expect(reason).not.toContain(value);
  });

  it('leaves the records around it as they are', () => {
    const encoder = createRowEncoder('csv', [
      { id: 'a', logicalType: { kind: 'text' } },
      { id: 'b', logicalType: INT64 },
    ]);
    const rows: readonly Row[] = [
      { a: 'one', b: 1 },
      { a: 'longer than others', b: 'x' },
      { a: 'two' },
      { a: 'three', b: 3 },
    ];
    expect(rows.map((row) => encoder.add(row) === null)).toEqual([true, false, true, true]);
    encoder.undo();
    expect(Buffer.from(encoder.take().payload).toString()).toBe('one,1\ntwo,\n');
  });
});

describe('a row', () => {
  it('has fields of its own only', () => {
    const fields = ['constructor', '__proto__', 'a'].map((id) => ({ id, logicalType: { kind: 'text' as const } }));
    const encoder = createRowEncoder('csv', fields);
    encoder.add({ a: 'x', b: 'ignored' });
    encoder.add(JSON.parse('{"constructor":"c","__proto__":"p"}'));
    expect(Buffer.from(encoder.take().payload).toString()).toBe(',,x\nc,p,\n');
  });

  it('may have its fields in any order, more than are wanted, or fewer', () => {
    const ids = ['a', 'b', '7', 'c', 'd'];
    const encoder = createRowEncoder(
      'csv',
      ids.map((id) => ({ id, logicalType: { kind: 'text' as const } })),
    );
    const rows = fc.sample(fc.shuffledSubarray([...ids, 'e', '1']), { numRuns: 300, seed: 3 });
    for (const names of rows)
      expect(encoder.add(Object.fromEntries(names.map((name) => [name, `of ${name}`])))).toBeNull();
    const lines = rows.map((names) => ids.map((id) => (names.includes(id) ? `of ${id}` : '')).join(','));
    expect(Buffer.from(encoder.take().payload).toString()).toBe(`${lines.join('\n')}\n`);
  });

  it('holds memory for each of its fields, though all are NULL', () => {
    const fields = Array.from({ length: 300 }, (_, i) => ({ id: `f${i}`, logicalType: { kind: 'text' as const } }));
    const encoder = createRowEncoder('csv', fields);
    for (let i = 0; i < 500; i++) encoder.add({});
    expect(encoder.heldBytes).toBeGreaterThan(1024 * 1024);
  });

  it('may come in any number, and long or short, through one encoder', () => {
    const encoder = createRowEncoder('csv', [{ id: 'v', logicalType: { kind: 'text' } }]);
    for (const [count, length] of [
      [5000, 3],
      [1, 9_000_000],
      [0, 0],
      [3, 100],
    ] as const) {
      const text = '"'.repeat(length);
      for (let i = 0; i < count; i++) encoder.add({ v: text });
      expect([encoder.records, encoder.heldBytes]).toEqual([count, count * (8 + length)]);
      const { payload, ends } = encoder.take();
      expect(ends).toHaveLength(count);
      expect(payload.length).toBe(count * (2 * length + 3));
    }
  });
});
