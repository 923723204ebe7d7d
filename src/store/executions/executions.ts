import { type Insertable, type Selectable, sql } from 'kysely';
import {
  EXECUTION_STATUSES,
  EXECUTION_TRANSITIONS,
  isTerminal,
  TERMINAL_STATUSES,
  VERIFICATION,
} from '../../core/index.ts';
import { fromMicroseconds, toMicroseconds } from '../columns.ts';
import type { StoreDatabase } from '../database.ts';
import { announceExecution } from '../events/events.ts';
import type { Database } from '../tables.ts';
import { appendConsoleLogs } from './console-logs.ts';
import { SCHEMA_CANCELED, setSchemaStatus } from './run-schemas.ts';

/** One execution as stored. */
export type ExecutionRecord = Selectable<Database['executions']>;

/** One schema of an execution; `progress` counts what its segments have read so far, while it has not ended. */
export type ExecutionSchemaRecord = Pick<Selectable<Database['executionSchemas']>, (typeof SCHEMA_COLUMNS)[number]> & {
  readonly progress: SegmentProgress;
};

/** Summed over the items of the schema's current generation. */
export interface SegmentProgress {
  readonly records: number;
  readonly bytes: number;
  readonly reads: number;
  readonly doneReads: number;
  readonly isPreparing: boolean;
  /** The work behind the reads has begun: verification and publishing. */
  readonly isFinishing: boolean;
}

const NO_PROGRESS: SegmentProgress = {
  records: 0,
  bytes: 0,
  reads: 0,
  doneReads: 0,
  isPreparing: false,
  isFinishing: false,
};

/** All but the plan and the receipt, which are large. */
const SCHEMA_COLUMNS = [
  'executionId',
  'schemaId',
  'position',
  'status',
  'statusMessage',
  'outputName',
  'generation',
  'estimatedRecords',
  'recordCount',
  'errorCount',
  'warningCount',
  'startedAt',
  'completedAt',
] as const;

/** Where a page of executions ended: the ordering time in microseconds since 1970, in digits. */
export interface ExecutionPosition {
  readonly time: string;
  readonly id: string;
}

export interface ExecutionQuery {
  readonly limit: number;
  readonly after: ExecutionPosition | null;
  /** Only those that ended, ordered by their last change instead of their start. */
  readonly onlyTerminal: boolean;
  readonly ascending: boolean;
}

export interface ExecutionPage {
  readonly records: readonly (ExecutionRecord & { readonly position: ExecutionPosition })[];
  /** True when more follow. */
  readonly hasMore: boolean;
}

export type NewExecution = Omit<
  Insertable<Database['executions']>,
  'organizationId' | 'status' | 'cancelRequestedAt' | 'startedAt' | 'completedAt' | 'receipt'
>;

/** @returns the stored execution, or undefined when one of this sync runs already */
export function insertExecution(
  db: StoreDatabase,
  organizationId: string,
  values: NewExecution,
): Promise<ExecutionRecord | undefined> {
  return (
    db
      .insertInto('executions')
      .values({ ...values, organizationId, status: 'created' })
      // Only the index `executions_one_at_a_time` can be in the way: ids are random.
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .executeTakeFirst()
  );
}

/**
 * Stores an execution that failed before any work could begin, with the reason. Call inside a transaction.
 * @returns false when one of this sync runs: then nothing is stored
 */
export async function insertFailedExecution(
  db: StoreDatabase,
  organizationId: string,
  values: NewExecution,
  statusMessage: string,
): Promise<boolean> {
  // By way of a living one: the index that lets one run at a time also keeps this from coming in between.
  if ((await insertExecution(db, organizationId, values)) === undefined) return false;
  await db
    .updateTable('executions')
    .set({ status: 'failed', statusMessage, completedAt: sql<Date>`now()`, updatedAt: sql<Date>`now()` })
    .where('organizationId', '=', organizationId)
    .where('id', '=', values.id)
    .execute();
  await announceExecution(db, values.id, 'failed');
  return true;
}

