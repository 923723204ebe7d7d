import { type ExecutionTiming, isTerminal, SyncError, type TimeParts } from '../../../core/index.ts';
import { sumExecutionTiming, sumSchemaTimings } from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { requireExecution } from './executions.ts';

/** Where the time of an execution went. */
export interface TimingView extends ExecutionTiming {
  readonly executionId: string;
  readonly schemas: readonly { readonly schemaId: string; readonly parts: TimeParts }[];
}

/** Until now, while the execution runs: of steps that have ended. @throws `NOT_FOUND` */
export async function getTiming(context: Context, syncId: string, executionId: string): Promise<TimingView> {
  const { status, timing: stored } = await requireExecution(context, syncId, executionId);
  const { db } = context.store;
  const timing = isTerminal(status) && stored !== null ? stored : await sumExecutionTiming(db, executionId);
  if (timing === null) throw new SyncError('NOT_FOUND', `The execution ${executionId} was removed meanwhile.`);
  return { executionId, ...timing, schemas: await sumSchemaTimings(db, executionId) };
}
