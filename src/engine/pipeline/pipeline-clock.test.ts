import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Load } from '../../connector-kit/index.ts';
import { PipelineClock, timeLoad } from './pipeline-clock.ts';

let now = 0;

beforeEach(() => {
  now = 1_000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => vi.restoreAllMocks());

const pass = (ms: number) => {
  now += ms;
};

describe('PipelineClock', () => {
  it('gives waits to their parts and what lies between them to the codec', async () => {
    const clock = new PipelineClock();
    await clock.wait('source', async () => pass(5));
    pass(3);
    await clock.wait('destination', async () => pass(7));
    pass(2);
    expect(clock.read()).toEqual({ source: 5, codec: 5, destination: 7 });
    expect(clock.read()).toEqual({ source: 5, codec: 5, destination: 7 });
  });

  it('counts the time of a wait that fails', async () => {
    const clock = new PipelineClock();
    const wait = clock.wait('destination', async () => {
      pass(4);
      throw new Error('lost');
    });
    await expect(wait).rejects.toThrow('lost');
    expect(clock.read()).toEqual({ codec: 0, destination: 4 });
  });

  it('calls codec what other segments of the thread took while it waited', async () => {
    const other = new PipelineClock();
    const answered = Promise.withResolvers<void>();
    const clock = new PipelineClock();
    const waiting = clock.wait('source', () => answered.promise);
    pass(60);
    await other.wait('source', async () => {});
    pass(40);
    answered.resolve();
    await waiting;
    expect(clock.read()).toEqual({ source: 40, codec: 60 });
    expect(other.read().codec).toBe(100);
  });
});

describe('timeLoad', () => {
  it('measures by method, and lets methods reach their private fields', async () => {
    class OwnLoad implements Pick<Load, 'digest' | 'published' | 'lookup'> {
      readonly #found = { records: 3, sum: null };
      async digest() {
        pass(8);
        return this.#found;
      }
      async published() {
        pass(2);
        return null;
      }
      async lookup() {
        return { state: 'absent' as const };
      }
    }
    const clock = new PipelineClock();
    // Nothing else is asked of it here.
    const load = timeLoad(new OwnLoad() as unknown as Load, clock);
    const { signal } = new AbortController();
    expect(await load.published(signal)).toBeNull();
    expect(await load.digest(null, true, signal)).toEqual({ records: 3, sum: null });
    expect(await load.lookup({ no: 1, token: 1 }, signal)).toEqual({ state: 'absent' });
    expect(clock.read()).toEqual({ codec: 0, publication: 2, proof: 8 });
  });
});
