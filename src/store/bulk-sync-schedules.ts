import type { Insertable, Selectable } from 'kysely';
import type { StoreDatabase } from './database.ts';
import type { Database } from './tables.ts';

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
