import { describe, expect, it } from 'vitest';
import { cellWidth } from './format.ts';
import { progressLines, progressSummary, type SchemaProgress } from './progress.ts';

function schema(part: Partial<SchemaProgress>): SchemaProgress {
  return {
    schema: 'public.flights',
    output_name: null,
    status: 'running',
    phase: 'reading',
    records: 0,
    bytes: 0,
    records_per_second: null,
    bytes_per_second: null,
    estimated_records: null,
    seconds_left: null,
    ...part,
  };
}

const WIDE = { columns: 200, rows: 50 };
const moving = schema({
  records: 1_500_000,
  records_per_second: 412_000,
  bytes_per_second: 52_100_000,
  estimated_records: 3_000_000,
  seconds_left: 3.6,
});

describe('progressLines', () => {
  it('shows records, rates and the time left of what moves', () => {
    const [, line = ''] = progressLines([moving], WIDE);
    for (const part of ['public.flights', 'reading', '1,500,000', '412,000', '52.1 MB/s', '3.6 s']) {
      expect(line).toContain(part);
    }
  });

  it('is never full before the end, whatever the estimate said', () => {
    const [, early = ''] = progressLines([schema({ records: 10, estimated_records: 5 })], WIDE);
    const [, late = ''] = progressLines([schema({ status: 'completed', phase: 'done', records: 10 })], WIDE);
    expect(early).toContain('░');
    expect(late).not.toContain('░');
  });

  it('fits the terminal and shows what works first', () => {
    const waiting = Array.from({ length: 30 }, (_, number) =>
      schema({ schema: `t${number}`, status: 'created', phase: 'waiting' }),
    );
    const lines = progressLines([...waiting, moving], { columns: 40, rows: 12 });
    expect(lines.length).toBeLessThanOrEqual(12);
    expect(lines.every((line) => cellWidth(line) <= 40)).toBe(true);
    expect(lines[1]).toContain('public.flights');
    expect(lines.at(-1)).toContain('24 more schemas');
  });
});

describe('progressSummary', () => {
  it('sums what runs', () => {
    const done = schema({ status: 'completed', phase: 'done', records: 500, records_per_second: 999 });
    expect(progressSummary([done, moving])).toBe(
      '1 of 2 schemas done, 1,500,500 records read, 412,000 records/s, 52.1 MB/s, about 3.6 s of reading left',
    );
  });

  it('says that reading is over while results are published', () => {
    const finishing = schema({ phase: 'finishing', records: 500, estimated_records: 600, records_per_second: 9 });
    expect(progressSummary([finishing])).toBe('0 of 1 schemas done, 1 being published and verified, 500 records read');
  });

  it('does not guess the time left from the first records', () => {
    expect(progressSummary([{ ...moving, records: 100 }])).not.toContain('left');
  });
});
