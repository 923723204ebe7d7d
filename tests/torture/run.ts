import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BulkSyncBody, Client, StartBulkSyncRequest } from '../../src/contract/index.ts';
import { readCliFile } from '../../src/runtime/index.ts';
import { type MillraceProcess, startAndKill, startMillrace, type TestHome } from '../setup/millrace.ts';
import { makeSync as createSync, type Ended, postgresConfiguration, untilEnded } from '../setup/syncs.ts';
import { checkFinal, checkResumed, checkTracked } from './checks.ts';
import {
  type DestinationImage,
  readDuckdbDestination,
  readParquetDestination,
  readPostgresDestination,
  readSource,
  type TableImage,
} from './compare.ts';
import type { RunDatabases } from './databases.ts';
import { createRandom } from './random.ts';
import type { DestinationType, Kill, Scenario } from './scenario.ts';
import { startWriter } from './writer.ts';

/** A run that has not come to its end by then has failed. */
const RUN_LIMIT_MS = 120_000;
/** A first load on two idle cores, by experience; the second execution is measured by the first. */
const FIRST_LOAD_MS = { fixed: 800, perMillionRecords: 6_000 } as const;

/** What the runs share: one home, whose server dies and comes back. */
export interface World {
  readonly home: TestHome;
  readonly databases: RunDatabases;
  server: MillraceProcess | null;
  /** What the server that runs was started with. */
  failpoints: string;
}

/** What came of one run. */
export interface RunReport {
  /** Where the execution was when the server died. */
  readonly phase: string;
  /** From the new start to the API's first answer, and to the end of the execution. */
  readonly answeredMs: number;
  readonly endedMs: number;
  /** Transactions of the writer. */
  readonly transactions: number;
  /** What was found wrong; empty: nothing. */
  readonly problems: readonly string[];
}

/** One sync under one crash, checked behind the resumed execution and once more when the source is quiet. */
export async function runScenario(world: World, scenario: Scenario): Promise<RunReport> {
  const signal = AbortSignal.timeout(RUN_LIMIT_MS);
  const name = `run_${scenario.number}`;
  const isWide = scenario.tables.some((table) => table.name === 'wide');
  const sourceUrl = await world.databases.makeSource(`${name}_source`, isWide);
  const destination = await makeDestination(world, scenario, name);
  let writer: Awaited<ReturnType<typeof startWriter>> | null = null;
  try {
    const stage: Stage = {
      world,
      scenario,
      signal,
      sync: await makeSync(world, scenario, sourceUrl, destination, signal),
    };
    writer = await startWriter(sourceUrl, scenario.tables, createRandom(scenario.writerSeed));
    const begun = performance.now();
    if (scenario.victim === 'second') await runUndisturbed(stage);
    const usualMs = scenario.victim === 'second' ? performance.now() - begun : usualFirstLoadMs(scenario);
    const crash = await crashAndResume(stage, usualMs);
    const resumed = await destination.read();
    const problems = checkResumed(scenario, crash, resumed);
    const transactions = await writer.stop();
    writer = null;
    const source = await readSource(sourceUrl, scenario.tables);
    problems.push(...(await settle(stage, { source, resumed, destination })));
    return { ...crash, transactions, problems };
  } finally {
    await writer?.stop().catch(() => {});
    await destination.remove();
    await world.databases.drop(sourceUrl);
  }
}

interface Stage {
  readonly world: World;
  readonly scenario: Scenario;
  readonly signal: AbortSignal;
  readonly sync: BulkSyncBody;
}

interface Destination {
  readonly type: DestinationType;
  readonly configuration: Record<string, unknown>;
  read(): Promise<DestinationImage>;
  remove(): Promise<void>;
}

async function makeDestination({ home, databases }: World, scenario: Scenario, name: string): Promise<Destination> {
  if (scenario.destination === 'postgresql') {
    const url = await databases.makeEmpty(`${name}_destination`);
    return {
      type: 'postgresql',
      configuration: postgresConfiguration(url),
      read: () => readPostgresDestination(url, scenario.tables),
      remove: () => databases.drop(url),
    };
  }
  // The server makes the organization's folder; its name is known only once it has run.
  const folderOf = () => join(home.folder, 'files', readCliFile(home.folder)?.organizationId ?? '', name);
  const remove = async () => rmSync(folderOf(), { recursive: true, force: true });
  if (scenario.destination === 'parquet') {
    const read = () => readParquetDestination(folderOf(), scenario.tables);
    return { type: 'parquet', configuration: { path: name }, read, remove };
  }
  const read = () => readDuckdbDestination(join(folderOf(), 'data.duckdb'), scenario.tables);
  return { type: 'duckdb', configuration: { path: `${name}/data.duckdb` }, read, remove };
}

/** The server, started anew when it runs with other failpoints. */
async function openServer(world: World, failpoints: string): Promise<MillraceProcess> {
  if (world.server !== null && world.failpoints === failpoints) return world.server;
  await closeServer(world);
  world.server = await startMillrace(world.home, failpoints === '' ? {} : { MILLRACE_FAILPOINTS: failpoints });
  world.failpoints = failpoints;
  return world.server;
}

