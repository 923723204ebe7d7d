import fc from 'fast-check';
import { expect, it } from 'vitest';
import { findWayBack } from './schedule.ts';

const NODES = ['a', 'b', 'c', 'd', 'e', 'f'];
const chains = fc
  .dictionary(fc.constantFrom(...NODES), fc.subarray(NODES))
  .map((edges) => new Map(Object.entries(edges)));

/** Everything that is waited for, near or far. */
function reach(first: readonly string[], edges: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set(first);
  for (const node of found) for (const next of edges.get(node) ?? []) found.add(next);
  return found;
}

it('finds a way from a sync back to itself just where there is one', () => {
  fc.assert(
    fc.property(fc.constantFrom(...NODES), fc.subarray(NODES), chains, (id, first, edges) => {
      const way = findWayBack(id, first, edges);
      expect(way !== null).toBe(reach(first, edges).has(id));
      if (way === null) return;
      const steps = [...way, id];
      expect(first).toContain(steps[0]);
      for (const [index, at] of way.entries()) expect(edges.get(at)).toContain(steps[index + 1]);
    }),
  );
});
