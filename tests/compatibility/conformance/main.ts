import { parseArgs } from 'node:util';
import { API_VERSIONS, type ApiVersion } from '../../../src/contract/index.ts';
import { readContract } from '../contract.ts';
import { REFUSALS } from '../differences.ts';
import type { Outcome } from './calls.ts';
import { AREAS } from './cases/index.ts';
import { callFailures } from './failures.ts';
import { type SdkOutcome, writeMatrix } from './matrix-page.ts';
import { describeNegative, sendMisfits } from './negative.ts';
import { summarize, tell } from './report.ts';
import { Scene } from './scene.ts';
import { createHttpTransport, createSdkTransport, nameMethod, SDK_VERSION } from './transports.ts';
import { createWorld, type World } from './world.ts';

const USAGE = 'npm run conformance -- [--version <date>] [--area <name>] [--docs] [--log]';

/** Every operation of every version against a real server. Exit code 0 when nothing is unexplained. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      version: { type: 'string' },
      area: { type: 'string' },
      docs: { type: 'boolean' },
      log: { type: 'boolean' },
    },
  });
  const versions = API_VERSIONS.filter((version) => values.version === undefined || version === values.version);
  const areas = Object.entries(AREAS).filter(([name]) => values.area === undefined || name === values.area);
  if (versions.length === 0 || areas.length === 0) {
    console.error(USAGE);
    return 2;
  }
  await using world = await createWorld();
  let unexplained = 0;
  for (const version of versions) unexplained += await runVersion(world, version, areas);
  if (versions.includes(SDK_VERSION)) unexplained += await runSdk(world, areas, values.docs === true);
  console.log(`${unexplained} unexplained`);
  if (values.log === true) console.error(world.readLog());
  return unexplained === 0 ? 0 : 1;
}

type Areas = readonly (readonly [string, (scene: Scene) => Promise<void>])[];

/** A case that cannot go on is a problem of its own, and the others go on. */
async function runAreas(scene: Scene, areas: Areas): Promise<Outcome[]> {
  const broken: Outcome[] = [];
  for (const [name, run] of areas) {
    try {
      await run(scene);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      broken.push({ operation: `the cases of ${name}`, status: 0, problems: [problem] });
    }
  }
  return broken;
}

async function runVersion(world: World, version: ApiVersion, areas: Areas): Promise<number> {
  const http = createHttpTransport(world.target);
  const contracts = {
    own: readContract(version),
    wider: version === '2023-04-25' ? readContract(SDK_VERSION) : null,
  };
  const scene = new Scene(version, world.furniture, contracts, { tested: http, maker: http });
  const broken = await runAreas(scene, areas);
  const failures = await callFailures(contracts.own, http, version);
  const refusals = REFUSALS.filter(({ versions }) => versions.includes(version));
  const summary = summarize(contracts.own, [...scene.outcomes, ...broken], failures, refusals);
  for (const line of tell(version, summary)) console.log(line);
  const negative = await sendMisfits(contracts.own, http, version);
  for (const line of describeNegative(version, negative)) console.log(line);
  return summary.unexplained.length + negative.filter(({ problem }) => problem !== null).length;
}

/** Everything that the official client can ask, and what came of it. */
async function runSdk(world: World, areas: Areas, writesDocs: boolean): Promise<number> {
  const own = readContract(SDK_VERSION);
  const [maker, tested] = [createHttpTransport(world.target), createSdkTransport(world.target, own)];
  const scene = new Scene(SDK_VERSION, world.furniture, { own, wider: null }, { tested, maker });
  const broken = await runAreas(scene, areas);
  const outcomes: SdkOutcome[] = [...own.operations.keys()].map((operation) => {
    const calls = scene.outcomes.filter((outcome) => outcome.operation === operation);
    const refusal = REFUSALS.find((found) => found.versions.includes(SDK_VERSION) && found.operation === operation);
    return { method: nameMethod(own, operation), operation, calls, refusal: refusal?.reason ?? null };
  });
  const failed = outcomes.filter(({ calls, refusal }) => refusal === null && !isPassed(calls));
  console.log(`SDK at ${SDK_VERSION}: ${outcomes.length} methods, ${outcomes.length - failed.length} as published`);
  for (const { method, calls } of failed) console.log(`  ${method}: ${describeCalls(calls)}`);
  for (const { operation, problems } of broken) console.log(`  ${operation}: ${problems.join('; ')}`);
  if (writesDocs) writeMatrix(outcomes);
  return failed.length + broken.length;
}

function isPassed(calls: readonly Outcome[]): boolean {
  return calls.length > 0 && calls.every(({ problems }) => problems.length === 0);
}

function describeCalls(calls: readonly Outcome[]): string {
  return calls.length === 0 ? 'not called' : calls.flatMap(({ problems }) => problems).join('; ');
}

process.exitCode = await main();
