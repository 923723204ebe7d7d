import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

const LONG_MS = 1_000_000;
const NEVER = new AbortController().signal;

it('wakes all lanes that wait, and those that wait later only at the next announcement', async () => {
  const turns = new Turns();
  const woken: string[] = [];
  const wait = (lane: string) => {
    const turn = turns.join('execution');
    return turn.wait(turn.count, LONG_MS, NEVER).then(() => void woken.push(lane));
  };
  const busy = turns.join('execution');
  const first = [wait('a'), wait('b')];
  busy.announce();
  await Promise.all(first);
  const later = wait('c');
  await new Promise(setImmediate);
  expect(woken).toEqual(['a', 'b']);
  busy.announce();
  await later;
});

it('wakes no lane of another execution', async () => {
  const turns = new Turns();
  const [one, other] = [turns.join('one'), turns.join('other')];
  let isWoken = false;
  const waiting = one.wait(one.count, LONG_MS, NEVER).then(() => {
    isWoken = true;
  });
  other.announce();
  await new Promise(setImmediate);
  expect([isWoken, one.count, other.count]).toEqual([false, 0, 1]);
  turns.join('one').announce();
  await waiting;
});

it('forgets an execution with the last of its lanes', () => {
  const turns = new Turns();
  const [first, last] = [turns.join('execution'), turns.join('execution')];
  first.announce();
  const countOfNext = () => {
    using next = turns.join('execution');
    return next.count;
  };
  first[Symbol.dispose]();
  expect(countOfNext()).toBe(1);
  last[Symbol.dispose]();
  expect(countOfNext()).toBe(0);
});

it('does not wait when something was done since the look for work', async () => {
  const turn = new Turns().join('execution');
  const before = turn.count;
  turn.announce();
  await turn.wait(before, LONG_MS, NEVER);
});

it('ends a wait when the signal fires, before or meanwhile, and when its time is over', async () => {
  const turn = new Turns().join('execution');
  await turn.wait(0, LONG_MS, AbortSignal.abort());
  const stop = new AbortController();
  const waiting = turn.wait(0, LONG_MS, stop.signal);
  stop.abort();
  await waiting;
  await turn.wait(0, 1, NEVER);
});
