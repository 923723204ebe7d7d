import {
  buryWorkers,
  isSpoken,
  listDeadWorkers,
  listOpenExecutions,
  recordExecutionEvent,
  takeWorkerLock,
} from '../../store/index.ts';
import { type DurableEngine, WORKFLOW_PROTOCOL } from '../durable.ts';
import type { EngineParts } from '../engine-parts.ts';
import { letGo } from '../executions/settle-execution.ts';
import { type Life, SILENT_MS } from './life.ts';

/** Shorter than the silence that means death: a sweeper that dies delays nobody. */
const SWEEPER_MS = 4_000;

/**
 * One process at a time sweeps, whichever comes first: silent workers are declared dead, what they had taken goes back
 * on its queues, executions that nobody will ever go on with are given up.
 */
export async function sweep(parts: EngineParts, durable: DurableEngine, life: Life): Promise<void> {
  const { store, workerId, log } = parts;
  if (!(await takeWorkerLock(store.db, { name: 'sweep', workerId, expiresAfterMs: SWEEPER_MS }))) return;
  // Behind an outage that all shared, who is back first must not take the others for dead.
  const now = life.databaseNow;
  if (life.isSteady && now !== null) await buryWorkers(store.db, { besides: workerId, now, silentMs: SILENT_MS });
  const resumed = await durable.resumeWorkOf(await listDeadWorkers(store.db));
  if (resumed > 0) log.info({ workflows: resumed }, 'Work of a dead process was taken up again.');
  await giveUpLost(parts, durable);
}

async function giveUpLost(parts: EngineParts, durable: DurableEngine): Promise<void> {
  const open = await listOpenExecutions(parts.store.db);
  if (open.length === 0) return;
  const protocols = await durable.findAlive(open.map(({ id }) => id));
  for (const { id } of open) {
    const protocol = protocols.get(id);
    if (protocol === WORKFLOW_PROTOCOL) continue;
    if (protocol === undefined) await giveUp(parts, id, 'The execution lost its workflow. Start the sync again.');
    else if (!(await isSpoken(parts.store.db, protocol)))
      await giveUp(
        parts,
        id,
        'The execution was begun by a version of Millrace whose executions this one cannot go on with, and no process of that version is left. Start the sync again.',
      );
  }
}

async function giveUp(parts: EngineParts, executionId: string, statusMessage: string): Promise<void> {
  const status = await recordExecutionEvent(parts.store, executionId, 'give_up', { statusMessage });
  // Between the two looks it may have ended in good order.
  if (status !== 'interrupted') return;
  parts.meter.count('executions_ended', { status });
  parts.log.error({ executionId }, `An execution was given up: ${statusMessage}`);
  await letGo(parts, executionId);
}

/**
 * Closes what this process holds for executions that have ended elsewhere: source images, sessions of its threads; and
 * images that are too old, for which nobody may ever come again.
 */
export async function tidy(parts: EngineParts): Promise<void> {
  await parts.snapshots.dropOld();
  const held = new Set([...parts.visited, ...parts.snapshots.executions]);
  if (held.size === 0) return;
  const open = new Set((await listOpenExecutions(parts.store.db)).map(({ id }) => id));
  for (const executionId of held) {
    if (open.has(executionId)) continue;
    parts.visited.delete(executionId);
    parts.places.forget(executionId);
    await letGo(parts, executionId);
  }
}
