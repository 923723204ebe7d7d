import { expect, it } from 'vitest';
import { Statistics } from './statistics.ts';

it('collects for one table after another', async () => {
  const statistics = new Statistics();
  const begun: number[] = [];
  const ends = [1, 2].map(() => Promise.withResolvers<void>());
  const all = ends.map(({ promise }, at) =>
    statistics.add(() => {
      begun.push(at);
      return promise;
    }),
  );
  await expect.poll(() => begun).toEqual([0]);
  ends[0]?.resolve();
  await all[0];
  await expect.poll(() => begun).toEqual([0, 1]);
  ends[1]?.resolve();
  await all[1];
});
