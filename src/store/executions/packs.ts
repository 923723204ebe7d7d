import { sql } from 'kysely';
import type { SchemaReceipt, SeenSchema, TimeParts } from '../../core/index.ts';
import type { Store, StoreDatabase } from '../database.ts';
import { OPEN_STATUSES } from './run-schemas.ts';
import type { Owner } from './work-items.ts';

/** A small schema whose whole work was claimed at once: it is held by its `prepare` item. */
export interface PackedSchema {
  readonly executionId: string;
  readonly schemaId: string;
  readonly generation: number;
  /** Grows with each claim; results under an older token are not taken. */
  readonly token: number;
  /** The engine's own JSON. */
  readonly plan: unknown;
  readonly snapshotEpoch: number;
  /** Its only read, with the token of that. */
  readonly read: { readonly no: number; readonly token: number; readonly range: unknown };
}

/**
 * Claims small schemas of which nothing has begun, the first ones first, and sets them running. Empty when none waits, or
 * when this worker was declared dead. All their items count as begun once: whoever works on one of them later, by
 * itself, asks the destination first.
 */
export async function claimPack(store: Store, owner: Owner, limit: number): Promise<readonly PackedSchema[]> {
  const { executionId } = owner;
  return store.transaction(async ({ db }) => {
    const held = await holdSchemas(db, owner, limit);
    if (held.size === 0) return [];
    const ids = [...held.keys()];
    // Statements of their own: in one, the planner may well read all segments to find these.
    const { rows: reads } = await sql<PackedSchema['read'] & { schemaId: string; kind: string }>`
      UPDATE segments SET token = token + 1, started_at = now()
      WHERE execution_id = ${executionId} AND schema_id = ANY (${ids}) AND no > 0 AND state = 'waiting'
      RETURNING schema_id, no, kind, token, range`.execute(db);
    const readOf = new Map(reads.filter(({ kind }) => kind === 'read').map((read) => [read.schemaId, read]));
    const { rows } = await sql<{ schemaId: string; plan: unknown; snapshotEpoch: number | null; position: number }>`
      UPDATE execution_schemas SET status = 'running', started_at = now()
      WHERE execution_id = ${executionId} AND schema_id = ANY (${ids}) AND status = 'scheduled'
      RETURNING schema_id, plan, snapshot_epoch, position`.execute(db);
    return rows
      .sort((a, b) => a.position - b.position)
      .flatMap(({ schemaId, plan, snapshotEpoch }) => {
        const [hold, read] = [held.get(schemaId), readOf.get(schemaId)];
        if (hold === undefined || read === undefined) return [];
        const { no, token, range } = read;
        return [
          { ...hold, executionId, schemaId, plan, snapshotEpoch: snapshotEpoch ?? 0, read: { no, token, range } },
        ];
      });
  });
}

/** Takes the `prepare` items, by which the schemas are held; the order is made before the items are looked at. */
async function holdSchemas(
  db: StoreDatabase,
  { executionId, laneId, workerId }: Owner,
  limit: number,
): Promise<ReadonlyMap<string, Pick<PackedSchema, 'generation' | 'token'>>> {
  const { rows } = await sql<{ schemaId: string; generation: string; token: number }>`
    UPDATE segments SET state = 'owned', worker_id = ${workerId}, lane_id = ${laneId}, token = token + 1, started_at = now()
    WHERE ctid = ANY (ARRAY(
        SELECT next.ctid FROM (
          SELECT execution_id, schema_id, generation FROM execution_schemas
          WHERE execution_id = ${executionId} AND is_small AND status = 'scheduled' ORDER BY position OFFSET 0) e
        CROSS JOIN LATERAL (
          SELECT s.ctid FROM segments s
          WHERE s.execution_id = e.execution_id AND s.schema_id = e.schema_id AND s.generation = e.generation AND s.no = 0
            AND s.state = 'waiting' AND s.token = 0
          LIMIT 1 FOR UPDATE SKIP LOCKED) next
        LIMIT ${limit}))
      AND EXISTS (SELECT 1 FROM workers WHERE id = ${workerId} AND dead_at IS NULL)
    RETURNING schema_id, generation, token`.execute(db);
  return new Map(rows.map(({ schemaId, generation, token }) => [schemaId, { generation: Number(generation), token }]));
}

/** Gives schemas back, to be worked on one by one. Those that somebody has taken over stay as they are. */
export async function releasePack(
  db: StoreDatabase,
  workerId: string,
  schemas: readonly PackedSchema[],
): Promise<void> {
  if (schemas.length === 0) return;
  await sql`
    UPDATE segments s SET state = 'waiting', worker_id = NULL, lane_id = NULL
    FROM jsonb_to_recordset(${JSON.stringify(schemas.map(toHold))}::jsonb) AS g(schema_id text, generation bigint, token integer)
    WHERE s.execution_id = ${schemas[0]?.executionId} AND s.schema_id = g.schema_id AND s.generation = g.generation AND s.no = 0
      AND s.token = g.token AND s.worker_id = ${workerId} AND s.state = 'owned'`.execute(db);
}

