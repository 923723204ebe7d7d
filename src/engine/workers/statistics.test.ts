import { expect, it } from 'vitest';
import { Statistics } from './statistics.ts';

function openStatistics(draining: AbortSignal) {
  const statistics = new Statistics(draining);
  const begun: string[] = [];
  const add = (name: string, destinationId = 'destination', organizationId = 'organization') => {
    const end = Promise.withResolvers<void>();
    statistics.add({ organizationId, executionId: `into ${destinationId}`, destinationId }, () => {
      begun.push(name);
      return end.promise;
    });
    return end;
  };
  return { statistics, begun, add };
}

it('collects for one table of a destination after another', async () => {
  const { statistics, begun, add } = openStatistics(new AbortController().signal);
  const [one, two] = [add('one'), add('two')];
  await expect.poll(() => begun).toEqual(['one']);
  one.resolve();
  await expect.poll(() => begun).toEqual(['one', 'two']);
  two.resolve();
  await statistics.ended();
});

it('lets no destination hold up another', async () => {
  const { statistics, begun, add } = openStatistics(new AbortController().signal);
  const slow = ['one', 'two'].map((name) => add(name, 'slow'));
  const quick = ['three', 'four'].map((name) => add(name, 'quick'));
  for (const end of quick) end.resolve();
  await expect.poll(() => begun).toEqual(['one', 'three', 'four']);
  for (const end of slow) end.resolve();
  await statistics.ended();
  expect(begun).toEqual(['one', 'three', 'four', 'two']);
});

it('collects for eight destinations at once, and next for the organization with the fewest', async () => {
  const { statistics, begun, add } = openStatistics(new AbortController().signal);
  const names = Array.from({ length: 10 }, (_, index) => `to ${index}`);
  const ends = [...names.map((name) => add(name, name)), add('other', 'other', 'other')];
  await expect.poll(() => begun).toEqual(names.slice(0, 8));
  ends[3]?.resolve();
  await expect.poll(() => begun).toEqual([...names.slice(0, 8), 'other']);
  for (const end of ends) end.resolve();
  await statistics.ended();
  expect(begun).toHaveLength(11);
});

it('leaves tables alone of which a thousand wait, of that destination', async () => {
  const { statistics, begun, add } = openStatistics(new AbortController().signal);
  const ends = Array.from({ length: 1_001 }, (_, index) => add(`table ${index}`, 'slow'));
  add('another', 'another').resolve();
  for (const end of ends) end.resolve();
  await statistics.ended();
  expect([begun.length, begun.includes('another'), begun.includes('table 1000')]).toEqual([1_001, true, false]);
  add('later', 'slow').resolve();
  await statistics.ended();
  expect(begun).toContain('later');
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
