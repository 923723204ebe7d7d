import { expect, it } from 'vitest';
import { Statistics } from './statistics.ts';

it('collects for one table after another, and begins none in a process that stops', async () => {
  const drain = new AbortController();
  const statistics = new Statistics(drain.signal);
  const begun: number[] = [];
  const ends = [1, 2, 3].map(() => Promise.withResolvers<void>());
  for (const [at, { promise }] of ends.entries()) {
    statistics.add(() => {
      begun.push(at);
      return promise;
    });
  }
  await expect.poll(() => begun).toEqual([0]);
  ends[0]?.resolve();
  await expect.poll(() => begun).toEqual([0, 1]);
  drain.abort();
  ends[1]?.resolve();
  await new Promise(setImmediate);
  expect(begun).toEqual([0, 1]);
});
