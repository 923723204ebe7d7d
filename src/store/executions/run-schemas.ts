import { sql } from 'kysely';
import type { ErrorCode, SchemaReceipt, SchemaStatus, SeenSchema, TimeParts } from '../../core/index.ts';
import type { Store, StoreDatabase } from '../database.ts';
import { saveSeenSchema } from '../syncs/drift.ts';
import { finishItem, type WorkItem } from './work-items.ts';

export interface PlannedSchema {
  readonly schemaId: string;
  readonly position: number;
  readonly outputName: string;
  readonly plan: unknown;
  readonly generation: number;
  readonly snapshotEpoch: number;
  readonly estimatedRecords: number | null;
  readonly estimatedBytes: number | null;
  readonly ranges: readonly unknown[];
  /** True where it is worked on together with other small ones; it has a single range then. Absent = no. */
  readonly isSmall?: boolean;
}

/** A schema of an execution that nothing is done for. */
export interface EndedSchema {
  readonly schemaId: string;
  readonly position: number;
  readonly message: string;
  /** Of the failure; absent for what is skipped. */
  readonly code?: ErrorCode;
  readonly outputName?: string;
}

/** What a schema says that was cancelled by itself. */
export const SCHEMA_CANCELED = 'Cancelled. It keeps its previous data.';

/** Rows of one statement, and of its values in memory; 65,535 parameters is the protocol's limit. */
const ROWS_PER_INSERT = 500;

/**
 * Raises and answers the next generation of schemas, by their ids: gaps are harmless, repeats are not. At least the seconds
 * since 1970, so that metadata from an older backup do not begin what the destination has seen: one load a second and
 * schema would have to be begun all the time to be ahead of the clock.
 */
export async function nextGenerations(
  db: StoreDatabase,
  syncId: string,
  schemaIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await db
    .updateTable('bulkSyncSchemas')
    .set({ generation: sql`greatest(generation + 1, extract(epoch FROM now())::bigint)` })
    .where('syncId', '=', syncId)
    .where('schemaId', '=', sql<string>`ANY (${[...schemaIds]})`)
    .returning(['schemaId', 'generation'])
    .execute();
  return new Map(rows.map((row) => [row.schemaId, Number(row.generation)]));
}

/** What becomes of each schema of an execution. */
export interface ExecutionSchemas {
  readonly planned: readonly PlannedSchema[];
  readonly failed: readonly EndedSchema[];
  /** Completed without any work: the message says why. */
  readonly skipped: readonly EndedSchema[];
}

/** Replaces the whole plan of an execution, so that planning can be repeated until it is recorded. */
export async function replacePlan(
  db: StoreDatabase,
  execution: { readonly id: string; readonly organizationId: string },
  { planned, failed, skipped }: ExecutionSchemas,
): Promise<void> {
  await db.deleteFrom('segments').where('executionId', '=', execution.id).execute();
  await db.deleteFrom('executionSchemas').where('executionId', '=', execution.id).execute();
  await insertPlanned(db, execution, planned);
  for (const schema of failed) await insertEnded(db, execution, schema, 'failed');
  for (const schema of skipped) await insertEnded(db, execution, schema, 'completed');
  await cancelPlanned(db, execution.id);
}

/** Schemas that somebody cancelled while the execution was planned; the lock lets a later cancel find the rows. */
async function cancelPlanned(db: StoreDatabase, executionId: string): Promise<void> {
  const row = await db
    .selectFrom('executions')
    .select('canceledSchemas')
    .where('id', '=', executionId)
    .forUpdate()
    .executeTakeFirst();
  for (const schemaId of row?.canceledSchemas ?? []) {
    await setSchemaStatus(db, executionId, schemaId, 'canceled', SCHEMA_CANCELED);
  }
}

async function insertEnded(
  db: StoreDatabase,
  execution: { readonly id: string; readonly organizationId: string },
  schema: EndedSchema,
  status: 'failed' | 'completed',
): Promise<void> {
  await db
    .insertInto('executionSchemas')
    .values({
      executionId: execution.id,
      organizationId: execution.organizationId,
      schemaId: schema.schemaId,
      position: schema.position,
      status,
      statusMessage: schema.message,
      outputName: schema.outputName ?? null,
      startedAt: sql`now()`,
      completedAt: sql`now()`,
    })
    .execute();
}

