import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type BulkSyncBody, type Client, createClient } from '../../src/contract/index.ts';
import { type MillraceProcess, startAndKill, waitFor } from '../setup/millrace.ts';
import { type Ended, untilEnded as untilEndedOnce } from '../setup/syncs.ts';
import { type FaultKind, strike } from './faults.ts';
import { type Ddl, MixedTable } from './mixed-table.ts';
import type { Kill, Scenario } from './scenario.ts';
import { type Destination, environmentOf, healWorld, openServer, type World } from './world.ts';

/** One sync of a run, and where it lives. */
export interface Stage {
  readonly world: World;
  readonly scenario: Scenario;
  readonly signal: AbortSignal;
  readonly sync: BulkSyncBody;
  /** Straight to the source, past the proxy. */
  readonly sourceUrl: string;
  readonly destination: Destination;
}

/** The execution that things befell, at its end. */
export interface Endured {
  readonly ended: Ended;
  readonly phase: string;
  readonly answeredMs: number;
  readonly endedMs: number;
  readonly kills: number;
  readonly struck: readonly FaultKind[];
  readonly problems: readonly string[];
}

/** Starts an execution, lets happen to it what the scenario says, and waits for its end with everything healed. */
export async function endure(stage: Stage, usualMs: number): Promise<Endured> {
  const { world, scenario, sync, signal, destination } = stage;
  const server = await openServer(world, failpointsOf(scenario));
  if (scenario.freeBytes !== null) destination.disk?.fill(scenario.freeBytes);
  const { id } = await server.client.startBulkSync(sync.id, undefined, signal);
  const over = new AbortController();
  const limit = AbortSignal.any([signal, over.signal]);
  const faults = strikeAll(stage, usualMs, limit);
  const changes = changeAll(stage, usualMs, limit);
  try {
    const outcome = await (scenario.kill.kind === 'none'
      ? survive(stage, server, id)
      : dieAndResume(stage, server, id, usualMs));
    over.abort();
    return { ...outcome, struck: await faults, problems: await changes };
  } finally {
    over.abort();
    await Promise.allSettled([faults, changes]);
    destination.disk?.free();
    await healWorld(world);
  }
}

/** Where the server kills itself. */
export function failpointsOf({ kill }: Scenario): string {
  return kill.kind === 'failpoint' ? `${kill.point}@${kill.visit}=exit` : '';
}

/** Waits for the end of an execution; a server whose own database recovers may fail to answer meanwhile. */
export async function untilEnded(
  server: MillraceProcess,
  syncId: string,
  id: string,
  signal: AbortSignal,
): Promise<Ended> {
  let last: unknown;
  const ended = waitFor(async () => {
    try {
      return await untilEndedOnce(server, syncId, id, signal);
    } catch (error) {
      last = error;
      return null;
    }
  }, signal).catch(async (error: unknown) => {
    throw new Error(`The execution did not come to an end: ${await describeProgress(server, syncId, id)}`, {
      cause: last ?? error,
    });
  });
  const died = server.exited.then(({ code, signal: by }) => {
    throw new Error(`The server ended by itself with ${by ?? code}.`);
  });
  return Promise.race([ended, died]);
}

type Outcome = Omit<Endured, 'struck' | 'problems'>;

async function survive({ sync, signal }: Stage, server: MillraceProcess, id: string): Promise<Outcome> {
  const ended = await untilEnded(server, sync.id, id, signal);
  return { ended, phase: 'not killed', answeredMs: 0, endedMs: 0, kills: 0 };
}

async function dieAndResume(stage: Stage, server: MillraceProcess, id: string, usualMs: number): Promise<Outcome> {
  const { world, scenario, sync, signal } = stage;
  const victim = { syncId: sync.id, id, signal };
  const isPoint = scenario.kill.kind === 'failpoint';
  if (isPoint && !(await awaitDeath(server, victim))) {
    // Which way a table takes depends on what it has become; then it comes by another point.
    const ended = await untilEnded(server, sync.id, id, signal);
    return { ended, phase: `${describePoint(scenario.kill)} was not reached`, answeredMs: 0, endedMs: 0, kills: 0 };
  }
  const phase = isPoint
    ? describePoint(scenario.kill)
    : await killAfter(server, scenario.kill.kind === 'time' ? scenario.kill.share * usualMs : 0, victim);
  world.server = null;
  if (scenario.killsPostgres) world.home.killPostgres();
  if (scenario.secondKillMs !== null) await startAndKill(world.home, scenario.secondKillMs, environmentOf(world, ''));
  const begun = performance.now();
  const resumed = await openServer(world, '');
  const answeredMs = performance.now() - begun;
  const ended = await untilEnded(resumed, sync.id, id, signal);
  const kills = scenario.secondKillMs === null ? 1 : 2;
  return { ended, phase, answeredMs, endedMs: performance.now() - begun, kills };
}

/** @returns the faults that have struck */
async function strikeAll(stage: Stage, usualMs: number, over: AbortSignal): Promise<FaultKind[]> {
  const { world, scenario } = stage;
  const begun = performance.now();
  const under = scenario.faults.map(async (fault) => {
    await delay(Math.max(0, fault.at * usualMs - (performance.now() - begun)), undefined, { signal: over });
    return (await strike(world.sites, fault, over)) ? [fault.kind] : [];
  });
  const results = await Promise.allSettled(under);
  for (const result of results)
    if (result.status === 'rejected' && !over.aborted) console.log(`   a fault failed: ${result.reason}`);
  return results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

/** @returns what went wrong with changing the source, which is the test's own matter */
async function changeAll(stage: Stage, usualMs: number, over: AbortSignal): Promise<string[]> {
  const { scenario, sourceUrl } = stage;
  const mixed = scenario.tables.find((table) => table instanceof MixedTable);
  const begun = performance.now();
  for (const change of mixed === undefined ? [] : scenario.ddl) {
    await delay(Math.max(0, change.at * usualMs - (performance.now() - begun)), undefined, { signal: over }).catch(
      () => {},
    );
    if (mixed !== undefined) await changeOnce(mixed, sourceUrl, change);
  }
  return [];
}

/** Others hold the table, or the server is just away: then it is tried again a few times. */
async function changeOnce(mixed: MixedTable, url: string, change: Ddl): Promise<void> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {
      // The statement fails, too.
    });
    try {
      await client.connect();
      await client.query(`SET lock_timeout = '500ms'`);
      await mixed.change(client, change);
      return;
    } catch {
      await delay(300);
    } finally {
      await client.end().catch(() => {});
    }
  }
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

/** @returns whether the server has killed itself */
async function awaitDeath(server: MillraceProcess, { syncId, id, signal }: Victim): Promise<boolean> {
  // Asking fails when the server is gone, as it should be.
  const ended = untilEndedOnce(server, syncId, id, signal).catch(() => null);
  await Promise.race([server.exited, ended]);
  // The last point lies behind the end.
  const died = await Promise.race([server.exited, delay(3_000, null, { ref: false })]);
  return died?.signal === 'SIGKILL';
}

function describePoint(kill: Kill): string {
  return kill.kind === 'failpoint' ? kill.point : 'nothing';
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

function describeProgress({ url, apiKey }: MillraceProcess, syncId: string, executionId: string): Promise<string> {
  return phaseOf(createClient({ url, apiKey }), syncId, executionId);
}
