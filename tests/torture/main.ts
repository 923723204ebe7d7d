import { parseArgs } from 'node:util';
import { createLogger, startEmbeddedPostgres } from '../../src/runtime/index.ts';
import { createTestHome, type TestHome } from '../setup/millrace.ts';
import { RunDatabases } from './databases.ts';
import { closeServer, runScenario, type World } from './run.ts';
import { createScenario, describeScenario } from './scenario.ts';

const SIZE = 120_000;
const USAGE = 'npm run torture -- [--runs 20] [--seed <number>] [--only <run>] [--log]';

/** Many syncs, one kill -9 each. Exit code 0 when everything was equal in the end. */
async function main(): Promise<number> {
  const { runs, seed, only, showsLog } = readArguments();
  console.log(`Seed ${seed}. Sources are written to all the while; each run kills the server, some kill it twice.`);
  await using databaseHome = await createTestHome();
  await using serverHome = await createTestHome();
  stopOnSignals([databaseHome, serverHome]);
  const server = await startEmbeddedPostgres({
    home: databaseHome.folder,
    name: 'torture',
    // It is Millrace that crashes here.
    settings: { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_wal_size: '4GB' },
    log: createLogger({ level: 'error' }),
  });
  const databases = new RunDatabases({ superuserUrl: server.superuserUrl, ownerUrl: server.url }, SIZE, 'torture');
  const world: World = { home: serverHome, databases, server: null, failpoints: '' };
  try {
    const failed: number[] = [];
    for (const number of only === null ? Array.from({ length: runs }, (_, index) => index + 1) : [only]) {
      if (!(await runOne(world, seed, number))) failed.push(number);
    }
    const total = only === null ? runs : 1;
    console.log(`${total - failed.length} of ${total} runs ended equal.`);
    for (const number of failed) console.log(`Again: npm run torture -- --seed ${seed} --only ${number}`);
    return failed.length === 0 ? 0 : 1;
  } finally {
    if (showsLog) console.log(serverHome.readLog());
    await closeServer(world);
    await server.stop();
  }
}

async function runOne(world: World, seed: number, number: number): Promise<boolean> {
  const scenario = createScenario(seed, number, { size: SIZE, wide: true });
  console.log(`\n${number}. ${describeScenario(scenario)}`);
  try {
    const report = await runScenario(world, scenario);
    console.log(
      `   killed while: ${report.phase}\n   answered ${toSeconds(report.answeredMs)} and ended ${toSeconds(report.endedMs)} after the new start; ` +
        `${report.transactions} transactions in the source: ${report.problems.length === 0 ? 'equal' : 'NOT EQUAL'}`,
    );
    for (const problem of report.problems) console.log(`   - ${problem}`);
    if (report.problems.length > 0) await giveUpServer(world);
    return report.problems.length === 0;
  } catch (error) {
    console.log(`   FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    await giveUpServer(world);
    return false;
  }
}

/** The next run shall not suffer from this one's server; its last words help to find out why. */
async function giveUpServer(world: World): Promise<void> {
  const lines = world.home.readLog().trimEnd().split('\n');
  for (const line of lines.slice(-40)) console.log(`   | ${line}`);
  await world.server?.kill();
  world.server = null;
}

function readArguments(): { runs: number; seed: number; only: number | null; showsLog: boolean } {
  const { values } = parseArgs({
    options: { runs: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' }, log: { type: 'boolean' } },
  });
  const toNumber = (text: string | undefined, otherwise: number): number => {
    if (text === undefined) return otherwise;
    if (!/^\d{1,9}$/.test(text)) throw new Error(`"${text}" is not a number. ${USAGE}`);
    return Number(text);
  };
  const only = values.only === undefined ? null : toNumber(values.only, 1);
  return {
    runs: toNumber(values.runs, 20),
    seed: toNumber(values.seed, Math.floor(Math.random() * 1e6)),
    only,
    showsLog: values.log === true,
  };
}

/** Ctrl-C ends everything at once and leaves nothing; what `using` would do takes too long then. */
function stopOnSignals(homes: readonly TestHome[]): void {
  let ending = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (ending) return;
      ending = true;
      // The server ends by itself when we are gone.
      void Promise.all(homes.map((home) => home[Symbol.asyncDispose]())).finally(() => process.exit(130));
    });
  }
}

function toSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 1;
});
