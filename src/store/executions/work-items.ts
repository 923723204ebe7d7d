import { sql } from 'kysely';
import type { TimeParts } from '../../core/index.ts';
import type { StoreDatabase } from '../database.ts';

/** One piece of an execution's work, claimed by a lane. */
export interface WorkItem {
  readonly executionId: string;
  readonly schemaId: string;
  readonly generation: number;
  readonly no: number;
  readonly kind: 'prepare' | 'read' | 'finish';
  /** The engine's own JSON. */
  readonly range: unknown;
  /** Grows with each claim; results under an older token are not taken. */
  readonly token: number;
}

/**
 * Schemas that share the snapshot of this item's schema, have reads left, and on which no living worker works; the
 * item's own schema whoever works on it. Empty when that one was restarted meanwhile.
 * @returns generations by schema id
 */
export async function listLostSchemas(db: StoreDatabase, item: WorkItem): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ schemaId: string; generation: string }>`
    SELECT e.schema_id, e.generation FROM execution_schemas e
    JOIN execution_schemas own ON own.execution_id = e.execution_id AND own.schema_id = ${item.schemaId}
      AND own.generation = ${item.generation} AND own.snapshot_epoch = e.snapshot_epoch
    WHERE e.execution_id = ${item.executionId}
      -- Behind its reads, a schema needs the snapshot only where it is compared: then it says so itself.
      AND (e.schema_id = own.schema_id AND e.status = 'processing' OR e.status IN ('scheduled', 'running')
        AND EXISTS (SELECT 1 FROM segments s WHERE s.execution_id = e.execution_id AND s.schema_id = e.schema_id
          AND s.generation = e.generation AND s.kind <> 'finish' AND s.state <> 'done'))
      AND (e.schema_id = own.schema_id OR NOT EXISTS (SELECT 1 FROM segments s JOIN workers w ON w.id = s.worker_id
        WHERE s.execution_id = e.execution_id AND s.schema_id = e.schema_id AND s.generation = e.generation
          AND s.state = 'owned' AND w.dead_at IS NULL))
    ORDER BY e.position`.execute(db);
  return new Map(rows.map((row) => [row.schemaId, Number(row.generation)]));
}

/** Who claims work. */
export interface Owner {
  readonly executionId: string;
  readonly laneId: string;
  readonly workerId: string;
}

/**
 * Claims the item this lane owned before a crash, else one that a dead worker owned, else the first one that may start:
 * a schema's `prepare`, then its reads, then its `finish`. Null when nothing may start now, or when this worker was
 * declared dead.
 *
 * Any lane takes a dead worker's items: if each waited for its own lane, resumed lanes could fill all places of a
 * worker and wait for lanes that get none.
 */
export async function claimItem(db: StoreDatabase, owner: Owner): Promise<WorkItem | null> {
  // The array makes the planner run the subqueries once; IN (SELECT … SKIP LOCKED) can claim many rows more.
  const result = await sql<{
    schemaId: string;
    generation: string;
    no: number;
    kind: WorkItem['kind'];
    range: unknown;
    token: number;
  }>`
    UPDATE segments SET state = 'owned', worker_id = ${owner.workerId}, lane_id = ${owner.laneId}, token = token + 1,
      started_at = coalesce(started_at, now()), progress_records = 0, progress_bytes = 0
    WHERE ctid = ANY (ARRAY(SELECT coalesce((${findOwned(owner)}), (${findWaiting(owner)}))))
      AND EXISTS (SELECT 1 FROM workers WHERE id = ${owner.workerId} AND dead_at IS NULL)
    RETURNING schema_id, generation, no, kind, range, token`.execute(db);
  const row = result.rows[0];
  return row === undefined ? null : { executionId: owner.executionId, ...row, generation: Number(row.generation) };
}

