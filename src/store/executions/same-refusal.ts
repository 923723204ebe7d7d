import { sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';

/**
 * The id of an execution that a schedule could not start for this same reason, when since then nobody has saved the sync,
 * and nothing else has been started.
 */
export async function findSameRefusal(
  db: StoreDatabase,
  organizationId: string,
  syncId: string,
  statusMessage: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('executions')
    .innerJoin('bulkSyncs', 'bulkSyncs.id', 'executions.syncId')
    .select('executions.id')
    .where('executions.organizationId', '=', organizationId)
    .where('executions.syncId', '=', syncId)
    .where('executions.statusMessage', '=', statusMessage)
    .where(isRefusal('executions'))
    .whereRef('executions.createdAt', '>', 'bulkSyncs.updatedAt')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('executions as later')
            .select('later.id')
            .whereRef('later.syncId', '=', 'executions.syncId')
            .whereRef('later.createdAt', '>', 'executions.createdAt')
            .where(({ not }) => not(isRefusal('later'))),
        ),
      ),
    )
    .limit(1)
    .executeTakeFirst();
  return row?.id;
}

/** Ended without a beginning, and nobody asked for it. */
function isRefusal(table: 'executions' | 'later') {
  const of = (column: string) => sql.ref(`${table}.${column}`);
  return sql<boolean>`(${of('type')} = 'scheduled' AND ${of('status')} = 'failed' AND ${of('startedAt')} IS NULL)`;
}