async function insertPlanned(
  db: StoreDatabase,
  execution: { readonly id: string; readonly organizationId: string },
  schemas: readonly PlannedSchema[],
): Promise<void> {
  const toRow = (schema: PlannedSchema) => ({
    executionId: execution.id,
    organizationId: execution.organizationId,
    schemaId: schema.schemaId,
    position: schema.position,
    status: 'scheduled' as const,
    outputName: schema.outputName,
    plan: JSON.stringify(schema.plan),
    generation: schema.generation,
    snapshotEpoch: schema.snapshotEpoch,
    estimatedRecords: schema.estimatedRecords,
    estimatedBytes: schema.estimatedBytes,
    isSmall: schema.isSmall ?? false,
  });
  for (const part of inParts(schemas)) {
    await db.insertInto('executionSchemas').values(part.map(toRow)).execute();
    await insertItems(db, execution.id, part);
  }
}

async function insertItems(
  db: StoreDatabase,
  executionId: string,
  schemas: readonly Pick<PlannedSchema, 'schemaId' | 'generation' | 'ranges'>[],
): Promise<void> {
  for (const part of inParts(schemas.flatMap(toItems))) {
    // As one value: as parameters, thousands of rows cost more to write down than to store.
    await sql`
      INSERT INTO segments (execution_id, schema_id, generation, no, kind, range)
      SELECT ${executionId}::uuid, g.* FROM jsonb_to_recordset(${JSON.stringify(part)}::jsonb)
        AS g(schema_id text, generation bigint, no integer, kind text, range jsonb)`.execute(db);
  }
}

function toItems({ schemaId, generation, ranges }: Pick<PlannedSchema, 'schemaId' | 'generation' | 'ranges'>) {
  const item = { schema_id: schemaId, generation };
  return [
    { ...item, no: 0, kind: 'prepare' },
    ...ranges.map((range, index) => ({ ...item, no: index + 1, kind: 'read', range })),
    { ...item, no: ranges.length + 1, kind: 'finish' },
  ];
}

function* inParts<Row>(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) yield rows.slice(start, start + ROWS_PER_INSERT);
}

/** Starts a schema over in a new generation and snapshot; its older segments are forgotten. */
export async function restartSchema(
  db: StoreDatabase,
  executionId: string,
  schema: Pick<PlannedSchema, 'schemaId' | 'plan' | 'generation' | 'snapshotEpoch' | 'ranges'>,
): Promise<void> {
  await db
    .deleteFrom('segments')
    .where('executionId', '=', executionId)
    .where('schemaId', '=', schema.schemaId)
    .execute();
  await db
    .deleteFrom('rejects')
    .where('executionId', '=', executionId)
    .where('schemaId', '=', schema.schemaId)
    .execute();
  await db
    .updateTable('executionSchemas')
    .set({ plan: JSON.stringify(schema.plan), generation: schema.generation, snapshotEpoch: schema.snapshotEpoch })
    .where('executionId', '=', executionId)
    .where('schemaId', '=', schema.schemaId)
    .execute();
  await insertItems(db, executionId, [schema]);
}

/** The engine's view of one schema of an execution. */
export async function findRunSchema(db: StoreDatabase, executionId: string, schemaId: string) {
  const row = await db
    .selectFrom('executionSchemas')
    .selectAll()
    .where('executionId', '=', executionId)
    .where('schemaId', '=', schemaId)
    .executeTakeFirst();
  return row === undefined ? null : { ...row, generation: Number(row.generation ?? 0) };
}

/** Every schema of an execution and how it ended; without the plans, which together may be large. */
export async function listRunSchemas(db: StoreDatabase, executionId: string) {
  return db
    .selectFrom('executionSchemas')
    .select(['schemaId', 'status', 'statusMessage', 'errorCount', 'receipt', 'startedAt', 'completedAt'])
    .select(sql<boolean>`plan IS NOT NULL`.as('isPlanned'))
    .where('executionId', '=', executionId)
    .orderBy('position')
    .execute();
}

/** Statuses from which a schema goes on. */
export const OPEN_STATUSES = ['created', 'scheduled', 'running', 'exporting', 'processing'] as const;

