import type { LoadPlan, PackOutcomes, PackTable, PublishCounts } from '../../../../connector-kit/index.ts';
import { toWorkName } from '../../client/work-name.ts';
import type { Session } from '../../client.ts';
import { LOCK_TIMEOUT } from '../generations.ts';
import { fenceLost } from '../state.ts';

/*
 * The state rows of `state.ts` for all tables of a pack in one statement each. From `enterFences` on until it is published
 * or let go of, a table's fence carries the name of the pack's session: whoever takes the table over ends that session
 * first, so that none of its locks is in the way.
 */

/** One transaction: tables become ours, and their fences are raised. @throws `FENCE_LOST` */
export async function enterFences(session: Session, plans: readonly LoadPlan[], signal: AbortSignal): Promise<void> {
  const action = 'Raising the fences of a pack';
  await session.script(action, beginPack(session, plans.length), signal);
  const raised = await session.execute(
    action,
    `WITH given AS (SELECT * FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[]) g (schema_id, generation, table_schema, table_name)),
       owned AS (
         INSERT INTO __millrace.owners AS o (table_schema, table_name, sync_id, schema_id, adopted)
         SELECT table_schema, table_name, $1, schema_id, false FROM given
         ON CONFLICT (table_schema, table_name) DO NOTHING)
     INSERT INTO __millrace.fences AS f (sync_id, schema_id, generation, pid, backend_start)
     SELECT $1, schema_id, generation, $6, $7 FROM given
     ON CONFLICT (sync_id, schema_id) DO UPDATE
       SET generation = excluded.generation, pid = excluded.pid, backend_start = excluded.backend_start
       WHERE f.generation < excluded.generation AND f.pid IS NULL`,
    [
      plans[0]?.syncId,
      ...toArrays(plans),
      plans.map(({ table }) => table.schema),
      plans.map(({ table }) => table.name),
      session.pid,
      session.startedAt,
    ],
    signal,
  );
  refuseLost(plans, raised);
  await session.script(action, 'COMMIT', signal);
}

/** What the segments of these tables have committed. */
export async function insertSegments(
  session: Session,
  tables: readonly PackTable[],
  outcomes: PackOutcomes,
  signal: AbortSignal,
): Promise<void> {
  const committed = [...outcomes].flatMap(([index, outcome]) => {
    const table = tables[index];
    return table === undefined ? [] : [{ table, outcome: JSON.stringify(outcome) }];
  });
  await session.execute(
    'Recording the segments of a pack',
    `INSERT INTO __millrace.segments (sync_id, schema_id, generation, segment, token, pid, backend_start, committed)
     SELECT $1, schema_id, generation, segment, token, $4, $5, committed
     FROM unnest($2::text[], $3::bigint[], $6::integer[], $7::bigint[], $8::jsonb[]) g (schema_id, generation, segment, token, committed)`,
    [
      tables[0]?.plan.syncId,
      ...toArrays(committed.map(({ table }) => table.plan)),
      session.pid,
      session.startedAt,
      committed.map(({ table }) => table.segment.no),
      committed.map(({ table }) => table.segment.token),
      committed.map(({ outcome }) => outcome),
    ],
    signal,
  );
}

/** What these tables' publications have counted. */
export async function insertPublications(
  session: Session,
  published: readonly { readonly plan: LoadPlan; readonly counts: PublishCounts }[],
  signal: AbortSignal,
): Promise<void> {
  const plans = published.map(({ plan }) => plan);
  await session.execute(
    'Recording the publications of a pack',
    `INSERT INTO __millrace.publications (sync_id, schema_id, generation, counts)
     SELECT $1, schema_id, generation, counts FROM unnest($2::text[], $3::bigint[], $4::jsonb[]) g (schema_id, generation, counts)`,
    [
      plans[0]?.syncId,
      ...toArrays(plans),
      // As `publish` leaves it for a single table.
      published.map(({ counts }) => JSON.stringify({ ...counts, kept: [] })),
    ],
    signal,
  );
}

/** Takes the session's name off the fences of tables that go their own way from here. */
export async function leaveFences(session: Session, plans: readonly LoadPlan[], signal: AbortSignal): Promise<void> {
  if (plans.length === 0) return;
  await session.execute(
    'Letting go of the fences of a pack',
    `UPDATE __millrace.fences f SET pid = NULL, backend_start = NULL FROM unnest($2::text[], $3::bigint[]) g (schema_id, generation)
     WHERE f.sync_id = $1 AND f.schema_id = g.schema_id AND f.generation = g.generation AND f.pid = $4 AND f.backend_start = $5`,
    [plans[0]?.syncId, ...toArrays(plans), session.pid, session.startedAt],
    signal,
  );
}

/**
 * The last statement before COMMIT: passes only while every table and every fence is this session's.
 * @param isLeaving true where the pack has done with these tables
 * @throws `FENCE_LOST`
 */
export async function passFences(
  session: Session,
  plans: readonly LoadPlan[],
  isLeaving: boolean,
  signal: AbortSignal,
): Promise<void> {
  const passed = await session.execute(
    'Passing the fences of a pack',
    `UPDATE __millrace.fences f SET pid = CASE WHEN NOT $8 THEN f.pid END, backend_start = CASE WHEN NOT $8 THEN f.backend_start END
     FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[]) g (schema_id, generation, table_schema, table_name)
     JOIN __millrace.owners o ON o.table_schema = g.table_schema AND o.table_name = g.table_name AND o.sync_id = $1 AND o.schema_id = g.schema_id
     WHERE f.sync_id = $1 AND f.schema_id = g.schema_id AND f.generation = g.generation AND f.pid = $6 AND f.backend_start = $7`,
    [
      plans[0]?.syncId,
      ...toArrays(plans),
      plans.map(({ table }) => table.schema),
      plans.map(({ table }) => table.name),
      session.pid,
      session.startedAt,
      isLeaving,
    ],
    signal,
  );
  refuseLost(plans, passed);
}

/** Forgets the segments of these loads and of older ones, and older publications. */
export async function forgetLoads(session: Session, plans: readonly LoadPlan[], signal: AbortSignal): Promise<void> {
  await session.execute(
    'Dropping what the loads of a pack left',
    `WITH given AS (SELECT * FROM unnest($2::text[], $3::bigint[]) g (schema_id, generation)),
       segments AS (
         DELETE FROM __millrace.segments s USING given g
         WHERE s.sync_id = $1 AND s.schema_id = g.schema_id AND s.generation <= g.generation)
     DELETE FROM __millrace.publications p USING given g
     WHERE p.sync_id = $1 AND p.schema_id = g.schema_id AND p.generation < g.generation`,
    [plans[0]?.syncId, ...toArrays(plans)],
    signal,
  );
}

/** Begins a transaction of a pack. It waits for nobody for long: a table that is held goes its own way, which does. */
export const BEGIN_PACK = `BEGIN; ${LOCK_TIMEOUT}`;

/** The same for what is done for all of so many tables at once, which the server's list then says. */
export function beginPack(session: Session, tables: number): string {
  return `${BEGIN_PACK}; ${toWorkName(session.name, `pack of ${tables}`)}`;
}

function toArrays(plans: readonly LoadPlan[]): [string[], number[]] {
  return [plans.map(({ schemaId }) => schemaId), plans.map(({ generation }) => generation)];
}

function refuseLost(plans: readonly LoadPlan[], passed: number): void {
  const [first] = plans;
  if (first !== undefined && passed !== plans.length) throw fenceLost(first);
}
