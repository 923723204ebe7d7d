import { sql } from 'kysely';
import {
  EXECUTION_TRANSITIONS,
  type ExecutionEvent,
  type ExecutionStatus,
  type ExecutionTiming,
  isTerminal,
  type Receipt,
  SyncError,
} from '../../core/index.ts';
import type { Store, StoreDatabase } from '../database.ts';
import { announceExecution } from '../events/events.ts';
import type { ExecutionOverrides } from '../execution-tables.ts';
import { listSchemaOverrides } from '../schema-overrides.ts';
import type { ExecutionRecord, NewExecution } from './executions.ts';
import { addSnapshotHolder } from './snapshot-holders.ts';

/** One execution with everything the engine needs to run it; secrets are opened. */
export type Run = Awaited<ReturnType<typeof gatherRun>>;

/** One side's connection, ready to connect. */
export interface RunConnection {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** Whose files and addresses it may use: of a shared connection its parent's organization. */
  readonly organizationId: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Steps of executions that may work on it at once; null = no limit. */
  readonly maxLanes: number | null;
}

/**
 * Loads an execution, its sync, both connections, the enabled schemas, and what users laid over the source's schemas.
 * @throws `NOT_FOUND` when the execution is gone, `MASTER_KEY_MISMATCH` when its secrets cannot be opened
 */
export async function loadRun(store: Store, executionId: string): Promise<Run> {
  return readRun(store, executionId);
}

/** What the engine knows of an execution. */
const RUN_COLUMNS = [
  'id',
  'organizationId',
  'syncId',
  'type',
  'status',
  'resyncMode',
  'fetchMode',
  'isTest',
  'overrides',
  'cancelRequestedAt',
  'createdAt',
  'startedAt',
  'traceParent',
] as const;

async function readRun(store: Store, executionId: string) {
  const execution = await store.db
    .selectFrom('executions')
    .select(RUN_COLUMNS)
    .where('id', '=', executionId)
    .executeTakeFirst();
  if (execution === undefined)
    throw new SyncError('NOT_FOUND', `Execution ${executionId} is gone from the metadata database.`);
  return gatherRun(store, execution);
}

/** What a start would run, with everything that belongs to it; nothing of it is stored, and it is a test. */
export function draftRun(store: Store, organizationId: string, start: NewExecution, now: Date): Promise<Run> {
  return gatherRun(store, {
    id: start.id,
    organizationId,
    syncId: start.syncId,
    type: start.type ?? 'manual',
    status: 'created',
    resyncMode: start.resyncMode ?? null,
    fetchMode: start.fetchMode ?? 'none',
    isTest: true,
    // Written as this very type by the one function that makes starts.
    overrides: JSON.parse(start.overrides ?? '{}') as ExecutionOverrides,
    cancelRequestedAt: null,
    createdAt: now,
    startedAt: now,
    traceParent: null,
  });
}

async function gatherRun(store: Store, execution: Pick<ExecutionRecord, (typeof RUN_COLUMNS)[number]>) {
  // Before all that their revisions stand for: what is changed in between then makes them older than it is.
  const schemas = await store.db
    .selectFrom('bulkSyncSchemas')
    .selectAll()
    .where('syncId', '=', execution.syncId)
    .where('enabled', '=', true)
    .orderBy('schemaId')
    .execute();
  const sync = await store.db
    .selectFrom('bulkSyncs')
    .selectAll()
    .where('id', '=', execution.syncId)
    .where('organizationId', '=', execution.organizationId)
    .executeTakeFirst();
  if (sync === undefined)
    throw new SyncError('NOT_FOUND', `The bulk sync ${execution.syncId} is gone from the metadata database.`);
  return {
    execution,
    sync,
    schemas,
    schemaOverrides: await listSchemaOverrides(store.db, sync.organizationId, sync.sourceConnectionId),
    source: await loadConnection(store, sync.sourceConnectionId),
    destination: await loadConnection(store, sync.destinationConnectionId),
  };
}

/** The connection types of both ends of a sync; none when it is gone. */
export async function listConnectionTypes(db: StoreDatabase, syncId: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('connections')
    .innerJoin('bulkSyncs', (join) =>
      join.on((eb) =>
        eb.or([
          eb('connections.id', '=', eb.ref('bulkSyncs.sourceConnectionId')),
          eb('connections.id', '=', eb.ref('bulkSyncs.destinationConnectionId')),
        ]),
      ),
    )
    .select('connections.type')
    .where('bulkSyncs.id', '=', syncId)
    .execute();
  return rows.map(({ type }) => type);
}

async function loadConnection(store: Store, id: string): Promise<RunConnection> {
  const row = await store.db.selectFrom('connections').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const origin =
    row.parentConnectionId === null
      ? row
      : await store.db
          .selectFrom('connections')
          .selectAll()
          .where('id', '=', row.parentConnectionId)
          .executeTakeFirstOrThrow();
  const { organizationId } = origin;
  const secrets =
    origin.secrets === null ? {} : store.secrets.unseal(origin.secrets, { organizationId, connectionId: origin.id });
  return {
    id: row.id,
    name: row.name,
    type: row.type,
    organizationId,
    config: { ...origin.configuration, ...secrets },
    maxLanes: row.maxLanes,
  };
}

