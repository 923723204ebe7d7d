import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

const LONG_MS = 1_000_000;
const NEVER = new AbortController().signal;

it('wakes everybody who waits, and those who wait later only at the next announcement', async () => {
  const turns = new Turns();
  const woken: string[] = [];
  const wait = (name: string) => turns.wait(turns.count, LONG_MS, NEVER).then(() => void woken.push(name));
  const first = [wait('a'), wait('b')];
  turns.announce();
  await Promise.all(first);
  const later = wait('c');
  await new Promise(setImmediate);
  expect(woken).toEqual(['a', 'b']);
  turns.announce();
  await later;
});

it('does not wait when something was done since the look for work', async () => {
  const turns = new Turns();
  const before = turns.count;
  turns.announce();
  await turns.wait(before, LONG_MS, NEVER);
});

it('ends a wait when the signal fires, before or meanwhile, and when its time is over', async () => {
  const turns = new Turns();
  await turns.wait(0, LONG_MS, AbortSignal.abort());
  const stop = new AbortController();
  const waiting = turns.wait(0, LONG_MS, stop.signal);
  stop.abort();
  await waiting;
  await turns.wait(0, 1, NEVER);
});
