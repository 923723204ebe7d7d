import { setTimeout as sleep } from 'node:timers/promises';
import { firstError, SyncError } from '../../core/index.ts';
import {
  findRunSchema,
  giveBackWorkerLock,
  listLostSchemas,
  markPlanned,
  type Run,
  requireLiving,
  restartSchema,
  setSchemaStatus,
  takeWorkerLock,
  type WorkItem,
} from '../../store/index.ts';
import { type EngineParts, retryStore } from '../engine-parts.ts';
import { planInSnapshot, renewSnapshot } from '../executions/plan-run.ts';
import { openSides } from '../executions/sides.ts';
import type { SharedSnapshot } from '../executions/snapshots.ts';
import type { ExecutionPlan } from '../planner/plan-execution.ts';
import type { SchemaPlan } from '../planner/schema-plan.ts';

const LOCK_POLL_MS = 100;

/** The item at which a schema has to be begun again. */
export interface ItemToRestart extends WorkItem {
  /** True: not the image is gone, but the new table differs from it. */
  readonly isDifferent: boolean;
}

/**
 * Begins a schema again in a new snapshot and generation, since segments of two source images must not be mixed
 * (DESIGN §4.3), and with it every other schema that has lost its image and that nobody works on: the source is looked
 * through once for all. What the lost generations left in the destination is dropped by the new ones' `prepare`.
 */
export async function restartInNewSnapshot(
  parts: EngineParts,
  run: Run,
  item: ItemToRestart,
  stop: AbortSignal,
): Promise<void> {
  // One after another: the first lane to lose the image does it for the others.
  const turn = (parts.restarts.get(item.executionId) ?? Promise.resolve()).then(() =>
    restartAlone(parts, run, item, stop),
  );
  const last = turn.catch(() => {});
  parts.restarts.set(item.executionId, last);
  try {
    await turn;
  } finally {
    if (parts.restarts.get(item.executionId) === last) parts.restarts.delete(item.executionId);
  }
}

/** Lanes of other processes lose the same image at the same time: one process at a time begins schemas again. */
async function restartAlone(parts: EngineParts, run: Run, item: ItemToRestart, stop: AbortSignal): Promise<void> {
  const lock = { name: `restart ${item.executionId}`, workerId: parts.workerId };
  while (!(await retryStore(() => takeWorkerLock(parts.store.db, lock), stop)))
    await sleep(LOCK_POLL_MS, undefined, { signal: stop });
  try {
    await restart(parts, run, item, stop);
  } finally {
    await retryStore(() => giveBackWorkerLock(parts.store.db, lock), stop);
  }
}

async function restart(parts: EngineParts, run: Run, item: ItemToRestart, stop: AbortSignal): Promise<void> {
  const { db } = parts.store;
  const { executionId } = item;
  const lost = await retryStore(() => listLostSchemas(db, item), stop);
  // Another lane was faster.
  if (!lost.has(item.schemaId)) return;
  const { planned, failed } = await planAgain(parts, run, item, new Set(lost.keys()), stop);
  await retryStore(
    () =>
      parts.store.transaction(async (transaction) => {
        await requireLiving(transaction.db, parts.workerId);
        // The execution's row before those of its segments, as who lists rejects locks them.
        await markPlanned(transaction.db, executionId);
        const findLost = async (schemaId: string) => {
          const row = await findRunSchema(transaction.db, executionId, schemaId);
          return row?.generation === lost.get(schemaId) ? row : null;
        };
        for (const schema of planned) {
          const row = await findLost(schema.schemaId);
          if (row === null) continue;
          const plan = isAgain(item, schema.schemaId, row.plan)
            ? { ...(schema.plan as SchemaPlan), isLoadedAgain: true }
            : schema.plan;
          await restartSchema(transaction.db, executionId, { ...schema, plan });
        }
        for (const { schemaId, message } of failed) {
          if ((await findLost(schemaId)) !== null)
            await setSchemaStatus(transaction.db, executionId, schemaId, 'failed', message);
        }
      }),
    stop,
  );
  for (const { schemaId, snapshotEpoch } of planned) {
    parts.meter.count('schemas_restarted', {});
    // Why the one that differs is begun again was said already.
    const message =
      item.isDifferent && schemaId === item.schemaId
        ? 'The schema is read again in a new snapshot.'
        : 'The source snapshot was lost; the schema is read again in a new one.';
    parts.log.info({ executionId, syncId: run.sync.id, schemaId, snapshot: snapshotEpoch }, message);
    parts.console.warn(executionId, message, { schemaId, payload: { snapshot: snapshotEpoch } });
  }
}

/** That a schema was loaded again is kept, however often its image is lost afterwards. */
function isAgain({ isDifferent, schemaId: differing }: ItemToRestart, schemaId: string, before: unknown): boolean {
  // Written by planExecution of this build's protocol.
  return (isDifferent && schemaId === differing) || (before as SchemaPlan | null)?.isLoadedAgain === true;
}

async function planAgain(
  parts: EngineParts,
  run: Run,
  item: ItemToRestart,
  only: ReadonlySet<string>,
  stop: AbortSignal,
): Promise<ExecutionPlan> {
  const row = await retryStore(() => findRunSchema(parts.store.db, item.executionId, item.schemaId), stop);
  await using sides = await openSides(parts, run);
  const planIn = (snapshot: SharedSnapshot) => planInSnapshot(parts, run, sides, { snapshot, only }, stop);
  const snapshot = await renewSnapshot(parts, run, row?.snapshotEpoch ?? 0, stop);
  try {
    return await planIn(snapshot);
  } catch (thrown) {
    // The successor that an earlier attempt opened may have been lost as well before anything was planned in it.
    const error = firstError(thrown);
    if (!(error instanceof SyncError) || error.code !== 'SNAPSHOT_LOST') throw thrown;
    return await planIn(await renewSnapshot(parts, run, snapshot.epoch, stop));
  }
}