/** What this lane, or a worker that has died, had begun. */
function findOwned({ executionId, laneId, workerId }: Owner) {
  return sql`
    SELECT s.ctid FROM segments s JOIN execution_schemas e ON e.execution_id = s.execution_id AND e.schema_id = s.schema_id
    WHERE s.execution_id = ${executionId} AND s.state = 'owned' AND s.generation = e.generation
      AND e.status IN ('scheduled', 'running', 'processing')
      AND (s.lane_id = ${laneId} AND s.worker_id = ${workerId}
        OR EXISTS (SELECT 1 FROM workers d WHERE d.id = s.worker_id AND d.dead_at IS NOT NULL))
    ORDER BY s.lane_id = ${laneId} DESC, e.position, s.no LIMIT 1 FOR UPDATE OF s SKIP LOCKED`;
}

/** The order is made before the items are looked at, one schema after another: an order around them would look at all. */
function findWaiting({ executionId }: Owner) {
  return sql`
    SELECT next.ctid FROM (
      SELECT execution_id, schema_id, generation FROM execution_schemas
      WHERE execution_id = ${executionId} AND status IN ('scheduled', 'running', 'processing')
        AND NOT (is_small AND status = 'scheduled') -- waits for a pack
      ORDER BY position OFFSET 0) e
    CROSS JOIN LATERAL (
      SELECT s.ctid FROM segments s
      WHERE s.execution_id = e.execution_id AND s.schema_id = e.schema_id AND s.generation = e.generation AND s.state = 'waiting'
        AND CASE s.kind
          WHEN 'prepare' THEN true
          WHEN 'read' THEN EXISTS (SELECT 1 FROM segments p WHERE p.execution_id = s.execution_id AND p.schema_id = s.schema_id
            AND p.generation = s.generation AND p.no = 0 AND p.state = 'done')
          ELSE NOT EXISTS (SELECT 1 FROM segments o WHERE o.execution_id = s.execution_id AND o.schema_id = s.schema_id
            AND o.generation = s.generation AND o.no < s.no AND o.state <> 'done') END
      ORDER BY s.no LIMIT 1 FOR UPDATE SKIP LOCKED) next
    LIMIT 1`;
}

/** A new token for another attempt at an item; null when it is no longer this worker's. */
export async function reclaimItem(db: StoreDatabase, item: WorkItem, workerId: string): Promise<WorkItem | null> {
  const row = await ownedItem(db, item, workerId)
    .set({ token: sql`token + 1`, progressRecords: 0, progressBytes: 0 })
    .returning('token')
    .executeTakeFirst();
  return row === undefined ? null : { ...item, token: row.token };
}

/** Gives an item back, for any lane of any worker; nothing happens when it is no longer this worker's. */
export async function releaseItem(db: StoreDatabase, item: WorkItem, workerId: string): Promise<void> {
  await ownedItem(db, item, workerId).set({ state: 'waiting', workerId: null, laneId: null }).execute();
}

/** True while another living worker works on the execution, or has lately brought a step of it to its end. */
export async function isMovedByOthers(db: StoreDatabase, executionId: string, workerId: string): Promise<boolean> {
  const { rows } = await sql`
    SELECT 1 FROM segments s JOIN workers w ON w.id = s.worker_id
    WHERE s.execution_id = ${executionId} AND s.worker_id <> ${workerId}
      AND (s.state = 'owned' AND w.dead_at IS NULL OR s.finished_at > now() - interval '2 minutes') LIMIT 1`.execute(
    db,
  );
  return rows.length > 0;
}

