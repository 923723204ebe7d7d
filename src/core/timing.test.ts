import { describe, expect, it } from 'vitest';
import { addTimes, findBottleneck, sumTimes } from './timing.ts';

describe('findBottleneck', () => {
  it('names the longest time', () => {
    const parts = { source: 40, codec: 70, destination: 60 };
    expect(findBottleneck({ waiting: 10, planning: 20, parts })).toBe('codec');
    expect(findBottleneck({ waiting: 10, planning: 80, parts })).toBe('planning');
    expect(findBottleneck({ waiting: 90, planning: 80, parts })).toBe('waiting');
  });

  it('takes all waiting together', () => {
    const parts = { source: 40, waiting: 30 };
    expect(findBottleneck({ waiting: 20, planning: 0, parts })).toBe('waiting');
    expect(findBottleneck({ waiting: 9, planning: 0, parts })).toBe('source');
  });

  it('never names idle lanes', () => {
    expect(findBottleneck({ waiting: 0, planning: 0, parts: { idle: 1_000, proof: 1 } })).toBe('proof');
  });

  it('is null when nothing took any time', () => {
    expect(findBottleneck({ waiting: 0, planning: 0, parts: { source: 0 } })).toBeNull();
  });
});

describe('addTimes', () => {
  it('adds part by part and leaves out what took none', () => {
    const sum = addTimes({ source: 1, codec: 2 }, { codec: 3, idle: 4, proof: 0 });
    expect(sum).toEqual({ source: 1, codec: 5, idle: 4 });
    expect(sumTimes(sum)).toBe(10);
  });
});