/** What is recorded of one schema of a pack that was published. */
export interface CompletedPackSchema {
  readonly schema: PackedSchema;
  /** Of its read, and of its publication. */
  readonly outcomes: { readonly read: unknown; readonly finish: unknown };
  readonly progress: { readonly records: number; readonly bytes: number };
  readonly receipt: SchemaReceipt;
  readonly warningCount: number;
  readonly nextCursor: unknown;
  readonly shape: unknown;
  /** As in `CompletedSchema`. */
  readonly revision?: number | undefined;
  /** What it found; null when that is remembered already. */
  readonly seen: SeenSchema | null;
}

export interface CompletedPack {
  readonly executionId: string;
  readonly organizationId: string;
  readonly syncId: string;
  readonly workerId: string;
  /** Of the whole pack; recorded with its first schema. */
  readonly timing: TimeParts;
  readonly schemas: readonly CompletedPackSchema[];
}

/**
 * Ends the schemas of a pack as completed, in one transaction with what the next execution starts from.
 * @returns ids of those that were ours and still open; nothing is written of the others
 */
export async function completePack(store: Store, pack: CompletedPack): Promise<ReadonlySet<string>> {
  if (pack.schemas.length === 0) return new Set();
  const given = sql`jsonb_to_recordset(${JSON.stringify(pack.schemas.map((done, index) => toRow(done, index === 0 ? pack.timing : null)))}::jsonb)
    AS g(schema_id text, generation bigint, token integer, read jsonb, finish jsonb, records bigint, bytes bigint, timing jsonb,
      receipt jsonb, record_count bigint, warning_count bigint, cursor jsonb, shape jsonb, revision integer, seen jsonb)`;
  const ids = pack.schemas.map(({ schema }) => schema.schemaId);
  return store.transaction(async ({ db }) => {
    const { rows: held } = await sql<{ schemaId: string }>`
      UPDATE segments s SET state = 'done', finished_at = now(), timing = g.timing FROM ${given}
      WHERE s.execution_id = ${pack.executionId} AND s.schema_id = ANY (${ids}) AND s.schema_id = g.schema_id
        AND s.generation = g.generation AND s.no = 0 AND s.token = g.token AND s.worker_id = ${pack.workerId} AND s.state = 'owned'
        AND EXISTS (SELECT 1 FROM workers WHERE id = ${pack.workerId} AND dead_at IS NULL)
      RETURNING s.schema_id`.execute(db);
    const ours = held.map(({ schemaId }) => schemaId);
    await sql`
      UPDATE segments s SET state = 'done', finished_at = now(), worker_id = ${pack.workerId},
        outcome = CASE s.kind WHEN 'read' THEN g.read ELSE g.finish END,
        progress_records = CASE s.kind WHEN 'read' THEN g.records ELSE 0 END, progress_bytes = CASE s.kind WHEN 'read' THEN g.bytes ELSE 0 END
      FROM ${given} WHERE s.execution_id = ${pack.executionId} AND s.schema_id = g.schema_id AND s.generation = g.generation
        AND s.no > 0 AND s.schema_id = ANY (${ours})`.execute(db);
    const { rows: completed } = await sql<{ schemaId: string }>`
      UPDATE execution_schemas e SET status = 'completed', receipt = g.receipt, record_count = g.record_count,
        warning_count = g.warning_count, completed_at = now()
      FROM ${given} WHERE e.execution_id = ${pack.executionId} AND e.schema_id = g.schema_id AND e.schema_id = ANY (${ours})
        AND e.status = ANY (${[...OPEN_STATUSES]}) RETURNING e.schema_id`.execute(db);
    const ended = completed.map(({ schemaId }) => schemaId);
    await sql`
      UPDATE bulk_sync_schemas b SET cursor = g.cursor, loaded_shape = g.shape
      FROM ${given} WHERE b.sync_id = ${pack.syncId} AND b.schema_id = g.schema_id AND b.generation = g.generation
        AND b.revision = coalesce(g.revision, b.revision) AND b.schema_id = ANY (${ended})`.execute(db);
    await sql`
      INSERT INTO seen_schemas (sync_id, organization_id, schema_id, description)
      SELECT ${pack.syncId}, ${pack.organizationId}, g.schema_id, g.seen FROM ${given}
      WHERE g.seen IS NOT NULL AND g.schema_id = ANY (${ended})
      ON CONFLICT (sync_id, schema_id) DO UPDATE SET description = excluded.description`.execute(db);
    return new Set(ended);
  });
}

function toHold({ schemaId, generation, token }: PackedSchema) {
  return { schema_id: schemaId, generation, token };
}

function toRow(done: CompletedPackSchema, timing: TimeParts | null) {
  const { schema, outcomes, progress, receipt, warningCount, nextCursor, shape, revision, seen } = done;
  return {
    ...toHold(schema),
    ...outcomes,
    ...progress,
    timing,
    receipt,
    record_count: receipt.counts.written,
    warning_count: warningCount,
    cursor: nextCursor,
    shape,
    revision,
    seen,
  };
}