export interface ExecutionChanges {
  readonly statusMessage?: string | null;
  readonly receipt?: Receipt;
  readonly timing?: ExecutionTiming;
}

/**
 * Applies one event by the transition table and answers the status afterwards. An event that the table does not know
 * for the present status changes nothing.
 */
export async function recordExecutionEvent(
  store: Store,
  executionId: string,
  event: ExecutionEvent,
  changes: ExecutionChanges = {},
): Promise<ExecutionStatus> {
  return store.transaction(async ({ db }) => {
    const row = await db
      .selectFrom('executions')
      .select('status')
      .where('id', '=', executionId)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined)
      throw new SyncError('NOT_FOUND', `Execution ${executionId} is gone from the metadata database.`);
    const next = EXECUTION_TRANSITIONS[row.status][event];
    if (next === null) return row.status;
    await db
      .updateTable('executions')
      .set({
        status: next,
        updatedAt: sql`now()`,
        ...(event === 'start' ? { startedAt: sql`coalesce(started_at, now())` } : {}),
        ...(isTerminal(next) ? { completedAt: sql`now()` } : {}),
        ...(changes.statusMessage === undefined ? {} : { statusMessage: changes.statusMessage }),
        ...(changes.receipt === undefined ? {} : { receipt: JSON.stringify(changes.receipt) }),
        ...(changes.timing === undefined ? {} : { timing: JSON.stringify(changes.timing) }),
      })
      .where('id', '=', executionId)
      .execute();
    // A start of what runs, as after a crash, is no news.
    if (next !== row.status) await announceExecution(db, executionId, next);
    return next;
  });
}

/** Of the given executions, those whose work must stop: cancelled, ended or deleted; and schemas cancelled by themselves. */
export async function findCancellations(
  db: StoreDatabase,
  executionIds: readonly string[],
): Promise<{
  readonly stopped: ReadonlySet<string>;
  /** Schema ids by execution id. */
  readonly schemas: ReadonlyMap<string, readonly string[]>;
}> {
  const rows = await db
    .selectFrom('executions')
    .select(['id', 'status', 'cancelRequestedAt', 'canceledSchemas'])
    .where('id', 'in', [...executionIds])
    .execute();
  const working = new Set(
    rows.filter((row) => row.cancelRequestedAt === null && !isTerminal(row.status)).map((row) => row.id),
  );
  return {
    stopped: new Set(executionIds.filter((id) => !working.has(id))),
    schemas: new Map(rows.map((row) => [row.id, row.canceledSchemas])),
  };
}

/** Executions that should still be moving, oldest first. */
export async function listOpenExecutions(
  db: StoreDatabase,
): Promise<readonly { readonly id: string; readonly status: ExecutionStatus }[]> {
  return db
    .selectFrom('executions')
    .select(['id', 'status'])
    .where('status', 'in', ['created', 'scheduled', 'running', 'exporting', 'processing', 'canceling'])
    .orderBy('createdAt')
    .execute();
}

/** A snapshot of an execution, whether it is still held or not; its image is known by the one who opened it. */
export async function findSnapshot(
  db: StoreDatabase,
  executionId: string,
  epoch: number,
): Promise<{ readonly snapshot: unknown; readonly openedAt: Date; readonly isClosed: boolean } | null> {
  const row = await db
    .selectFrom('executionSnapshots')
    .select(['snapshot', 'openedAt', 'closedAt'])
    .where('executionId', '=', executionId)
    .where('epoch', '=', epoch)
    .executeTakeFirst();
  if (row === undefined) return null;
  return { snapshot: row.snapshot, openedAt: row.openedAt, isClosed: row.closedAt !== null };
}

/** The highest snapshot epoch of an execution; 0 when it has none. */
export async function lastSnapshotEpoch(db: StoreDatabase, executionId: string): Promise<number> {
  const row = await db
    .selectFrom('executionSnapshots')
    .select((eb) => eb.fn.max('epoch').as('epoch'))
    .where('executionId', '=', executionId)
    .executeTakeFirst();
  return row?.epoch ?? 0;
}

export async function insertSnapshot(
  db: StoreDatabase,
  row: { readonly executionId: string; readonly epoch: number; readonly workerId: string; readonly snapshot: unknown },
): Promise<void> {
  const result = await db
    .insertInto('executionSnapshots')
    .values({ ...row, snapshot: JSON.stringify(row.snapshot) })
    .onConflict((conflict) =>
      conflict
        .columns(['executionId', 'epoch'])
        .doUpdateSet({ snapshot: JSON.stringify(row.snapshot) })
        .where('executionSnapshots.workerId', '=', row.workerId),
    )
    .executeTakeFirst();
  if (result.numInsertedOrUpdatedRows !== 1n)
    throw new SyncError('SNAPSHOT_LOST', 'Another worker has taken a newer snapshot meanwhile. That one is used.');
  await addSnapshotHolder(db, row);
}

export async function closeSnapshots(db: StoreDatabase, executionId: string): Promise<void> {
  await db
    .updateTable('executionSnapshots')
    .set({ closedAt: sql`now()` })
    .where('executionId', '=', executionId)
    .where('closedAt', 'is', null)
    .execute();
  await db.deleteFrom('snapshotHolders').where('executionId', '=', executionId).execute();
}
