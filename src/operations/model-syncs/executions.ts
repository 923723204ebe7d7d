import { SyncError } from '../../core/index.ts';
import type { Context } from '../context.ts';
import type { PolicyAction } from '../permissions/authorize.ts';
import { permitModelSync } from './model-syncs.ts';

/** Refuses to start a sync, and says why. @throws `MODEL_SYNC_NOT_RUN`; `NOT_FOUND`, `FORBIDDEN` */
export async function startModelSync(context: Context, id: string): Promise<never> {
  const { name } = await permitModelSync(context, id, 'trigger');
  throw new SyncError(
    'MODEL_SYNC_NOT_RUN',
    `The model sync "${name}" was not started: this Millrace keeps and checks model syncs, and cannot run them yet. Nothing was written.`,
  );
}

/** Sees that a sync whose executions are asked for is there: it has none, since none was ever started. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function requireExecutionsOf(
  context: Context,
  syncId: string,
  action: PolicyAction = 'read',
): Promise<void> {
  await permitModelSync(context, syncId, action);
}

/** Looks for one execution, of which there are none. @throws `NOT_FOUND`, `FORBIDDEN` */
export async function requireModelExecution(
  context: Context,
  syncId: string,
  executionId: string,
  action: PolicyAction = 'read',
): Promise<never> {
  await permitModelSync(context, syncId, action);
  throw new SyncError('NOT_FOUND', `The model sync ${syncId} has no execution ${executionId}.`);
}
