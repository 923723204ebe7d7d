import { describe, expect, it } from 'vitest';
import { LOAD_PLAN, sumOfLines } from '../../../tests/setup/memory-load.ts';
import type { SegmentRange } from '../../connector-kit/index.ts';
import type { Chunk } from '../../formats/index.ts';
import { type ComparedSides, compareSchema } from './compare-schema.ts';
import type { Question } from './question.ts';
import { openViewer } from './viewer.ts';

const SPLIT = 1_000;
const LIMITS = { maxLookedAt: 600, listedAtOnce: 100 };
const LOW: SegmentRange = { text: 'low', value: {}, key: { field: 'id', from: null, to: String(SPLIT) } };
const HIGH: SegmentRange = { text: 'high', value: {}, key: { field: 'id', from: String(SPLIT), to: null } };
const BLOCKS: SegmentRange = { text: 'blocks', value: {} };

const linesOf = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${from + i},name ${from + i}\n`);
const SOURCE = linesOf(0, 2 * SPLIT);

function toChunk(lines: readonly string[]): Chunk {
  let end = 0;
  const ends = Uint32Array.from(lines, (line) => (end += Buffer.byteLength(line)));
  return { format: 'csv', payload: new Uint8Array(Buffer.from(lines.join(''))), ends };
}

function isWithin(line: string, range: SegmentRange | null): boolean {
  const [text = ''] = line.split(',');
  if (range?.key !== undefined && text === '') return false;
  const id = Number(text);
  const { from = null, to = null } = range?.key ?? {};
  return (from === null || id >= Number(from)) && (to === null || id < Number(to));
}

/** Both sides in memory, and what was asked of them. */
function open(destination: readonly string[]): { readonly sides: ComparedSides; readonly asked: string[] } {
  const asked: string[] = [];
  const look = async (side: string, lines: readonly string[], range: SegmentRange | null, question: Question) => {
    asked.push(`${side} ${range?.text ?? 'all'} ${question.what}`);
    const viewer = openViewer(LOAD_PLAN, question);
    viewer.add(toChunk(lines.filter((line) => isWithin(line, range))));
    return viewer.result();
  };
  return {
    sides: {
      lookAtSource: (segment, question) => look('source', SOURCE, segment, question),
      lookAtImage: (range, question) => look('image', destination, range, question),
    },
    asked,
  };
}

const ranged = [LOW, HIGH].map((range) => ({
  range,
  source: sumOfLines(SOURCE.filter((line) => isWithin(line, range))),
}));

describe('compareSchema', () => {
  it('reads the destination once where both sides are equal', async () => {
    const { sides, asked } = open(SOURCE);
    const comparison = await compareSchema(ranged, sides, LIMITS);
    expect(comparison.ranges).toEqual([]);
    expect(comparison.destination).toEqual(sumOfLines(SOURCE));
    expect(asked).toEqual(['image low sum', 'image high sum', 'image all sum']);
  });

  it('reads again only the range that differs, and names its records', async () => {
    const altered = SOURCE.filter((line) => line !== '1700,name 1700\n').map((line) =>
      line === '1999,name 1999\n' ? '1999,Name 1999\n' : line,
    );
    const { sides, asked } = open([...altered, '2001,extra\n']);
    const { ranges, isComplete } = await compareSchema(ranged, sides, LIMITS);
    expect(isComplete).toBe(true);
    expect(ranges.map(({ range, segments }) => [range, segments])).toEqual([['high', [HIGH]]]);
    const found = ranges[0]?.records.map(({ kind, key }) => `${kind} ${key?.id}`).sort();
    expect(found).toEqual(['different 1999', 'extra 2001', 'missing 1700']);
    expect(asked.filter((question) => question.includes('low'))).toEqual(['image low sum']);
    expect(asked.slice(3)).toEqual([
      'source high buckets',
      'image high buckets',
      'source high records',
      'image high records',
    ]);
  });

  it('compares as a whole where ranges are no key ranges', async () => {
    const expected = [{ range: BLOCKS, source: sumOfLines(SOURCE) }];
    const { sides } = open(SOURCE.slice(1));
    const { ranges } = await compareSchema(expected, sides, LIMITS);
    expect(ranges[0]?.records.map(({ kind, key }) => [kind, key])).toEqual([['missing', { id: '0' }]]);
  });

  it('finds records that lie in no range', async () => {
    const { sides } = open([...SOURCE, ',no key\n']);
    const { ranges } = await compareSchema(ranged, sides, LIMITS);
    expect(ranges.map(({ range, records }) => [range, records.length])).toEqual([['whole table', 1]]);
  });

  it('says when more differs than it looks at', async () => {
    const some = await compareSchema(ranged, open(SOURCE.slice(500)).sides, LIMITS);
    expect([some.isComplete, some.ranges.map(({ records }) => records.length)]).toEqual([true, [500]]);
    const none = await compareSchema(ranged, open([]).sides, LIMITS);
    expect([none.isComplete, none.ranges.length]).toEqual([false, 2]);
    const listed = none.ranges.reduce((sum, { records }) => sum + records.length, 0);
    expect(listed).toBeGreaterThan(0);
    expect(listed).toBeLessThanOrEqual(LIMITS.maxLookedAt);
  });
});
