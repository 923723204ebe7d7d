import { createHash } from 'node:crypto';
import {
  addSchemas,
  draftSelection,
  findSyncNaming,
  lastSnapshotEpoch,
  listKnownSchemas,
  listSeenSchemas,
  loadRun,
  nextGenerations,
  type Run,
  type RunConnection,
} from '../../store/index.ts';
import { definitionOf, type EngineParts, type PlannerParts, retryStore } from '../engine-parts.ts';
import { type ExecutionPlan, planExecution } from '../planner/plan-execution.ts';
import { openConnection, openSides, type Sides } from './sides.ts';
import type { SharedSnapshot } from './snapshots.ts';

const NOTHING: ExecutionPlan = {
  planned: [],
  failed: [],
  skipped: [],
  added: [],
  drift: [],
  seenChanges: { appeared: [], vanished: [] },
};

/** Plans everything that an execution is about, in a new source image. */
export async function planRun(parts: EngineParts, run: Run, stop: AbortSignal): Promise<ExecutionPlan> {
  const { db } = parts.store;
  if (run.schemas.length === 0 && run.sync.automaticallyAddNewObjects === 'none') return NOTHING;
  await using sides = await openSides(parts, run);
  if (run.execution.isTest) await checkSides(sides, stop);
  const lost = await retryStore(() => lastSnapshotEpoch(db, run.execution.id), stop);
  const snapshot = await renewSnapshot(parts, run, lost, stop);
  // Awaited here: both sides are closed at the end of this function.
  return await planInSnapshot(parts, run, sides, { snapshot, only: null }, stop);
}

/** Plans in a source image; `only` names the schemas that are begun again, null = all that the execution is about. */
export async function planInSnapshot(
  parts: PlannerParts,
  run: Run,
  sides: Sides,
  { snapshot, only }: { readonly snapshot: SharedSnapshot; readonly only: ReadonlySet<string> | null },
  stop: AbortSignal,
): Promise<ExecutionPlan> {
  const { db } = parts.store;
  const { sync, execution } = run;
  const destinationCapabilities = definitionOf(parts, run.destination.type).capabilities.destination;
  if (destinationCapabilities === undefined) return NOTHING;
  return planExecution(
    {
      run,
      source: sides.source,
      destination: sides.destination,
      destinationCapabilities,
      snapshot: snapshot.ref,
      snapshotEpoch: snapshot.epoch,
      columnPrefix: parts.columnPrefix,
      place: placeOf(parts, run.destination),
      // A pack's records pass through memory in the thread that reads and writes them.
      usesPacks:
        destinationCapabilities.loadsPacks === true &&
        definitionOf(parts, run.source.type).capabilities.source?.placement !== 'owner',
      findSyncNaming: (syncId) => retryStore(() => findSyncNaming(db, syncId), stop),
      // A test writes nothing, so it takes no number.
      nextGenerations: (ids) =>
        execution.isTest
          ? Promise.resolve(new Map(ids.map((id) => [id, 0])))
          : retryStore(() => nextGenerations(db, sync.id, ids), stop),
      listKnownSchemas: () => retryStore(() => listKnownSchemas(db, sync.id), stop),
      listSeenSchemas: () => retryStore(() => listSeenSchemas(db, sync.id), stop),
      enableSchemas: (ids) => enableSchemas(parts, run, ids, stop),
      signal: stop,
    },
    only,
  );
}

/** Stays the same when credentials, certificates or the connection's name change, and is the same for all connections that lead there. */
function placeOf(parts: PlannerParts, { type, organizationId, config }: RunConnection): string {
  const { secrets, placeKeys } = definitionOf(parts, type);
  const keys = placeKeys ?? Object.keys(config).filter((key) => !secrets.includes(key));
  const settings = keys.toSorted().map((key) => [key, config[key] ?? null]);
  return createHash('sha256')
    .update(JSON.stringify([type, organizationId, settings]))
    .digest('base64url');
}

/** A source image newer than the lost one. */
export function renewSnapshot(
  parts: EngineParts,
  run: Run,
  lostEpoch: number,
  stop: AbortSignal,
): Promise<SharedSnapshot> {
  return parts.snapshots.renew(run.execution.id, lostEpoch, () => openConnection(parts, run, run.source), stop);
}

/** Before anything is planned: lanes, and a plan that is repeated, find the rows. A test stores none of it. */
async function enableSchemas(
  parts: PlannerParts,
  run: Run,
  ids: readonly string[],
  stop: AbortSignal,
): Promise<Run['schemas']> {
  if (run.execution.isTest) return [...run.schemas, ...ids.map((id) => draftSelection(run.sync, id))];
  await retryStore(() => addSchemas(parts.store.db, run.sync, ids), stop);
  return (await retryStore(() => loadRun(parts.store, run.execution.id), stop)).schemas;
}

/** What an execution would find out by its first statements. */
async function checkSides({ source, destination }: Sides, stop: AbortSignal): Promise<void> {
  await source.check(stop);
  await destination.check(stop);
}