/** Locks an item until the transaction ends; false when it is no longer this worker's. */
export async function holdItem(db: StoreDatabase, item: WorkItem, workerId: string): Promise<boolean> {
  const result = await ownedItem(db, item, workerId).set({ state: 'owned' }).executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

function ownedItem(db: StoreDatabase, item: WorkItem, workerId: string) {
  return db
    .updateTable('segments')
    .where('executionId', '=', item.executionId)
    .where('schemaId', '=', item.schemaId)
    .where('generation', '=', String(item.generation))
    .where('no', '=', item.no)
    .where('token', '=', item.token)
    .where('workerId', '=', workerId)
    .where('state', '=', 'owned')
    .where((eb) =>
      eb.exists(eb.selectFrom('workers').select('id').where('id', '=', workerId).where('deadAt', 'is', null)),
    );
}

/** What else is recorded of an item that is done. */
export interface ItemFigures {
  /** The final figures; without them those of the last `saveProgress` stay, which may lag. */
  readonly progress?: { readonly records: number; readonly bytes: number };
  readonly timing?: TimeParts;
}

/** Records an item's outcome. False when the item was taken over or restarted meanwhile: the outcome is then void. */
export async function finishItem(
  db: StoreDatabase,
  item: WorkItem,
  workerId: string,
  outcome: unknown,
  { progress, timing }: ItemFigures = {},
): Promise<boolean> {
  const figures = {
    ...(progress === undefined ? {} : { progressRecords: progress.records, progressBytes: progress.bytes }),
    ...(timing === undefined ? {} : { timing: JSON.stringify(timing) }),
  };
  const result = await ownedItem(db, item, workerId)
    .set({ state: 'done', finishedAt: sql`now()`, outcome: JSON.stringify(outcome), ...figures })
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

export async function saveProgress(
  db: StoreDatabase,
  item: WorkItem,
  workerId: string,
  progress: { readonly records: number; readonly bytes: number },
): Promise<void> {
  await ownedItem(db, item, workerId)
    .set({ progressRecords: progress.records, progressBytes: progress.bytes })
    .execute();
}

/** Keeps what a long item has reached, for whoever begins it again; the item goes on. */
export async function keepOutcome(
  db: StoreDatabase,
  item: WorkItem,
  workerId: string,
  outcome: unknown,
): Promise<void> {
  await ownedItem(db, item, workerId)
    .set({ outcome: JSON.stringify(outcome) })
    .execute();
}

/** What an earlier attempt at this item has kept, or null. */
export async function findKeptOutcome(db: StoreDatabase, item: WorkItem): Promise<unknown> {
  const row = await db
    .selectFrom('segments')
    .select('outcome')
    .where('executionId', '=', item.executionId)
    .where('schemaId', '=', item.schemaId)
    .where('generation', '=', String(item.generation))
    .where('no', '=', item.no)
    .executeTakeFirst();
  return row?.outcome ?? null;
}

/** True while any item of a schema that has not failed is unfinished. */
export async function hasOpenItems(db: StoreDatabase, executionId: string): Promise<boolean> {
  const row = await db
    .selectFrom('segments')
    .innerJoin('executionSchemas', (join) =>
      join
        .onRef('executionSchemas.executionId', '=', 'segments.executionId')
        .onRef('executionSchemas.schemaId', '=', 'segments.schemaId'),
    )
    .select('segments.no')
    .where('segments.executionId', '=', executionId)
    .where('segments.state', 'in', ['waiting', 'owned'])
    .where('executionSchemas.status', 'in', ['scheduled', 'running', 'processing'])
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** True when a worker that is dead now has brought a step of the execution to its end. */
export async function hasItemsOfDead(db: StoreDatabase, executionId: string): Promise<boolean> {
  const row = await db
    .selectFrom('segments')
    .innerJoin('workers', 'workers.id', 'segments.workerId')
    .select('segments.no')
    .where('executionId', '=', executionId)
    .where('workers.deadAt', 'is not', null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** The reads of a schema's present generation in order, with their outcomes. */
export async function listReads(db: StoreDatabase, executionId: string, schemaId: string, generation: number) {
  return db
    .selectFrom('segments')
    .select(['no', 'range', 'outcome', 'state'])
    .where('executionId', '=', executionId)
    .where('schemaId', '=', schemaId)
    .where('generation', '=', String(generation))
    .where('kind', '=', 'read')
    .orderBy('no')
    .execute();
}
