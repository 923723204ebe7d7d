import { type DriftRecord, listDriftEvents } from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { requireBulkSync } from '../syncs.ts';
import { requireExecution } from './executions.ts';

/** A difference between a source and what its sync loaded last, as people see it. */
export type DriftView = DriftRecord;

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;

/**
 * One page of what a sync (newest first) or one of its executions met.
 * @param page `limit` above 1,000 means 1,000, below 1 means 100; `after` is the id of the last event seen
 * @throws `NOT_FOUND`
 */
export async function listDrift(
  context: Context,
  of: { readonly syncId: string; readonly executionId: string | null },
  page: { readonly limit: number | null; readonly after: string | null },
): Promise<{ readonly events: readonly DriftView[]; readonly next: string | null }> {
  if (of.executionId === null) await requireBulkSync(context, of.syncId);
  else await requireExecution(context, of.syncId, of.executionId);
  const limit = page.limit === null || page.limit <= 0 ? DEFAULT_PAGE : Math.min(page.limit, MAX_PAGE);
  const { organizationId } = context.caller;
  const { records, hasMore } = await listDriftEvents(context.store.db, organizationId, of, { ...page, limit });
  return { events: records, next: hasMore ? (records.at(-1)?.id ?? null) : null };
}
