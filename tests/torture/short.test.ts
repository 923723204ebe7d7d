import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { canMount } from '../setup/tight-disk.ts';
import { runScenario } from './run.ts';
import { createScenario, describeScenario } from './scenario.ts';
import { createWorld, type World } from './world.ts';

// Five of the runs of `npm run torture`, with less data: every destination, kills at points and moments, dying databases, lost
// replies, a network that fails, a failing fsync, a full disk, a clock that jumps, repairs, and several workers that die.

const SIZE = 8_000;
/** Seed and number. */
const RUNS = [
  [35, 51],
  [6, 50],
  [15, 57],
  [12, 27],
  [333, 21],
] as const;
/** What the runs must not lose when scenarios are drawn in another way: then choose others. */
const DRAWN = ['clock-jump', 'disk-full', 'fsync', 'half-open', 'kill', 'lost-reply', 'worker-freeze', 'worker-kill'];
const LIMIT_MS = 150_000;

let world: World;

beforeAll(async () => {
  world = await createWorld(SIZE);
  for (const reason of world.missing) console.warn(`Left out of the torture: ${reason}.`);
}, LIMIT_MS);

afterAll(() => world[Symbol.asyncDispose](), LIMIT_MS);

const scenarios = RUNS.map(([seed, number]) => createScenario(seed, number, { size: SIZE, wide: false }));

it('the short form holds what it says', () => {
  const kinds = scenarios.flatMap(({ faults, freeBytes }) => [
    ...faults.map(({ kind }) => kind),
    ...(freeBytes === null ? [] : ['disk-full']),
  ]);
  expect(kinds).toEqual(expect.arrayContaining(DRAWN));
  expect(scenarios.filter(({ alters, workers }) => alters && workers > 0)).not.toEqual([]);
  expect(new Set(scenarios.map(({ destination }) => destination)).size).toBe(3);
});

describe('a sync to which bad things happen carries on by itself and ends equal', () => {
  it.each(scenarios.map((scenario) => [describeScenario(scenario), scenario] as const))(
    '%s',
    async (_text, scenario) => {
      onTestFailed(() => console.error(world.readLog().split('\n').slice(-40).join('\n')));
      const { problems, struck } = await runScenario(world, scenario);
      expect(problems).toEqual([]);
      if (scenario.freeBytes !== null && canMount()) expect(struck).toContain('disk-full');
    },
    LIMIT_MS,
  );
});
