import { sql } from 'kysely';
import type { StoreDatabase } from '../database.ts';

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
