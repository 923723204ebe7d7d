import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { BulkSyncBody } from '../../src/contract/index.ts';
import { waitFor } from '../setup/millrace.ts';
import { type Ended, untilEnded as untilEndedOnce } from '../setup/syncs.ts';
import { type FaultKind, strike } from './faults.ts';
import type { Installation } from './installation.ts';
import { type Ddl, MixedTable } from './mixed-table.ts';
import type { Scenario } from './scenario.ts';
import { type Destination, healWorld, type World } from './world.ts';

/** One sync of a run, and where it lives. */
export interface Stage {
  readonly world: World;
  readonly installation: Installation;
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

/** An execution that is waited for. */
export interface Victim {
  readonly syncId: string;
  readonly id: string;
  readonly signal: AbortSignal;
}

/** Starts an execution, lets happen to it what the scenario says, and waits for its end with everything healed. */
export async function endure(stage: Stage, usualMs: number): Promise<Endured> {
  const { world, installation, scenario, sync, signal, destination } = stage;
  const server = await installation.open(failpointsOf(scenario));
  if (scenario.freeBytes !== null) destination.disk?.fill(scenario.freeBytes);
  const { id } = await server.client.startBulkSync(sync.id, undefined, signal);
  const victim = { syncId: sync.id, id, signal };
  const over = new AbortController();
  const limit = AbortSignal.any([signal, over.signal]);
  const faults = strikeAll(stage, usualMs, limit);
  const changes = changeAll(stage, usualMs, limit);
  try {
    const outcome = await (scenario.kill.kind === 'none'
      ? survive(stage, victim)
      : dieAndResume(stage, victim, usualMs));
    over.abort();
    const struck = [...(await faults), ...(isDiskFull(scenario, outcome.ended) ? (['disk-full'] as const) : [])];
    return { ...outcome, struck, problems: await changes };
  } finally {
    over.abort();
    await Promise.allSettled([faults, changes]);
    destination.disk?.free();
    await healWorld(world, installation);
  }
}

/** Where Millrace kills itself. */
export function failpointsOf({ kill }: Scenario): string {
  return kill.kind === 'failpoint' ? `${kill.point}@${kill.visit}=exit` : '';
}

/** Waits for the end of an execution; Millrace may fail to answer meanwhile. */
export async function untilEnded(installation: Installation, victim: Victim): Promise<Ended> {
  const { syncId, id, signal } = victim;
  let last: unknown;
  const ended = waitFor(async () => {
    try {
      const { server } = installation;
      return server === null ? null : await untilEndedOnce(server, syncId, id, anySoon(signal));
    } catch (error) {
      last = error;
      return null;
    }
  }, signal).catch(async (error: unknown) => {
    throw new Error(`The execution did not come to an end: ${await phaseOf(installation, victim)}`, {
      cause: last ?? error,
    });
  });
  const broken = installation.untilBroken().then((how) => {
    throw new Error(how);
  });
  return Promise.race([ended, broken]);
}

/** The process that is asked may be replaced by another one. */
const anySoon = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(5_000)]);

function isDiskFull({ freeBytes }: Scenario, { execution }: Ended): boolean {
  const isMeant = (message = ''): boolean => /disk is full|No space left/i.test(message);
  return freeBytes !== null && execution.schemas.some(({ status_message }) => isMeant(status_message));
}

type Outcome = Omit<Endured, 'struck' | 'problems'>;

async function survive({ installation }: Stage, victim: Victim): Promise<Outcome> {
  const ended = await untilEnded(installation, victim);
  return { ended, phase: 'not killed', answeredMs: 0, endedMs: 0, kills: 0 };
}

async function dieAndResume(stage: Stage, victim: Victim, usualMs: number): Promise<Outcome> {
  const { installation, scenario } = stage;
  const { kill, secondKillMs } = scenario;
  const isPoint = kill.kind === 'failpoint';
  if (isPoint && !(await awaitDeath(installation, victim))) {
    // Which way a table takes depends on what it has become; then it comes by another point.
    const ended = await untilEnded(installation, victim);
    return { ended, phase: `${kill.point} was not reached`, answeredMs: 0, endedMs: 0, kills: 0 };
  }
  let phase = isPoint ? kill.point : '';
  let kills = 1;
  if (!isPoint) {
    await delay(kill.kind === 'time' ? kill.share * usualMs : 0, undefined, { signal: victim.signal });
    phase = await phaseOf(installation, victim);
    kills = await installation.kill();
  }
  if (scenario.killsPostgres) installation.killMetadata();
  if (secondKillMs !== null) kills += await installation.resumeAndKill(secondKillMs);
  const begun = performance.now();
  await installation.resume();
  const answeredMs = performance.now() - begun;
  const ended = await untilEnded(installation, victim);
  return { ended, phase, answeredMs, endedMs: performance.now() - begun, kills };
}

/** @returns the faults that have struck */
async function strikeAll(stage: Stage, usualMs: number, over: AbortSignal): Promise<FaultKind[]> {
  const { world, installation, scenario } = stage;
  const sites = { ...world, installation };
  const begun = performance.now();
  const under = scenario.faults.map(async (fault) => {
    await delay(Math.max(0, fault.at * usualMs - (performance.now() - begun)), undefined, { signal: over });
    return (await strike(sites, fault, over)) ? [fault.kind] : [];
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

/** @returns whether a process has killed itself before the execution ended */
async function awaitDeath(installation: Installation, { syncId, id, signal }: Victim): Promise<boolean> {
  const { server } = installation;
  if (server === null) return true;
  const died = installation.untilDead().then(() => true);
  // Asking fails when the server is gone, as it should be.
  const ended = untilEndedOnce(server, syncId, id, signal).catch(() => null);
  await Promise.race([died, ended]);
  // The last point lies behind the end.
  return Promise.race([died, delay(3_000, false, { ref: false })]);
}

async function phaseOf({ server }: Installation, { syncId, id }: Victim): Promise<string> {
  if (server === null) return 'unknown';
  try {
    const { status, schemas } = await server.client.getProgress(syncId, id, AbortSignal.timeout(2_000));
    const parts = schemas.map((schema) => `${schema.schema.replace('public.', '')} ${schema.phase}`);
    return [status, ...parts].join(', ');
  } catch {
    return 'unknown';
  }
}
