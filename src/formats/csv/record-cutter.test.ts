import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecordCutter } from './record-cutter.ts';

const toText = (payload: Uint8Array) => Buffer.from(payload).toString('utf8');

/** Feeds the text in pieces and returns every record that came out. */
function cut(text: string, pieceBytes: number): string[] {
  const cutter = new RecordCutter(1000);
  const bytes = Buffer.from(text);
  const records: string[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const chunk = cutter.feed(bytes.subarray(at, at + pieceBytes));
    let start = 0;
    for (const end of chunk?.ends ?? []) {
      records.push(toText(chunk?.payload.subarray(start, end) ?? new Uint8Array()));
      start = end;
    }
    expect(start).toBe(chunk?.payload.byteLength ?? 0);
  }
  cutter.end();
  return records;
}

it('cuts behind every newline that is not quoted, wherever the bytes are torn', () => {
  const field = fc.oneof(
    fc.constantFrom('', '""', '"a\nb"', '"a""\n""b"', '"\n"', 'ü', 'plain'),
    fc
      .string({ unit: fc.constantFrom('"', '\n', ',', 'x'), maxLength: 6 })
      .map((text) => `"${text.replaceAll('"', '""')}"`),
  );
  const record = fc.array(field, { minLength: 1, maxLength: 4 }).map((fields) => `${fields.join(',')}\n`);
  fc.assert(
    fc.property(fc.array(record, { maxLength: 12 }), fc.integer({ min: 1, max: 20 }), (records, pieceBytes) => {
      expect(cut(records.join(''), pieceBytes)).toEqual(records);
    }),
  );
});

it('does not touch a chunk that it gave away', () => {
  const cutter = new RecordCutter(1000);
  const input = Buffer.from('a\nb\nc');
  const first = cutter.feed(input);
  input.fill(0x78);
  cutter.feed(Buffer.from('d\n'));
  expect(toText(first?.payload ?? new Uint8Array())).toBe('a\nb\n');
});

it('refuses a record that is cut off, and one that is too long', () => {
  const cutter = new RecordCutter(10);
  cutter.feed(Buffer.from('a\n"b'));
  expect(() => cutter.end()).toThrow(expect.objectContaining({ code: 'FORMAT_CORRUPT' }));
  expect(() => cutter.feed(Buffer.from('0123456789'))).toThrow(expect.objectContaining({ code: 'RECORD_TOO_LARGE' }));
});
