import pg from 'pg';
import type { BulkSyncBody, StartBulkSyncRequest } from '../../src/contract/index.ts';
import { askServer, type MillraceProcess } from '../setup/millrace.ts';
import { makeSync as createSync, type Ended } from '../setup/syncs.ts';
import { alterStatements } from './alter.ts';
import { checkFinal, checkResumed, checkTracked } from './checks.ts';
import { type DestinationImage, readSource, type TableImage } from './compare.ts';
import { endure, failpointsOf, type Stage, untilEnded } from './endure.ts';
import type { FaultKind } from './faults.ts';
import { MixedTable } from './mixed-table.ts';
import { createRandom } from './random.ts';
import type { Scenario } from './scenario.ts';
import { CROWD, fillTable } from './source-tables.ts';
import { type Destination, makeDestination, type World } from './world.ts';
import { startWriter, type Writer } from './writer.ts';

/** A run that has not come to its end by then hangs. */
const RUN_LIMIT_MS = 600_000;
/** A first load on two idle cores, by experience; the second execution is measured by the first. */
const FIRST_LOAD_MS = { fixed: 800, perMillionRecords: 6_000 } as const;
/** Of the first execution's time; the second one finds most of its work done. */
const SECOND_SHARE = 0.6;

/** What came of one run. */
export interface RunReport {
  /** Where the execution was when the server died. */
  readonly phase: string;
  /** From the new start to the API's first answer, and to the end of the execution; 0 when the server did not die. */
  readonly answeredMs: number;
  readonly endedMs: number;
  /** How the execution ended that things befell. */
  readonly status: string;
  /** Of Millrace by kill -9. */
  readonly kills: number;
  /** Faults that have struck. */
  readonly struck: readonly FaultKind[];
  readonly executions: number;
  /** Of the receipt that this execution has: records that were written anew. */
  readonly repaired: number;
  /** Transactions of the writer. */
  readonly transactions: number;
  /** Records of the source that were compared one by one in the end. */
  readonly records: number;
  /** What was found wrong; empty: nothing. */
  readonly problems: readonly string[];
}

/** One sync under kills and faults, checked behind the execution that they befell and once more when the source is quiet. */
export async function runScenario(world: World, scenario: Scenario): Promise<RunReport> {
  const signal = AbortSignal.timeout(RUN_LIMIT_MS);
  const name = `run_${scenario.number}`;
  const installation = await world.installationOf(scenario.workers);
  const server = await installation.open(scenario.victim === 'first' ? failpointsOf(scenario) : '');
  const sourceUrl = await makeSource(world, scenario, name);
  const destination = await makeDestination(world, installation, scenario, name);
  let writer: Writer | null = null;
  try {
    const source = world.source.proxy.through(sourceUrl);
    const sync = await makeSync(server, scenario, { source, destination }, signal);
    const stage: Stage = { world, installation, scenario, signal, sync, sourceUrl, destination };
    writer = startWriter(sourceUrl, scenario.tables, createRandom(scenario.writerSeed));
    const begun = performance.now();
    if (scenario.victim === 'second') await runUndisturbed(stage);
    const usualMs =
      scenario.victim === 'second' ? (performance.now() - begun) * SECOND_SHARE : usualFirstLoadMs(scenario);
    if (scenario.alters) await destination.alter?.(alterStatements(scenario.tables));
    const endured = await endure(stage, usualMs);
    const resumed = await destination.read();
    const problems = [...endured.problems, ...checkResumed(scenario, endured.ended, resumed)];
    const transactions = await writer.stop();
    writer = null;
    const wanted = await readSource(sourceUrl, scenario.tables, scenario.destination);
    problems.push(...(await settle(stage, { source: wanted, resumed })));
    return {
      ...endured,
      status: endured.ended.execution.status,
      executions: (scenario.victim === 'second' ? 1 : 0) + 1 + (scenario.tracking ? 1 : 0) + 1,
      transactions,
      repaired: countRepaired(endured.ended),
      records: [...wanted.values()].reduce((sum, { hashes }) => sum + hashes.length, 0),
      problems,
    };
  } finally {
    await writer?.stop().catch(() => {});
    await destination.remove();
    await world.sourceDatabases.drop(sourceUrl);
  }
}

async function makeSource({ sourceDatabases }: World, { tables, size }: Scenario, name: string): Promise<string> {
  const url = await sourceDatabases.makeSource(
    `${name}_source`,
    tables.some((table) => table.name === 'wide'),
  );
  const client = new pg.Client(url);
  await client.connect();
  try {
    for (const table of tables) {
      if (!(table instanceof MixedTable) && !CROWD.includes(table)) continue;
      await fillTable(client, table, size);
      if (table instanceof MixedTable) await table.clean(client);
    }
  } finally {
    await client.end();
  }
  return url;
}

function countRepaired({ receipt }: Ended): number {
  return (receipt?.schemas ?? []).reduce((sum, { repaired }) => sum + (repaired?.records.length ?? 0), 0);
}

async function makeSync(
  server: MillraceProcess,
  scenario: Scenario,
  { source, destination }: { readonly source: string; readonly destination: Destination },
  signal: AbortSignal,
): Promise<BulkSyncBody> {
  const { hardDeletes, truncates, hasTimestamps, concurrency, depth } = scenario.options;
  const advanced = {
    ...(hardDeletes ? { hard_deletes: true } : {}),
    ...(truncates ? { truncate_existing: true } : {}),
  };
  const sync = await createSync(
    server,
    {
      name: `torture ${scenario.seed}-${scenario.number}`,
      mode: scenario.mode,
      source,
      destination: [destination.type, destination.configuration],
      schemas: scenario.tables.map((table) => ({
        id: `public.${table.name}`,
        ...(scenario.tracking && table.trackingField !== null ? { tracking_field: table.trackingField } : {}),
      })),
      options: {
        destination_configuration: { schema: 'landing', ...(Object.keys(advanced).length > 0 ? { advanced } : {}) },
        disable_record_timestamps: !hasTimestamps,
        ...(concurrency === null ? {} : { concurrency_limit: concurrency }),
      },
    },
    signal,
  );
  // A writer goes through a small table faster than the guard likes.
  const settings = { receipt_depth: depth, max_loss_percent: 100 };
  await askServer(server, 'PUT', `/api/x/bulk/syncs/${sync.id}/settings`, settings, signal);
  return sync;
}

async function runUndisturbed({ installation, sync, signal }: Stage, start?: StartBulkSyncRequest): Promise<Ended> {
  const server = await installation.open('');
  const { id } = await server.client.startBulkSync(sync.id, start, signal);
  return untilEnded(installation, { syncId: sync.id, id, signal });
}

function usualFirstLoadMs({ size, tables }: Scenario): number {
  const records = tables.reduce((sum, table) => sum + table.share, 0) * size;
  return FIRST_LOAD_MS.fixed + (records / 1_000_000) * FIRST_LOAD_MS.perMillionRecords;
}

interface Quiet {
  readonly source: ReadonlyMap<string, TableImage>;
  /** The destination behind the execution that things befell. */
  readonly resumed: DestinationImage;
}

/** The source is quiet: what a tracking field promises is looked at, then everything is read once more and compared. */
async function settle(stage: Stage, { source, resumed }: Quiet): Promise<string[]> {
  const { scenario, destination } = stage;
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