/** Undefined also when the id is another sync's or organization's. */
export function findExecution(
  db: StoreDatabase,
  organizationId: string,
  syncId: string,
  id: string,
): Promise<ExecutionRecord | undefined> {
  return db
    .selectFrom('executions')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('syncId', '=', syncId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** The execution that runs, if one does, and the last one that ended; a comparison that has ended is none of the sync's. */
export async function findCurrentAndLast(
  db: StoreDatabase,
  organizationId: string,
  syncId: string,
): Promise<{ readonly current: ExecutionRecord | undefined; readonly last: ExecutionRecord | undefined }> {
  const newest = await db
    .selectFrom('executions')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('syncId', '=', syncId)
    .where((eb) => eb.or([eb('type', '<>', VERIFICATION), eb('status', 'not in', TERMINAL_STATUSES)]))
    .orderBy('createdAt', 'desc')
    .orderBy('id', 'desc')
    .limit(2) // one at a time runs, so the running one and the last one are the newest two
    .execute();
  return {
    current: newest.find((execution) => !isTerminal(execution.status)),
    last: newest.find((execution) => isTerminal(execution.status)),
  };
}

/** Newest start first, unless the query says otherwise; ties by id. */
export async function listExecutions(
  db: StoreDatabase,
  organizationId: string,
  syncId: string,
  query: ExecutionQuery,
): Promise<ExecutionPage> {
  const time = sql.ref(query.onlyTerminal ? 'executions.updatedAt' : 'executions.createdAt');
  const direction = query.ascending ? 'asc' : 'desc';
  let select = db
    .selectFrom('executions')
    .selectAll()
    .select(toMicroseconds(time).as('positionTime'))
    .where('organizationId', '=', organizationId)
    .where('syncId', '=', syncId);
  if (query.onlyTerminal) select = select.where('status', 'in', TERMINAL_STATUSES);
  if (query.after !== null) {
    const here = sql`(${time}, ${sql.ref('executions.id')})`;
    const there = sql`(${fromMicroseconds(query.after.time)}, ${query.after.id}::uuid)`;
    select = select.where(query.ascending ? sql<boolean>`${here} > ${there}` : sql<boolean>`${here} < ${there}`);
  }
  const rows = await select
    .orderBy(time, direction)
    .orderBy('id', direction)
    .limit(query.limit + 1)
    .execute();
  return {
    records: rows
      .slice(0, query.limit)
      .map(({ positionTime, ...row }) => ({ ...row, position: { time: positionTime, id: row.id } })),
    hasMore: rows.length > query.limit,
  };
}

/**
 * The schemas of several executions, in the order of their plan.
 * @param progressOf for which schemas the segments are summed; the sum costs a look at every segment
 */
export async function listExecutionSchemas(
  db: StoreDatabase,
  organizationId: string,
  executionIds: readonly string[],
  progressOf: 'open' | 'all' = 'open',
): Promise<ExecutionSchemaRecord[]> {
  if (executionIds.length === 0) return [];
  const rows = await db
    .selectFrom('executionSchemas')
    .select(SCHEMA_COLUMNS)
    .where('organizationId', '=', organizationId)
    .where('executionId', 'in', executionIds)
    .orderBy('executionId')
    .orderBy('position')
    .execute();
  const open = rows.filter((row) => progressOf === 'all' || row.completedAt === null).map((row) => row.executionId);
  const progress = await readProgress(db, [...new Set(open)], progressOf);
  return rows.map((row) => ({ ...row, progress: progress.get(`${row.executionId} ${row.schemaId}`) ?? NO_PROGRESS }));
}

interface ProgressRow {
  readonly executionId: string;
  readonly schemaId: string;
  readonly records: string | null;
  readonly bytes: string | null;
  readonly reads: string;
  readonly doneReads: string;
  readonly preparing: string;
  readonly finishing: string;
}

/** By execution id and schema id; generations that were given up do not count. */
async function readProgress(
  db: StoreDatabase,
  executionIds: readonly string[],
  progressOf: 'open' | 'all',
): Promise<ReadonlyMap<string, SegmentProgress>> {
  if (executionIds.length === 0) return new Map();
  // Of thousands of schemas a few are under way: the others have ended, or nothing of them has begun.
  const isAsked = progressOf === 'all' ? sql`true` : sql`e.completed_at IS NULL AND e.started_at IS NOT NULL`;
  // Schema by schema: joined, the planner may well compare each schema with each segment once its statistics are old.
  const { rows } = await sql<ProgressRow>`
    SELECT e.execution_id, e.schema_id, found.* FROM execution_schemas e
    CROSS JOIN LATERAL (
      SELECT sum(s.progress_records) AS records, sum(s.progress_bytes) AS bytes, count(*) FILTER (WHERE kind = 'read') AS reads,
        count(*) FILTER (WHERE kind = 'read' AND state = 'done') AS done_reads,
        count(*) FILTER (WHERE kind = 'prepare' AND state = 'owned') AS preparing,
        count(*) FILTER (WHERE kind = 'finish' AND state <> 'waiting') AS finishing
      FROM segments s WHERE s.execution_id = e.execution_id AND s.schema_id = e.schema_id AND s.generation = e.generation) found
    WHERE e.execution_id = ANY (${[...executionIds]}) AND ${isAsked}`.execute(db);
  return new Map(
    rows.map((row) => [
      `${row.executionId} ${row.schemaId}`,
      {
        records: Number(row.records),
        bytes: Number(row.bytes),
        reads: Number(row.reads),
        doneReads: Number(row.doneReads),
        isPreparing: Number(row.preparing) > 0,
        isFinishing: Number(row.finishing) > 0,
      },
    ]),
  );
}

/**
 * Asks the running execution of a sync to stop; the engine sees the mark and settles it. Harmless when nothing runs.
 * @returns ids of the executions that were asked now
 */
export async function requestCancellation(
  db: StoreDatabase,
  organizationId: string,
  target: { readonly syncId: string; readonly executionId?: string },
): Promise<string[]> {
  let update = db
    .updateTable('executions')
    .set({ status: 'canceling', cancelRequestedAt: sql<Date>`now()`, updatedAt: sql<Date>`clock_timestamp()` })
    .where('organizationId', '=', organizationId)
    .where('syncId', '=', target.syncId)
    .where('status', 'in', CANCELABLE_STATUSES);
  if (target.executionId !== undefined) update = update.where('id', '=', target.executionId);
  const rows = await update.returning('id').execute();
  return rows.map((row) => row.id);
}

/**
 * Asks the running execution of a sync to leave one schema alone, and says so in its console log. Nothing is asked when
 * none runs, or when the schema has ended in it or is no part of it. Call in a transaction.
 * @returns whether anything was asked now
 */
export async function requestSchemaCancellation(
  db: StoreDatabase,
  organizationId: string,
  target: { readonly syncId: string; readonly schemaId: string },
): Promise<boolean> {
  const { syncId, schemaId } = target;
  // The lock keeps a plan from being written between the two looks.
  const execution = await db
    .selectFrom('executions')
    .select(['id', 'canceledSchemas'])
    .where('organizationId', '=', organizationId)
    .where('syncId', '=', syncId)
    .where('status', 'in', CANCELABLE_STATUSES)
    .forUpdate()
    .executeTakeFirst();
  if (execution === undefined || execution.canceledSchemas.includes(schemaId)) return false;
  const planned = await db
    .selectFrom('executionSchemas')
    .select(['schemaId', 'completedAt'])
    .where('executionId', '=', execution.id)
    .execute();
  const isOpen = planned.some((schema) => schema.schemaId === schemaId && schema.completedAt === null);
  if (planned.length > 0 && !isOpen) return false;
  await db
    .updateTable('executions')
    .set({ canceledSchemas: [...execution.canceledSchemas, schemaId], updatedAt: sql<Date>`clock_timestamp()` })
    .where('id', '=', execution.id)
    .execute();
  await setSchemaStatus(db, execution.id, schemaId, 'canceled', SCHEMA_CANCELED);
  const line = {
    schemaId,
    level: 'warn',
    message: 'Cancelled by request.',
    payload: null,
    createdAt: new Date(),
  } as const;
  await appendConsoleLogs(db, execution.id, [line]);
  return true;
}

const CANCELABLE_STATUSES = EXECUTION_STATUSES.filter((status) => EXECUTION_TRANSITIONS[status].cancel === 'canceling');
