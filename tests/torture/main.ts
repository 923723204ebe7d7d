import { parseArgs } from 'node:util';
import { writeFigures } from './figures.ts';
import { runScenario } from './run.ts';
import { createScenario, describeScenario, type Scenario } from './scenario.ts';
import { createSummary, describeSummary, type Summary } from './summary.ts';
import { createWorld, healWorld, type World } from './world.ts';

const SIZE = 120_000;
const USAGE =
  'npm run torture -- [--seconds <number>] [--runs <number>] [--seed <number>] [--only <run>] [--size <records>] [--json] [--docs] [--log]';

interface Arguments {
  readonly seconds: number | null;
  readonly runs: number | null;
  readonly seed: number;
  readonly only: number | null;
  readonly size: number;
  readonly isJson: boolean;
  readonly writesDocs: boolean;
  readonly showsLog: boolean;
}

/** Many syncs under kills and faults. Exit code 0 when everything was equal in the end. */
async function main(): Promise<number> {
  const given = readArguments();
  const say = given.isJson ? () => {} : (line: string) => console.log(line);
  const world = await createWorld(given.size);
  stopOnSignals(world);
  const summary = createSummary(given.seed, given.size, world.missing);
  try {
    say(`Seed ${given.seed}. Sources are written to all the while.`);
    for (const reason of world.missing) say(`Left out: ${reason}.`);
    const begun = performance.now();
    const last = given.runs ?? (given.seconds === null ? 20 : Number.POSITIVE_INFINITY);
    const limitMs = given.seconds === null ? Number.POSITIVE_INFINITY : given.seconds * 1_000;
    const numbers = given.only === null ? count(last) : [given.only];
    for (const number of numbers) {
      if (performance.now() - begun > limitMs) break;
      await runOne(world, given, number, summary, say);
    }
    summary.seconds = Math.round((performance.now() - begun) / 1_000);
    if (given.writesDocs) writeFigures(summary);
    console.log(given.isJson ? JSON.stringify(summary) : describeSummary(summary));
    return summary.failures.length === 0 ? 0 : 1;
  } finally {
    if (given.showsLog) console.log(world.readLog());
    await world[Symbol.asyncDispose]();
  }
}

function* count(last: number): Generator<number> {
  for (let number = 1; number <= last; number += 1) yield number;
}

async function runOne(
  world: World,
  { seed, size }: Arguments,
  number: number,
  summary: Summary,
  say: (line: string) => void,
): Promise<void> {
  const scenario = createScenario(seed, number, { size, wide: true });
  say(`\n${number}. ${describeScenario(scenario)}`);
  summary.runs += 1;
  const logged = world.readLog().length;
  try {
    const report = await runScenario(world, scenario);
    summary.add(scenario, report);
    const end =
      report.kills === 0
        ? `${report.phase}: ${report.status}`
        : `killed while: ${report.phase}\n   answered ${toSeconds(report.answeredMs)} and ended ${toSeconds(report.endedMs)} after the new start: ${report.status}`;
    say(
      `   ${end}; struck: ${report.struck.join(', ') || 'nothing'}; ${report.repaired} records repaired; ${report.transactions} transactions in the source, ` +
        `${report.records} records compared: ${report.problems.length === 0 ? 'equal' : 'NOT EQUAL'}`,
    );
    if (report.problems.length === 0) return;
    summary.failures.push({ run: number, problems: report.problems });
  } catch (error) {
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    summary.failures.push({ run: number, problems: [problem] });
  }
  for (const problem of summary.failures.at(-1)?.problems ?? []) say(`   - ${problem}`);
  await giveUpServer(world, scenario, logged, say);
}

/** The next run shall not suffer from this one's server; its last words help to find out why. */
async function giveUpServer(
  world: World,
  { workers }: Scenario,
  logged: number,
  say: (line: string) => void,
): Promise<void> {
  const lines = world.readLog().slice(logged).trimEnd().split('\n');
  const told = lines.filter((line) => !line.startsWith('{"level":"info"') || line.includes('Execution ended'));
  for (const line of told.slice(-40)) say(`   | ${line.slice(0, 600)}`);
  const installation = await world.installationOf(workers);
  await installation.kill();
  await healWorld(world, installation);
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string' },
      runs: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string' },
      size: { type: 'string' },
      json: { type: 'boolean' },
      docs: { type: 'boolean' },
      log: { type: 'boolean' },
    },
  });
  const toNumber = (text: string | undefined): number | null => {
    if (text === undefined) return null;
    if (!/^\d{1,9}$/.test(text)) throw new Error(`"${text}" is not a number. ${USAGE}`);
    return Number(text);
  };
  return {
    seconds: toNumber(values.seconds),
    runs: toNumber(values.runs),
    seed: toNumber(values.seed) ?? Math.floor(Math.random() * 1e6),
    only: toNumber(values.only),
    size: toNumber(values.size) ?? SIZE,
    isJson: values.json === true,
    writesDocs: values.docs === true,
    showsLog: values.log === true,
  };
}

/** Ctrl-C ends everything at once and leaves nothing. */
function stopOnSignals(world: World): void {
  let ending = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (ending) return;
      ending = true;
      void Promise.resolve(world[Symbol.asyncDispose]()).finally(() => process.exit(130));
    });
  }
}

function toSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

const exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 1;
});
// All of ours is closed. Left to itself, Node has waited for ever for handles of its own after an hour of children killed.
process.exit(exitCode);