/** Moves a schema on; a schema that has ended stays as it is. */
export async function setSchemaStatus(
  db: StoreDatabase,
  executionId: string,
  schemaId: string,
  status: SchemaStatus,
  message: string | null = null,
): Promise<void> {
  const ends = status === 'failed' || status === 'canceled' || status === 'interrupted' || status === 'completed';
  await db
    .updateTable('executionSchemas')
    .set({
      status,
      statusMessage: message,
      startedAt: sql`coalesce(started_at, now())`,
      ...(ends ? { completedAt: sql`now()` } : {}),
    })
    .where('executionId', '=', executionId)
    .where('schemaId', '=', schemaId)
    .where('status', 'in', OPEN_STATUSES)
    .execute();
}

export interface CompletedSchema {
  readonly item: WorkItem;
  readonly workerId: string;
  readonly outcome: unknown;
  readonly timing?: TimeParts;
  readonly syncId: string;
  readonly receipt: SchemaReceipt;
  readonly recordCount: number;
  readonly errorCount: number;
  readonly warningCount: number;
  readonly nextCursor: unknown;
  readonly shape: unknown;
  /** Of the selection that was loaded: what it leaves is void once another one is there. Absent in plans of older builds. */
  readonly revision?: number | undefined;
  /** The generation that repaired it, where one did. */
  readonly repairedBy?: number | undefined;
  /** What it found; absent when that is remembered already. */
  readonly seen?: { readonly organizationId: string; readonly description: SeenSchema } | undefined;
}

/**
 * Ends a schema as completed, in one transaction with what the next execution starts from.
 * @returns false when the `finish` item was taken over or the schema was cancelled meanwhile; nothing is written then
 */
export async function completeSchema(store: Store, done: CompletedSchema): Promise<boolean> {
  return store.transaction(async ({ db }) => {
    const figures = done.timing === undefined ? {} : { timing: done.timing };
    if (!(await finishItem(db, done.item, done.workerId, done.outcome, figures))) return false;
    const { executionId, schemaId } = done.item;
    const completed = await db
      .updateTable('executionSchemas')
      .set({
        status: 'completed',
        receipt: JSON.stringify(done.receipt),
        recordCount: done.recordCount,
        errorCount: done.errorCount,
        warningCount: done.warningCount,
        completedAt: sql`now()`,
      })
      .where('executionId', '=', executionId)
      .where('schemaId', '=', schemaId)
      // It may have been cancelled while it was published.
      .where('status', 'in', OPEN_STATUSES)
      .executeTakeFirst();
    if (completed.numUpdatedRows === 0n) return false;
    await db
      .updateTable('bulkSyncSchemas')
      .set({
        cursor: done.nextCursor === null ? null : JSON.stringify(done.nextCursor),
        loadedShape: JSON.stringify(done.shape),
      })
      .where('syncId', '=', done.syncId)
      .where('schemaId', '=', schemaId)
      // `forgetCursors` raises both: this load was of another source, into another table, or by another field.
      .where('generation', '=', String(done.repairedBy ?? done.item.generation))
      .where('revision', '=', done.revision === undefined ? sql<number>`revision` : done.revision)
      .execute();
    if (done.seen !== undefined) await saveSeenSchema(db, { ...done.seen, syncId: done.syncId }, schemaId);
    return true;
  });
}

/**
 * Ends a schema that was compared and found equal. Unlike {@link completeSchema} it leaves nothing for the next execution.
 * @returns false when the `finish` item was taken over or the schema was cancelled meanwhile
 */
export async function completeVerification(
  store: Store,
  { item, workerId, receipt, timing }: Pick<CompletedSchema, 'item' | 'workerId' | 'receipt' | 'timing'>,
): Promise<boolean> {
  return store.transaction(async ({ db }) => {
    if (!(await finishItem(db, item, workerId, null, timing === undefined ? {} : { timing }))) return false;
    const completed = await db
      .updateTable('executionSchemas')
      .set({ status: 'completed', receipt: JSON.stringify(receipt), completedAt: sql`now()` })
      .where('executionId', '=', item.executionId)
      .where('schemaId', '=', item.schemaId)
      .where('status', 'in', OPEN_STATUSES)
      .executeTakeFirst();
    return completed.numUpdatedRows > 0n;
  });
}

/** Keeps a failed schema's proof, so that the difference it found can be read. */
export async function saveSchemaReceipt(
  db: StoreDatabase,
  executionId: string,
  schemaId: string,
  receipt: SchemaReceipt,
): Promise<void> {
  await db
    .updateTable('executionSchemas')
    .set({ receipt: JSON.stringify(receipt) })
    .where('executionId', '=', executionId)
    .where('schemaId', '=', schemaId)
    .execute();
}
