import { type Insertable, type Selectable, sql } from 'kysely';
import { EXECUTION_STATUSES, isTerminal } from '../../core/index.ts';
import type { StoreDatabase } from '../database.ts';
import type { Database } from '../tables.ts';

/** One schedule of a bulk sync as stored. */
export type BulkSyncScheduleRecord = Selectable<Database['bulkSyncSchedules']>;

/** A schedule to store; one that keeps its id keeps who made it and when as well. */
export type NewBulkSyncSchedule = Omit<Insertable<Database['bulkSyncSchedules']>, 'organizationId' | 'syncId'>;

/** Of several syncs at once: the default schedule of each first, then the others in their order. */
export function listBulkSyncSchedules(
  db: StoreDatabase,
  organizationId: string,
  syncIds: readonly string[],
): Promise<BulkSyncScheduleRecord[]> {
  if (syncIds.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('bulkSyncSchedules')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('syncId', 'in', syncIds)
    .orderBy('isDefault', 'desc')
    .orderBy('position')
    .execute();
}

/** Puts these in the place of all schedules of the sync. Call inside a transaction. */
export async function replaceBulkSyncSchedules(
  db: StoreDatabase,
  organizationId: string,
  syncId: string,
  schedules: readonly NewBulkSyncSchedule[],
): Promise<void> {
  await db
    .deleteFrom('bulkSyncSchedules')
    .where('organizationId', '=', organizationId)
    .where('syncId', '=', syncId)
    .execute();
  if (schedules.length === 0) return;
  await db
    .insertInto('bulkSyncSchedules')
    .values(schedules.map((schedule) => ({ ...schedule, organizationId, syncId })))
    .execute();
}

/** Adds one. */
export async function insertBulkSyncSchedule(
  db: StoreDatabase,
  organizationId: string,
  syncId: string,
  schedule: NewBulkSyncSchedule,
): Promise<void> {
  await db
    .insertInto('bulkSyncSchedules')
    .values({ ...schedule, organizationId, syncId })
    .execute();
}

/** Replaces everything about one. */
export async function updateBulkSyncSchedule(
  db: StoreDatabase,
  organizationId: string,
  schedule: NewBulkSyncSchedule,
): Promise<void> {
  await db
    .updateTable('bulkSyncSchedules')
    .set(schedule)
    .where('organizationId', '=', organizationId)
    .where('id', '=', schedule.id)
    .execute();
}

/** Harmless when it is gone. */
export async function deleteBulkSyncSchedule(db: StoreDatabase, organizationId: string, id: string): Promise<void> {
  await db.deleteFrom('bulkSyncSchedules').where('organizationId', '=', organizationId).where('id', '=', id).execute();
}

/** A sync that some schedule wants to start. */
export interface DueSync {
  readonly organizationId: string;
  readonly syncId: string;
}

/** Active syncs with a schedule that was due by `now` and no execution in its way, longest due first; at most `limit`. */
export function listDueSyncs(db: StoreDatabase, now: Date, limit: number): Promise<DueSync[]> {
  return db
    .selectFrom('bulkSyncSchedules as schedule')
    .innerJoin('bulkSyncs as sync', 'sync.id', 'schedule.syncId')
    .select(['schedule.organizationId', 'schedule.syncId'])
    .where('sync.active', '=', true)
    .where('schedule.dueAt', '<=', now)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('executions')
            .select('executions.id')
            .whereRef('executions.syncId', '=', 'schedule.syncId')
            .where('executions.status', 'in', OPEN_STATUSES),
        ),
      ),
    )
    .groupBy(['schedule.organizationId', 'schedule.syncId'])
    .orderBy(sql`min(schedule.due_at)`)
    .orderBy('schedule.syncId')
    .limit(limit)
    .execute();
}

const OPEN_STATUSES = EXECUTION_STATUSES.filter((status) => !isTerminal(status));

/**
 * Holds an active sync until the transaction ends. Whoever changes when its schedules are due does so behind this lock
 * or behind an update of the sync, which takes the same one.
 * @returns false when it is not active, is gone, or is in other hands; nobody is waited for
 */
export async function tryLockActiveSync(db: StoreDatabase, organizationId: string, syncId: string): Promise<boolean> {
  const row = await db
    .selectFrom('bulkSyncs')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('id', '=', syncId)
    .where('active', '=', true)
    .forNoKeyUpdate()
    .skipLocked()
    .executeTakeFirst();
  return row !== undefined;
}

/** Sets when each of these schedules comes next; null = never by itself. */
export async function setDueTimes(
  db: StoreDatabase,
  organizationId: string,
  times: readonly { readonly id: string; readonly dueAt: Date | null }[],
): Promise<void> {
  for (const { id, dueAt } of times) {
    await db
      .updateTable('bulkSyncSchedules')
      .set({ dueAt })
      .where('organizationId', '=', organizationId)
      .where('id', '=', id)
      .execute();
  }
}

/** Active syncs that have a schedule which nobody has computed yet: an earlier release stored it. */
export function listSyncsToArm(db: StoreDatabase): Promise<DueSync[]> {
  return db
    .selectFrom('bulkSyncSchedules as schedule')
    .innerJoin('bulkSyncs as sync', 'sync.id', 'schedule.syncId')
    .select(['schedule.organizationId', 'schedule.syncId'])
    .distinct()
    .where('sync.active', '=', true)
    .where('schedule.dueAt', 'is', null)
    .where(sql<boolean>`schedule.settings ->> 'frequency' <> 'manual'`)
    .execute();
}

/** When each of these syncs is due next, in the past where a start is owed; a sync that is not due ever is left out. */
export async function listNextStarts(
  db: StoreDatabase,
  organizationId: string,
  syncIds: readonly string[],
): Promise<ReadonlyMap<string, Date>> {
  if (syncIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('bulkSyncSchedules')
    .select(['syncId', ({ fn }) => fn.min('dueAt').as('dueAt')])
    .where('organizationId', '=', organizationId)
    .where('syncId', 'in', syncIds)
    .groupBy('syncId')
    .execute();
  return new Map(rows.flatMap(({ syncId, dueAt }) => (dueAt === null ? [] : [[syncId, dueAt] as const])));
}
