import { sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';
import type { PlanSummary } from '../execution-tables.ts';

/** Keeps what is planned for an execution as a whole, beside the plans of its schemas. */
export async function savePlanSummary(db: StoreDatabase, executionId: string, summary: PlanSummary): Promise<void> {
  await db
    .updateTable('executions')
    .set({ plan: JSON.stringify(summary) })
    .where('id', '=', executionId)
    .execute();
}

/** How an execution was planned as a whole; null while it is not. */
export async function findPlanSummary(db: StoreDatabase, executionId: string): Promise<PlanSummary | null> {
  const row = await db.selectFrom('executions').select('plan').where('id', '=', executionId).executeTakeFirst();
  return row?.plan ?? null;
}

/** The schemas of an execution, in their order, with what was planned for each; `plan` is null where nothing was. */
export async function listPlannedSchemas(db: StoreDatabase, executionId: string) {
  return db
    .selectFrom('executionSchemas as part')
    .select(['part.schemaId', 'part.status', 'part.statusMessage', 'part.plan'])
    .select(
      // The reads of the generation that counts; what was begun before a renewed snapshot is gone.
      sql<readonly string[] | null>`(SELECT jsonb_agg(s.range->>'text' ORDER BY s.no) FROM segments s
        WHERE s.execution_id = part.execution_id AND s.schema_id = part.schema_id AND s.generation = part.generation AND s.kind = 'read')`.as(
        'ranges',
      ),
    )
    .where('part.executionId', '=', executionId)
    .orderBy('part.position')
    .execute();
}
