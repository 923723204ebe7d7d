import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readFields } from './fields.ts';

function read(record: string): (string | null)[] {
  const payload = Buffer.from(`before\n${record}after\n`);
  return readFields(payload, 7, 7 + Buffer.byteLength(record));
}

it('reads back what a writer of RFC 4180 wrote, NULL apart from the empty text', () => {
  const field = fc.option(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', 'ü', ' ') }), { nil: null });
  const write = (text: string | null) => {
    if (text === null) return '';
    return text === '' || /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 6 }), (fields) => {
      expect(read(`${fields.map(write).join(',')}\n`)).toEqual(fields);
    }),
  );
});

it.each(['"a\n', '"a""\n', '"a"b\n', 'a,"\n'])('refuses %j: a quote is not closed', (record) => {
  expect(() => read(record)).toThrow(expect.objectContaining({ code: 'FORMAT_CORRUPT' }));
});

it('refuses a record without its newline', () => {
  expect(() => read('a,b')).toThrow(expect.objectContaining({ code: 'FORMAT_CORRUPT' }));
});
