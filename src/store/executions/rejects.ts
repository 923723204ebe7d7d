import { sql } from 'kysely';
import type { Store, StoreDatabase } from '../database.ts';
import { holdItem, type WorkItem } from './work-items.ts';

/** One record that the destination refused in the generation that counts. */
export interface RejectRecord {
  readonly schemaId: string;
  /** Key field id → value as text; null for a table without a key. */
  readonly key: Readonly<Record<string, string | null>> | null;
  readonly reason: string;
  readonly createdAt: Date;
  readonly position: RejectPosition;
}

/** Where a page of rejects ended. */
export interface RejectPosition {
  readonly schemaId: string;
  readonly segmentNo: number;
  readonly position: number;
}

/** By schema, then in the order in which they were found. */
export async function listRejects(
  db: StoreDatabase,
  organizationId: string,
  executionId: string,
  page: { readonly limit: number; readonly after: RejectPosition | null; readonly schemaId: string | null },
): Promise<{ readonly records: readonly RejectRecord[]; readonly hasMore: boolean }> {
  let query = db
    .selectFrom('rejects')
    .innerJoin('executionSchemas', (join) =>
      join
        .onRef('executionSchemas.executionId', '=', 'rejects.executionId')
        .onRef('executionSchemas.schemaId', '=', 'rejects.schemaId')
        .onRef('executionSchemas.generation', '=', 'rejects.generation'),
    )
    .select(['rejects.schemaId', 'rejects.segmentNo', 'rejects.position', 'rejects.key', 'rejects.reason'])
    .select('rejects.createdAt')
    .where('rejects.organizationId', '=', organizationId)
    .where('rejects.executionId', '=', executionId);
  if (page.schemaId !== null) query = query.where('rejects.schemaId', '=', page.schemaId);
  if (page.after !== null) {
    const { schemaId, segmentNo, position } = page.after;
    const here = sql`(rejects.schema_id, rejects.segment_no, rejects.position)`;
    query = query.where(sql<boolean>`${here} > (${schemaId}::text, ${segmentNo}::integer, ${position}::integer)`);
  }
  const rows = await query
    .orderBy('rejects.schemaId')
    .orderBy('rejects.segmentNo')
    .orderBy('rejects.position')
    .limit(page.limit + 1)
    .execute();
  return {
    records: rows.slice(0, page.limit).map(({ segmentNo, position, ...row }) => ({
      ...row,
      position: { schemaId: row.schemaId, segmentNo, position },
    })),
    hasMore: rows.length > page.limit,
  };
}

/** One record that a step lost. */
export interface RejectRow {
  readonly key: Readonly<Record<string, string | null>> | null;
  readonly reason: string;
}

/** What a step leaves in the list of rejects. */
export interface RejectsOfItem {
  readonly organizationId: string;
  readonly workerId: string;
  readonly rejects: readonly RejectRow[];
  /** So many may the whole execution have, these included; null = any number. */
  readonly atMost: number | null;
}

/**
 * Stores what an item has lost, in place of what an earlier attempt at it had stored. Steps of one execution do so one
 * after another, so that no two take the same place.
 * @returns false, with nothing stored, when the execution would have too many; what is no longer this worker's item is
 * left to its owner
 */
export async function saveRejects(store: Store, item: WorkItem, lost: RejectsOfItem): Promise<boolean> {
  if (lost.rejects.length === 0 && item.token === 1) return true;
  return store.transaction(async ({ db }) => {
    await sql`SELECT FROM executions WHERE id = ${item.executionId} FOR NO KEY UPDATE`.execute(db);
    if (!(await holdItem(db, item, lost.workerId))) return true;
    const others = lost.atMost === null ? 0 : await countRejectsOfOthers(db, item);
    if (lost.atMost !== null && others + lost.rejects.length > lost.atMost) return false;
    await rejectsOf(db, item).execute();
    await insertRejects(db, item, lost);
    return true;
  });
}

/** What an execution has lost so far, its failed schemas included and this item aside. */
export async function countRejectsOfOthers(db: StoreDatabase, item: WorkItem): Promise<number> {
  const { rows } = await sql<{ records: string }>`
    SELECT count(*) AS records FROM rejects WHERE execution_id = ${item.executionId}
      AND (schema_id, generation, segment_no) <> (${item.schemaId}, ${item.generation}, ${item.no})`.execute(db);
  return Number(rows[0]?.records ?? 0);
}

function rejectsOf(db: StoreDatabase, item: WorkItem) {
  return db
    .deleteFrom('rejects')
    .where('executionId', '=', item.executionId)
    .where('schemaId', '=', item.schemaId)
    .where('generation', '=', String(item.generation))
    .where('segmentNo', '=', item.no);
}

async function insertRejects(
  db: StoreDatabase,
  item: WorkItem,
  { organizationId, rejects }: Pick<RejectsOfItem, 'organizationId' | 'rejects'>,
): Promise<void> {
  const rows = rejects.map((reject, position) => ({
    executionId: item.executionId,
    schemaId: item.schemaId,
    generation: item.generation,
    segmentNo: item.no,
    position,
    organizationId,
    key: reject.key === null ? null : JSON.stringify(reject.key),
    reason: reject.reason,
  }));
  for (let start = 0; start < rows.length; start += 1_000) {
    await db
      .insertInto('rejects')
      .values(rows.slice(start, start + 1_000))
      .execute();
  }
}
