import { type Receipt, SyncError } from '../../../core/index.ts';
import { listRejects as listRecords, type RejectPosition, type RejectRecord } from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { requireExecution } from './executions.ts';

/** A rejected record as people see it. */
export type RejectView = RejectRecord;

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;

/** What an execution proved. @throws `NOT_FOUND` also while the execution has not issued it */
export async function getReceipt(context: Context, syncId: string, executionId: string): Promise<Receipt> {
  const { receipt, status } = await requireExecution(context, syncId, executionId);
  if (receipt !== null) return receipt;
  throw new SyncError(
    'NOT_FOUND',
    `The execution ${executionId} has no receipt: it is ${status}, and a receipt is issued at the end.`,
    { detail: { executionStatus: status } },
  );
}

/**
 * One page of the records that the destination refused, by schema.
 * @param page `limit` above 1,000 means 1,000, below 1 means 100
 * @throws `NOT_FOUND`
 */
export async function listRejects(
  context: Context,
  syncId: string,
  executionId: string,
  page: { readonly limit: number | null; readonly after: RejectPosition | null; readonly schemaId: string | null },
): Promise<{ readonly rejects: readonly RejectView[]; readonly next: RejectPosition | null }> {
  await requireExecution(context, syncId, executionId);
  const limit = page.limit === null || page.limit <= 0 ? DEFAULT_PAGE : Math.min(page.limit, MAX_PAGE);
  const { organizationId } = context.caller;
  const { records, hasMore } = await listRecords(context.store.db, organizationId, executionId, { ...page, limit });
  return { rejects: records, next: hasMore ? (records.at(-1)?.position ?? null) : null };
}
