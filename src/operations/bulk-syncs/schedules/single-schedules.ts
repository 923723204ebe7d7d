import { SyncError } from '../../../core/index.ts';
import {
  type BulkSyncRecord,
  deleteBulkSyncSchedule,
  insertBulkSyncSchedule,
  listBulkSyncSchedules,
  type ScheduleSettings,
  type StoreDatabase,
  updateBulkSync,
  updateBulkSyncSchedule,
} from '../../../store/index.ts';
import { loadActorNames, toActorColumns } from '../../actors.ts';
import { recordAudit } from '../../audit/record.ts';
import type { Context } from '../../context.ts';
import { refuseField } from '../../refusals.ts';
import { permitBulkSync, requireBulkSync } from '../syncs.ts';
import { checkSchedule } from './schedule-rules.ts';
import { type ScheduleView, toRow, toScheduleView } from './schedules.ts';

/** One schedule of a sync, and which of them it is. */
export interface SingleScheduleView extends ScheduleView {
  readonly syncId: string;
  readonly isDefault: boolean;
}

/** The schedules of a sync, the default one first. @throws `NOT_FOUND` */
export async function listSchedules(context: Context, syncId: string): Promise<SingleScheduleView[]> {
  await requireBulkSync(context, syncId);
  return readSchedules(context, context.store.db, syncId);
}

/** @throws `NOT_FOUND` for an unknown schedule, also when it is another sync's */
export async function getSchedule(context: Context, syncId: string, id: string): Promise<SingleScheduleView> {
  await requireBulkSync(context, syncId);
  return requireSchedule(context, context.store.db, syncId, id);
}

/** Adds an additional schedule, which acts at once. @throws `NOT_FOUND`, `REQUEST_REFUSED` */
export function createSchedule(
  context: Context,
  syncId: string,
  settings: ScheduleSettings,
): Promise<SingleScheduleView> {
  check(settings);
  return changeSchedules(context, syncId, async (db, sync) => {
    const last = (await listBulkSyncSchedules(db, context.caller.organizationId, [syncId])).at(-1);
    const place = { active: sync.active, position: (last?.position ?? 0) + 1 };
    const row = toRow(context, { id: null, settings }, undefined, place);
    await insertBulkSyncSchedule(db, context.caller.organizationId, syncId, row);
    const made = await requireSchedule(context, db, syncId, row.id);
    await auditSchedule(context, db, sync, { action: 'create', before: null, after: made });
    return made;
  });
}

/**
 * Replaces the times and the selective mode of a schedule, at once; its schemas and its resync mode, which only the
 * sync itself can say, stay. What runs goes on.
 * @throws `NOT_FOUND`, `REQUEST_REFUSED`
 */
export function updateSchedule(
  context: Context,
  syncId: string,
  id: string,
  given: ScheduleSettings,
): Promise<SingleScheduleView> {
  check(given);
  const { organizationId } = context.caller;
  return changeSchedules(context, syncId, async (db, sync) => {
    const before = await requireSchedule(context, db, syncId, id);
    const kept = (await listBulkSyncSchedules(db, organizationId, [syncId])).find((schedule) => schedule.id === id);
    const { schemas, resyncMode } = kept?.settings ?? {};
    if (kept?.isDefault === true && (given.selectiveMode ?? 'none') !== 'none')
      throw refuseField('schedule.selectiveMode', 'the default schedule runs everything; add another schedule');
    const settings = {
      ...given,
      ...(schemas === undefined ? {} : { schemas }),
      ...(resyncMode === undefined ? {} : { resyncMode }),
    };
    const place = { active: sync.active, position: kept?.position ?? 0 };
    await updateBulkSyncSchedule(db, organizationId, toRow(context, { id, settings }, kept, place));
    const after = await requireSchedule(context, db, syncId, id);
    await auditSchedule(context, db, sync, { action: 'update', before, after });
    return after;
  });
}

/** Deletes an additional schedule; what it started goes on. @throws `NOT_FOUND`; `REQUEST_REFUSED` for the default one */
export async function deleteSchedule(context: Context, syncId: string, id: string): Promise<void> {
  await changeSchedules(context, syncId, async (db, sync) => {
    const before = await requireSchedule(context, db, syncId, id);
    if (before.isDefault) throw refuseField('schedule_id', 'a sync keeps its default schedule; make it manual instead');
    await deleteBulkSyncSchedule(db, context.caller.organizationId, id);
    await auditSchedule(context, db, sync, { action: 'delete', before, after: null });
  });
}

/** Under the id of the schedule, and with the name of its sync. */
function auditSchedule(
  context: Context,
  db: StoreDatabase,
  sync: BulkSyncRecord,
  event: {
    readonly action: string;
    readonly before: SingleScheduleView | null;
    readonly after: SingleScheduleView | null;
  },
): Promise<void> {
  const { action, before, after } = event;
  const object = { type: 'bulk_sync_schedule', id: (after ?? before)?.id ?? '', name: sync.name };
  const settings = { before: before?.settings ?? null, after: after?.settings ?? null };
  return recordAudit(db, context, { action, object, ...settings });
}

function check(settings: ScheduleSettings): void {
  checkSchedule(settings, 'schedule', { naming: 'camelCase' });
}

/** Behind an update of the sync, so that no scheduler acts on what is being changed. */
async function changeSchedules<T>(
  context: Context,
  syncId: string,
  change: (db: StoreDatabase, sync: BulkSyncRecord) => Promise<T>,
): Promise<T> {
  const by = toActorColumns(context.caller);
  await permitBulkSync(context, syncId, 'edit');
  return context.store.transaction(async ({ db }) => {
    await updateBulkSync(db, context.caller.organizationId, syncId, { updatedBy: by.id, updatedByType: by.type });
    return change(db, await requireBulkSync(context, syncId, db));
  });
}

async function requireSchedule(
  context: Context,
  db: StoreDatabase,
  syncId: string,
  id: string,
): Promise<SingleScheduleView> {
  const found = (await readSchedules(context, db, syncId)).find((schedule) => schedule.id === id);
  if (found === undefined) throw new SyncError('NOT_FOUND', `The bulk sync ${syncId} has no schedule ${id}.`);
  return found;
}

async function readSchedules(context: Context, db: StoreDatabase, syncId: string): Promise<SingleScheduleView[]> {
  const records = await listBulkSyncSchedules(db, context.caller.organizationId, [syncId]);
  const nameActor = await loadActorNames(context, db);
  return records.map((record) => ({ ...toScheduleView(record, nameActor), syncId, isDefault: record.isDefault }));
}
