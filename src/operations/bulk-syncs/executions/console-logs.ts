import { SyncError } from '../../../core/index.ts';
import { type ConsoleRecord, findBulkSyncSchema, listConsoleLogs } from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { requireExecution } from './executions.ts';

/** Some lines of what an execution told, in order. */
export interface ConsoleLogPage {
  readonly lines: readonly ConsoleRecord[];
  /** True when there are later lines. */
  readonly hasMore: boolean;
}

const MAX_LINES = 50;

/**
 * What an execution told, or only about one of its schemas: the last lines, or those behind `after`.
 * @param page `limit` outside 1 to 50 means 50; `after` is a line's number
 * @throws `NOT_FOUND` for the sync, the execution, or a schema that the sync does not have
 */
export async function getConsoleLog(
  context: Context,
  of: { readonly syncId: string; readonly executionId: string; readonly schemaId: string | null },
  page: { readonly limit: number | null; readonly after: number | null },
): Promise<ConsoleLogPage> {
  const { syncId, executionId, schemaId } = of;
  await requireExecution(context, syncId, executionId);
  if (schemaId !== null) await requireSyncSchema(context, syncId, schemaId);
  const limit = page.limit === null || page.limit <= 0 ? MAX_LINES : Math.min(page.limit, MAX_LINES);
  const query = { limit, after: page.after, schemaId };
  const { records, hasMore } = await listConsoleLogs(
    context.store.db,
    context.caller.organizationId,
    executionId,
    query,
  );
  return { lines: records, hasMore };
}

async function requireSyncSchema(context: Context, syncId: string, schemaId: string): Promise<void> {
  const row = await findBulkSyncSchema(context.store.db, context.caller.organizationId, syncId, schemaId);
  if (row === undefined) throw new SyncError('NOT_FOUND', `The bulk sync ${syncId} has no schema "${schemaId}".`);
}
