import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellWidth, cutToWidth, formatCount, formatDuration, formatRate, formatTable, formatTime } from './format.ts';

describe('numbers', () => {
  it.each([
    [0, '0'],
    [3_000_000, '3,000,000'],
    [1234.6, '1,235'],
  ])('groups %d as %s', (count, text) => expect(formatCount(count)).toBe(text));

  it.each([
    [0, '0.0 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.6, '1 min 00 s'],
    [185, '3 min 05 s'],
    [7_800, '2 h 10 min'],
  ])('writes %d seconds as %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it('writes rates in decimal megabytes', () => expect(formatRate(52_140_000)).toBe('52.1 MB/s'));

  it('writes times in UTC and leaves what is none', () => {
    expect(formatTime('2025-11-22T09:04:20.123+01:00')).toBe('2025-11-22 08:04:20Z');
    expect(formatTime('soon')).toBe('soon');
  });
});

describe('cells', () => {
  it('counts wide characters twice and combining ones not at all', () => {
    expect(cellWidth('東京')).toBe(4);
    expect(cellWidth('e\u0301')).toBe(1);
  });

  it('never cuts to more than the asked width', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, cells) => {
        expect(cellWidth(cutToWidth(text, cells))).toBeLessThanOrEqual(Math.max(cells, 1));
      }),
    );
  });
});

describe('formatTable', () => {
  it('aligns columns by their widest cell', () => {
    const lines = formatTable(
      [{ title: 'name' }, { title: 'records', align: 'right' }],
      [
        ['東京', '7'],
        ['flights', '3,000'],
      ],
    );
    expect(lines).toEqual(['name     records', '東京           7', 'flights    3,000']);
  });

  it('keeps names of others from writing to the terminal', () => {
    const [, line] = formatTable([{ title: 'name' }], [['a\u001b[2Jb\nc']]);
    expect(line).toBe('a[2Jb c');
  });
});
