import { claimItem, hasOpenItems, loadRun } from '../../store/index.ts';
import { type EngineParts, findRun, holdFiles, retryStore, specsOf } from '../engine-parts.ts';
import { withinLimits } from '../workers/connection-limits.ts';
import { discardQuietly } from './finish-schema.ts';
import { LaneClock } from './lane-clock.ts';
import { type Lane, remember } from './lane-scene.ts';
import { runItem } from './run-item.ts';
import { workOnPack } from './work-pack.ts';

const POLL_MS = 100;

/**
 * Works off an execution's items, one after another, until none is left. Ends early, leaving everything repeatable,
 * when the execution is cancelled; never returns once the process is draining, so that the durable engine gives the
 * lane to the next process instead of taking it for finished.
 */
export async function runLane(
  parts: EngineParts,
  executionId: string,
  laneId: string,
  signal: AbortSignal,
): Promise<void> {
  using watch = parts.cancels.watch(executionId);
  using turn = parts.turns.join(executionId);
  const stop = AbortSignal.any([watch.signal, signal, parts.draining]);
  const run = await retryStore(() => loadRun(parts.store, executionId), stop);
  const lane: Lane = {
    parts,
    run,
    specs: specsOf(parts, run),
    laneId,
    stop,
    watch,
    turn,
    clock: new LaneClock(),
    unfinished: new Map(),
  };
  parts.visited.add(executionId);
  await holdFiles(parts, run, lane.specs, stop).catch((error: unknown) => {
    if (!stop.aborted) throw error;
  });
  while (!stop.aborted && (await step(lane)));
  if (watch.signal.aborted) await discardIfDeleted(lane);
  if (parts.draining.aborted) await new Promise<never>(() => {});
}

// The plans of a deleted sync are gone from the metadata: only who has worked by them still knows what to drop.
async function discardIfDeleted({ parts, run, specs, unfinished }: Lane): Promise<void> {
  if ((await findRun(parts, run.execution.id)) !== null) return;
  for (const { item, plan } of unfinished.values()) {
    await discardQuietly(parts, { run, specs, item, plan }, AbortSignal.timeout(30_000));
  }
}

// False when nothing is left to do.
async function step(lane: Lane): Promise<boolean> {
  const { parts, run, stop, clock, turn } = lane;
  const { count } = turn;
  if (await workOnNext(lane)) {
    turn.announce();
    return true;
  }
  if (!(await retryStore(() => hasOpenItems(parts.store.db, run.execution.id), stop))) return false;
  await clock.spend('idle', () => turn.wait(count, POLL_MS, stop));
  return true;
}

// False when nothing may be begun now. Behind each step it is others' turn: the place is given back.
async function workOnNext(lane: Lane): Promise<boolean> {
  const { parts, run, stop, clock } = lane;
  const { id: executionId, organizationId } = run.execution;
  if (!(await mayTakeSteps(lane))) return false;
  using place = await clock.spend('waiting', () => parts.places.take({ organizationId, executionId }, stop));
  if (place === null) return false;
  return withinLimits(lane, () => workOnClaimed(lane));
}

// What we cannot reach is left to the others: a step in our hands would wait until we gave it back.
async function mayTakeSteps({ parts, run, specs }: Lane): Promise<boolean> {
  const { id } = run.execution;
  const { outages } = parts;
  if (outages.isPaused(id)) return false;
  if (!outages.has(id) || outages.isHopeless(id) || parts.others() === 0) return true;
  if (await parts.reach.isThere([specs.source, specs.destination])) return true;
  outages.add(id, null);
  return false;
}

async function workOnClaimed(lane: Lane): Promise<boolean> {
  const { parts, run, stop, laneId } = lane;
  const executionId = run.execution.id;
  const owner = { executionId, laneId, workerId: parts.workerId };
  const item = await retryStore(() => claimItem(parts.store.db, owner), stop);
  const work = item === null ? workOnPack(lane, rememberPacked(lane)) : runItem(lane, item).then(() => true);
  parts.inFlight.add(work);
  return work.finally(() => parts.inFlight.delete(work));
}

function rememberPacked(lane: Lane): Parameters<typeof workOnPack>[1] {
  return (schema, plan) => remember(lane, schema, { plan, snapshotEpoch: schema.snapshotEpoch });
}
