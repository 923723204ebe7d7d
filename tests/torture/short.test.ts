import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { runScenario } from './run.ts';
import { createScenario, describeScenario } from './scenario.ts';
import { createWorld, type World } from './world.ts';

// Five of the runs of `npm run torture`, with less data: every destination, kills at points and moments, dying databases, lost
// replies, a network that fails, a failing fsync.

const SIZE = 8_000;
const SEED = 7;
const RUNS = [5, 8, 16, 23, 42];
const LIMIT_MS = 150_000;

let world: World;

beforeAll(async () => {
  world = await createWorld(SIZE);
  for (const reason of world.missing) console.warn(`Left out of the torture: ${reason}.`);
}, LIMIT_MS);

afterAll(() => world[Symbol.asyncDispose](), LIMIT_MS);

const scenarios = RUNS.map((number) => createScenario(SEED, number, { size: SIZE, wide: false }));

describe('a sync to which bad things happen carries on by itself and ends equal', () => {
  it.each(scenarios.map((scenario) => [describeScenario(scenario), scenario] as const))(
    '%s',
    async (_text, scenario) => {
      onTestFailed(() => console.error(world.readLog().split('\n').slice(-40).join('\n')));
      expect((await runScenario(world, scenario)).problems).toEqual([]);
    },
    LIMIT_MS,
  );
});
