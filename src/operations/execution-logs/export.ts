import type { JobRecord } from '../../store/index.ts';
import { recordAudit } from '../audit/record.ts';
import { requireExecution } from '../bulk-syncs/executions/executions.ts';
import { permitBulkSync } from '../bulk-syncs/syncs.ts';
import type { Context } from '../context.ts';
import { startJob } from '../jobs/start.ts';
import { refuseField } from '../refusals.ts';
import type { ExportInput } from './export-job.ts';
import type { ExecutionPlace } from './files.ts';

/**
 * Asks for an archive of an execution's log files.
 * @param notify also sends the address to the user who asks
 * @returns the job whose result is the address
 * @throws `NOT_FOUND`, `FORBIDDEN`, `TOO_MANY_JOBS`; `REQUEST_REFUSED` when nobody could be notified
 */
export async function exportLogs(context: Context, place: ExecutionPlace, notify: boolean): Promise<JobRecord> {
  const sync = await permitBulkSync(context, place.syncId, 'export');
  await requireExecution(context, place.syncId, place.executionId);
  const { email } = context.caller;
  if (notify && email === null)
    throw refuseField('notify', 'the key belongs to no user, so there is no address to write to; leave it out');
  const input: ExportInput = { ...place, syncName: sync.name, recipient: notify ? email : null };
  return context.store.transaction(async ({ db }) => {
    const object = { type: 'bulk_sync', id: sync.id, name: sync.name };
    const after = { executionId: place.executionId };
    await recordAudit(db, context, { action: 'export_logs', object, before: null, after });
    return startJob(context, 'exportlogs', input, db);
  });
}