/** Ends the server in order, or at once if it does not. */
export async function closeServer(world: World): Promise<void> {
  const { server } = world;
  world.server = null;
  if (server === null) return;
  server.interrupt();
  await Promise.race([server.exited, delay(15_000, undefined, { ref: false })]);
  await server.kill();
}

async function makeSync(
  world: World,
  scenario: Scenario,
  sourceUrl: string,
  destination: Destination,
  signal: AbortSignal,
): Promise<BulkSyncBody> {
  const server = await openServer(world, scenario.victim === 'first' ? failpointsOf(scenario) : '');
  if (destination.type !== 'postgresql') {
    const organization = readCliFile(world.home.folder)?.organizationId ?? '';
    mkdirSync(join(world.home.folder, 'files', organization), { recursive: true, mode: 0o700 });
  }
  return createSync(
    server,
    {
      name: `torture ${scenario.seed}-${scenario.number}`,
      mode: scenario.mode,
      source: sourceUrl,
      destination: [destination.type, destination.configuration],
      schemas: scenario.tables.map((table) => ({
        id: `public.${table.name}`,
        ...(scenario.tracking && table.trackingField !== null ? { tracking_field: table.trackingField } : {}),
      })),
    },
    signal,
  );
}

function failpointsOf({ kill }: Scenario): string {
  return kill.kind === 'failpoint' ? `${kill.point}@${kill.visit}=exit` : '';
}

async function runUndisturbed({ world, sync, signal }: Stage, start?: StartBulkSyncRequest): Promise<Ended> {
  const server = await openServer(world, '');
  const { id } = await server.client.startBulkSync(sync.id, start, signal);
  return untilEnded(server, sync.id, id, signal);
}

interface Crash extends Ended {
  readonly phase: string;
  readonly answeredMs: number;
  readonly endedMs: number;
}

async function crashAndResume({ world, scenario, sync, signal }: Stage, usualMs: number): Promise<Crash> {
  const server = await openServer(world, failpointsOf(scenario));
  const { id } = await server.client.startBulkSync(sync.id, undefined, signal);
  const phase =
    scenario.kill.kind === 'time'
      ? await killAfter(server, scenario.kill.share * usualMs, { syncId: sync.id, id, signal })
      : await awaitDeath(server, scenario.kill, { syncId: sync.id, id, signal });
  world.server = null;
  if (scenario.killsPostgres) world.home.killPostgres();
  if (scenario.secondKillMs !== null) await startAndKill(world.home, scenario.secondKillMs);
  const begun = performance.now();
  const resumed = await openServer(world, '');
  const answeredMs = performance.now() - begun;
  const ended = await untilEnded(resumed, sync.id, id, signal);
  return { ...ended, phase, answeredMs, endedMs: performance.now() - begun };
}

interface Victim {
  readonly syncId: string;
  readonly id: string;
  readonly signal: AbortSignal;
}

/** @returns where the execution was, in words */
async function killAfter(server: MillraceProcess, ms: number, { syncId, id, signal }: Victim): Promise<string> {
  await delay(ms, undefined, { signal });
  const phase = await phaseOf(server.client, syncId, id);
  await server.kill();
  return phase;
}

/** @returns the point where the server killed itself */
async function awaitDeath(
  server: MillraceProcess,
  { point }: Extract<Kill, { kind: 'failpoint' }>,
  { syncId, id, signal }: Victim,
): Promise<string> {
  // Asking fails when the server is gone, as it should be.
  const ended = untilEnded(server, syncId, id, signal).catch(() => null);
  await Promise.race([server.exited, ended]);
  // The last point lies behind the end.
  const died = await Promise.race([server.exited, delay(3_000, null, { ref: false })]);
  await server.kill();
  if (died?.signal !== 'SIGKILL') throw new Error(`The server did not die at ${point}: the test is wrong.`);
  return point;
}

function usualFirstLoadMs({ size, tables }: Scenario): number {
  const records = tables.reduce((sum, table) => sum + table.share, 0) * size;
  return FIRST_LOAD_MS.fixed + (records / 1_000_000) * FIRST_LOAD_MS.perMillionRecords;
}

async function phaseOf(client: Client, syncId: string, executionId: string): Promise<string> {
  try {
    const { status, schemas } = await client.getProgress(syncId, executionId, AbortSignal.timeout(2_000));
    const parts = schemas.map((schema) => `${schema.schema.replace('public.', '')} ${schema.phase}`);
    return [status, ...parts].join(', ');
  } catch {
    return 'unknown';
  }
}

interface Quiet {
  readonly source: ReadonlyMap<string, TableImage>;
  /** The destination behind the resumed execution. */
  readonly resumed: DestinationImage;
  readonly destination: Destination;
}

/** The source is quiet: what a tracking field promises is looked at, then everything is read once more and compared. */
async function settle(stage: Stage, { source, resumed, destination }: Quiet): Promise<string[]> {
  const { scenario } = stage;
  const problems: string[] = [];
  let before = resumed;
  if (scenario.tracking) {
    const delta = await runUndisturbed(stage);
    before = await destination.read();
    problems.push(...checkTracked(scenario, delta, source, before));
  }
  const last = await runUndisturbed(stage, scenario.tracking ? { resync_mode: 'refetch' } : {});
  problems.push(...checkFinal(scenario, last, { source, before, after: await destination.read() }));
  return problems;
}
