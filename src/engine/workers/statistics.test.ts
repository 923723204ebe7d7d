import { expect, it } from 'vitest';
import { Statistics } from './statistics.ts';

function openStatistics(draining: AbortSignal) {
  const statistics = new Statistics(draining);
  const begun: string[] = [];
  const add = (name: string) => {
    const end = Promise.withResolvers<void>();
    statistics.add(() => {
      begun.push(name);
      return end.promise;
    });
    return end;
  };
  return { statistics, begun, add };
}

it('collects for one table after another', async () => {
  const { statistics, begun, add } = openStatistics(new AbortController().signal);
  const [one, two] = [add('one'), add('two')];
  await expect.poll(() => begun).toEqual(['one']);
  one.resolve();
  await expect.poll(() => begun).toEqual(['one', 'two']);
  two.resolve();
  await statistics.ended();
});

it('begins nothing in a process that stops, which waits for the one that is begun', async () => {
  const drain = new AbortController();
  const { statistics, begun, add } = openStatistics(drain.signal);
  const [one, two] = [add('one'), add('two')];
  await expect.poll(() => begun).toEqual(['one']);
  drain.abort();
  add('three');
  let isEnded = false;
  const ended = statistics.ended().then(() => {
    isEnded = true;
  });
  await new Promise(setImmediate);
  expect(isEnded).toBe(false);
  for (const end of [one, two]) end.resolve();
  await ended;
  expect(begun).toEqual(['one']);
});
