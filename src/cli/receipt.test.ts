import { describe, expect, it } from 'vitest';
import type { ReceiptBody, SchemaReceiptBody } from '../contract/index.ts';
import { receiptLines, rejectLines } from './receipt.ts';
import { createTerminal } from './terminal.ts';

const plain = createTerminal({ write: () => {} }, { hasColour: false });
const SUM = '0123456789abcdef0123456789abcdef';

function receipt(part: Partial<SchemaReceiptBody>): ReceiptBody {
  const schema: SchemaReceiptBody = {
    schema: 'public.flights',
    output_name: 'demo.flights',
    scope: 'snapshot',
    depth: 'checksums',
    load: 'merge',
    verdict: 'equal',
    notes: [],
    positions: [{ position: '0/1A2B3C', taken_at: '2025-11-22T08:00:00Z' }],
    hashing: 'native:pgcopy-binary',
    format: 'pgcopy-binary',
    source: { records: 3_000_000, sum: SUM },
    destination: { records: 3_000_000, sum: SUM },
    counts: { read: 3_000_000, written: 5_000, unchanged: 2_995_000, deleted: 1, rejected: 2 },
    conversions: [],
    differences: [],
    differing: null,
    repaired: null,
    ...part,
  };
  const { verdict, depth } = schema;
  return { execution_id: 'e', sync_id: 's', issued_at: '2025-11-22T08:00:09Z', depth, verdict, schemas: [schema] };
}

describe('receiptLines', () => {
  it('shows verdict, every count, both sums, and where the source was read', () => {
    const text = receiptLines(receipt({}), plain).join('\n');
    for (const part of ['equal', 'checksums', '3,000,000', '5,000', '2,995,000', '0123456789abcdef…', '0/1A2B3C']) {
      expect(text).toContain(part);
    }
  });

  it('hides nothing that is not proved, converted or different', () => {
    const text = receiptLines(
      receipt({
        verdict: 'different',
        notes: ['deletes are not seen'],
        conversions: ['mood: enum mood as text'],
        destination: { records: 2_999_999, sum: null },
        differences: [
          { range: 'id from 1 to 10', source: { records: 10, sum: SUM }, destination: { records: 9, sum: SUM } },
        ],
      }),
      plain,
    ).join('\n');
    for (const part of [
      'different',
      'deletes are not seen',
      'mood: enum mood as text',
      'id from 1 to 10',
      '10 records',
      '9 at',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('says once what is true of every schema', () => {
    const [flights] = receipt({ notes: ['only flights'] }).schemas;
    const [movies] = receipt({ schema: 'public.movies' }).schemas;
    const schemas = [flights, movies].filter((schema) => schema !== undefined);
    const text = receiptLines({ ...receipt({}), schemas }, plain).join('\n');
    expect(text.match(/0\/1A2B3C/g)).toHaveLength(1);
    expect(text).toMatch(/every schema\n {2}read at[\s\S]*public\.flights\n {2}only flights$/);
  });

  it('shows a dash where a side was not looked at', () => {
    const lines = receiptLines(receipt({ verdict: 'unproved', destination: null, depth: 'counts' }), plain);
    expect(lines.join('\n')).toMatch(/3,000,000 +- +0123/);
  });
});

describe('rejectLines', () => {
  it('names records by their key, or says that they have none', () => {
    const at = '2025-11-22T08:00:00Z';
    const text = rejectLines([
      { schema: 'a', key: { id: '7', part: null }, reason: 'too long for name', created_at: at },
      { schema: 'b', key: null, reason: 'no such value', created_at: at },
    ]).join('\n');
    expect(text).toContain('id = 7, part = NULL');
    expect(text).toContain('no key');
  });
});
