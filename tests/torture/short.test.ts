import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFailed } from 'vitest';
import { createTestHome } from '../setup/millrace.ts';
import { RunDatabases } from './databases.ts';
import { closeServer, runScenario, type World } from './run.ts';
import { createScenario, describeScenario } from './scenario.ts';

// Five of the runs of `npm run torture`, with less data: every destination, replace, merge and delta, a moment and four points.

const SIZE = 20_000;
const SEED = 1;
const RUNS = [1, 2, 8, 10, 18];
const LIMIT_MS = 150_000;

let world: World;

beforeAll(async () => {
  const server = { superuserUrl: inject('postgresSuperuserUrl'), ownerUrl: inject('postgresOwnerUrl') };
  const prefix = `torture_${randomBytes(4).toString('hex')}`;
  world = {
    home: await createTestHome(),
    databases: new RunDatabases(server, SIZE, prefix),
    server: null,
    failpoints: '',
  };
});

afterAll(async () => {
  await closeServer(world);
  await world.home[Symbol.asyncDispose]();
  await world.databases[Symbol.asyncDispose]();
}, LIMIT_MS);

const scenarios = RUNS.map((number) => createScenario(SEED, number, { size: SIZE, wide: false }));

describe('a server that is killed carries on by itself and ends equal', () => {
  it.each(scenarios.map((scenario) => [describeScenario(scenario), scenario] as const))(
    '%s',
    async (_text, scenario) => {
      onTestFailed(() => console.error(world.home.readLog().split('\n').slice(-40).join('\n')));
      expect((await runScenario(world, scenario)).problems).toEqual([]);
    },
    LIMIT_MS,
  );
});
