import { describe, expect, it } from 'vitest';
import { Places } from './places.ts';

const NEVER = new AbortController().signal;
const owner = (organizationId: string, executionId: string) => ({ organizationId, executionId });

/** Asks for a place and notes who got one. */
function ask(places: Places, got: string[], organizationId: string, executionId: string): Promise<Disposable | null> {
  return places.take(owner(organizationId, executionId), NEVER).then((place) => {
    got.push(`${organizationId}${executionId}`);
    return place;
  });
}

describe('the places of a process', () => {
  it('are given at once while there are free ones, and not beyond', async () => {
    const places = new Places(2);
    const got: string[] = [];
    const first = await ask(places, got, 'a', '1');
    await ask(places, got, 'a', '1');
    const third = ask(places, got, 'a', '1');
    await Promise.resolve();
    expect(got).toHaveLength(2);
    expect(places.load).toEqual({ total: 2, held: 2, waiting: 1 });
    first?.[Symbol.dispose]();
    await third;
    expect(got).toHaveLength(3);
  });

  it('go to the organization that has the fewest, whoever came first', async () => {
    const places = new Places(3);
    const got: string[] = [];
    const held = await Promise.all([1, 2, 3].map((number) => ask(places, got, 'big', String(number))));
    const waiting = [4, 5, 6].map((number) => ask(places, got, 'big', String(number)));
    const small = ask(places, got, 'small', '1');
    held[0]?.[Symbol.dispose]();
    await small;
    expect(got.slice(3)).toEqual(['small1']);
    held[1]?.[Symbol.dispose]();
    await waiting[0];
    expect(got.slice(4)).toEqual(['big4']);
  });

  it('go to the execution that has the fewest, within an organization', async () => {
    const places = new Places(2);
    const got: string[] = [];
    const [first] = await Promise.all([ask(places, got, 'a', '1'), ask(places, got, 'a', '1')]);
    const again = ask(places, got, 'a', '1');
    const other = ask(places, got, 'a', '2');
    first?.[Symbol.dispose]();
    await other;
    expect(got.slice(2)).toEqual(['a2']);
    void again;
  });

  it('are given one at a time to an execution that was narrowed, until it is forgotten', async () => {
    const places = new Places(5);
    const got: string[] = [];
    const [first, second] = await Promise.all([ask(places, got, 'a', '1'), ask(places, got, 'a', '1')]);
    places.narrow('1');
    const third = ask(places, got, 'a', '1');
    await ask(places, got, 'a', '2');
    first?.[Symbol.dispose]();
    await ask(places, got, 'b', '3');
    expect(got).toEqual(['a1', 'a1', 'a2', 'b3']);
    second?.[Symbol.dispose]();
    const fourth = ask(places, got, 'a', '1');
    await third;
    expect(got).toEqual(['a1', 'a1', 'a2', 'b3', 'a1']);
    places.forget('1');
    await ask(places, got, 'c', '4');
    await fourth;
    expect(got.toSorted()).toEqual(['a1', 'a1', 'a1', 'a1', 'a2', 'b3', 'c4']);
  });

  it('are not given to who has stopped waiting, nor given back twice', async () => {
    const places = new Places(1);
    const got: string[] = [];
    const held = await ask(places, got, 'a', '1');
    const stop = new AbortController();
    const left = places.take(owner('a', '2'), stop.signal);
    stop.abort();
    expect(await left).toBeNull();
    held?.[Symbol.dispose]();
    held?.[Symbol.dispose]();
    await ask(places, got, 'a', '3');
    expect(places.load).toEqual({ total: 1, held: 1, waiting: 0 });
    expect(await places.take(owner('a', '4'), stop.signal)).toBeNull();
  });
});
