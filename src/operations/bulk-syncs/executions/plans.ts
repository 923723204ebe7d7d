import { type PlanDescription, type PlanRefusal, SyncError } from '../../../core/index.ts';
import { findCurrentAndLast } from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { permitBulkSync } from '../syncs.ts';
import { requireExecution } from './executions.ts';
import { checkStart, runningAlready, type StartInput, toNewExecution } from './start.ts';

/** A catalogue of thousands of tables takes long; whoever waits longer than this has gone. */
const PLAN_LIMIT_MS = 5 * 60_000;

/**
 * What a start would do now; nothing is written anywhere. What a start would be refused for is part of the answer.
 * @throws `NOT_FOUND`; `REQUEST_MALFORMED` as a start; what passes by itself, such as `CONN_LOST`
 */
export async function planBulkSync(context: Context, syncId: string, input: StartInput): Promise<PlanDescription> {
  const refusals = await listStartRefusals(context, syncId, input);
  const start = toNewExecution(context, syncId, 'manual', { ...input, selectiveMode: 'none' });
  const { organizationId } = context.caller;
  const signal = AbortSignal.timeout(PLAN_LIMIT_MS);
  const plan = await context.planner.planStart(organizationId, start, signal).catch((error: unknown) => {
    if (signal.aborted) throw tookTooLong();
    throw error;
  });
  return { ...plan, refusals: [...refusals, ...plan.refusals] };
}

/** What an execution was planned to do. @throws `NOT_FOUND` also while it is not planned */
export async function getExecutionPlan(
  context: Context,
  syncId: string,
  executionId: string,
): Promise<PlanDescription> {
  const { id, organizationId, status } = await requireExecution(context, syncId, executionId);
  const plan = await context.planner.describePlan({ id, syncId, organizationId });
  if (plan !== null) return plan;
  throw new SyncError('NOT_FOUND', `The execution ${executionId} has no plan: it is ${status}, and was not planned.`, {
    detail: { executionStatus: status },
  });
}

function tookTooLong(): SyncError {
  const minutes = PLAN_LIMIT_MS / 60_000;
  return new SyncError(
    'CONN_LOST',
    `The plan was not made within ${minutes} minutes. Look whether both systems answer, or ask for single schemas.`,
  );
}

async function listStartRefusals(context: Context, syncId: string, input: StartInput): Promise<readonly PlanRefusal[]> {
  const sync = await permitBulkSync(context, syncId, 'trigger');
  const { current } = await findCurrentAndLast(context.store.db, context.caller.organizationId, syncId);
  const running = current === undefined ? [] : [await runningAlready(context, syncId)];
  const refused = await checkStart(context, sync, input).then(
    () => [],
    (error: unknown) => {
      if (error instanceof SyncError && error.kind === 'invalid_request') return [error];
      throw error;
    },
  );
  return [...running, ...refused].map(({ code, message }) => ({ code, message }));
}
