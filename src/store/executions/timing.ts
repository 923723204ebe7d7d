import { sql } from 'kysely';
import { type ExecutionTiming, findBottleneck, TIME_PARTS, type TimeParts } from '../../core/index.ts';
import type { StoreDatabase } from '../database.ts';

/** Notes that the lanes can begin: what passes until they do is waiting. */
export async function markPlanned(db: StoreDatabase, executionId: string): Promise<void> {
  await db
    .updateTable('executions')
    .set({
      plannedAt: sql`clock_timestamp()`,
      // Of the first plan: schemas that are planned again meanwhile hold up one lane only.
      planningMs: sql`coalesce(planning_ms, extract(epoch FROM clock_timestamp() - started_at) * 1000)`,
    })
    .where('id', '=', executionId)
    .execute();
}

const PARTS = TIME_PARTS.map((part) => sql`'${sql.raw(part)}', sum((s.timing->>'${sql.raw(part)}')::double precision)`);

/** The parts' sums over rows of `segments s`, as one jsonb object. */
const SUMS = sql<TimeParts>`jsonb_strip_nulls(jsonb_build_object(${sql.join(PARTS)}))`;

/** Sums up where the time of an execution went until now; null when it is gone. */
export async function sumExecutionTiming(db: StoreDatabase, executionId: string): Promise<ExecutionTiming | null> {
  const { rows } = await sql<{ queued: number; planning: number; lanes: number; delayed: number; parts: TimeParts }>`
    SELECT coalesce(extract(epoch FROM e.started_at - e.created_at) * 1000, 0)::double precision AS queued,
      coalesce(e.planning_ms, 0) AS planning, lanes.count::integer AS lanes,
      lanes.delayed::double precision AS delayed, (SELECT ${SUMS} FROM segments s WHERE s.execution_id = e.id) AS parts
    FROM executions e CROSS JOIN LATERAL (
      SELECT count(*), coalesce(sum(extract(epoch FROM greatest(first - e.planned_at, interval '0')) * 1000), 0) AS delayed
      FROM (SELECT min(started_at) AS first FROM segments WHERE execution_id = e.id AND lane_id IS NOT NULL GROUP BY lane_id) l) lanes
    WHERE e.id = ${executionId}`.execute(db);
  const row = rows[0];
  if (row === undefined) return null;
  const times = { waiting: Math.max(0, row.queued) + row.delayed, planning: row.planning, parts: row.parts };
  return { ...times, lanes: row.lanes, bottleneck: findBottleneck(times) };
}

/** Sums by schema, in the order of the execution; empty when the execution's segments are not kept any more. */
export async function sumSchemaTimings(
  db: StoreDatabase,
  executionId: string,
): Promise<readonly { readonly schemaId: string; readonly parts: TimeParts }[]> {
  const { rows } = await sql<{ schemaId: string; parts: TimeParts }>`
    SELECT e.schema_id, ${SUMS} AS parts FROM execution_schemas e
    JOIN segments s ON s.execution_id = e.execution_id AND s.schema_id = e.schema_id
    WHERE e.execution_id = ${executionId} AND s.timing IS NOT NULL
    GROUP BY e.schema_id, e.position ORDER BY e.position`.execute(db);
  return rows;
}
