import {
  type BulkSyncScheduleRecord,
  listBulkSyncSchedules,
  type NewBulkSyncSchedule,
  replaceBulkSyncSchedules,
  type ScheduleSettings,
  type StoreDatabase,
  setDueTimes,
} from '../../../store/index.ts';
import { type Actor, type loadActorNames, toActorColumns } from '../../actors.ts';
import type { Context } from '../../context.ts';
import { refuseField } from '../../refusals.ts';
import type { BulkSyncInput } from '../input.ts';
import type { ScheduleInput } from './schedule-rules.ts';
import { nextOccurrence, toCronPattern } from './schedule-times.ts';

/** One schedule of a sync as people see it. */
export interface ScheduleView {
  readonly id: string;
  readonly settings: ScheduleSettings;
  readonly createdAt: Date;
  readonly createdBy: Actor;
  readonly updatedAt: Date;
  readonly updatedBy: Actor;
}

type NameActor = Awaited<ReturnType<typeof loadActorNames>>;

/** A stored schedule with the names of who made and changed it. */
export function toScheduleView(record: BulkSyncScheduleRecord, nameActor: NameActor): ScheduleView {
  return {
    id: record.id,
    settings: record.settings,
    createdAt: record.createdAt,
    createdBy: nameActor(record.createdBy, record.createdByType),
    updatedAt: record.updatedAt,
    updatedBy: nameActor(record.updatedBy, record.updatedByType),
  };
}

/**
 * Puts the schedules of a request in the place of the stored ones; a schedule sent with its id stays the same one, and
 * the default schedule does so without it. Call inside a transaction.
 * @param schemaIds what the schedules may name
 * @throws `REQUEST_REFUSED` for an id or a schema that the sync does not have
 */
export async function saveSchedules(
  context: Context,
  db: StoreDatabase,
  syncId: string,
  input: Pick<BulkSyncInput, 'active' | 'defaultSchedule' | 'additionalSchedules'>,
  schemaIds: ReadonlySet<string>,
): Promise<void> {
  const { organizationId } = context.caller;
  const stored = await listBulkSyncSchedules(db, organizationId, [syncId]);
  const free = new Map(stored.map((schedule) => [schedule.id, schedule]));
  const take = (schedule: ScheduleInput, place: string): BulkSyncScheduleRecord | undefined => {
    if (schedule.id === null) return undefined;
    const kept = free.get(schedule.id);
    if (kept === undefined) throw refuseField(`${place}.id`, `the sync has no schedule ${schedule.id} to keep`);
    free.delete(schedule.id);
    return kept;
  };
  const rows = input.additionalSchedules.map((schedule, index) => {
    const place = `additional_schedules[${index}]`;
    refuseUnknownSchemas(schedule.settings.schemas ?? [], schemaIds, place);
    return toRow(context, schedule, take(schedule, place), { active: input.active, position: index + 1 });
  });
  const oldDefault = [...free.values()].find((schedule) => schedule.isDefault);
  const kept = take(input.defaultSchedule, 'default_schedule') ?? oldDefault;
  const first = toRow(context, input.defaultSchedule, kept, { active: input.active, position: 0 });
  await replaceBulkSyncSchedules(db, organizationId, syncId, [first, ...rows]);
}

/**
 * Computes anew when the schedules of a sync come next. What was due while it was inactive is not made up for. Call
 * inside a transaction that has updated or locked the sync.
 */
export async function rearmSchedules(
  context: Context,
  db: StoreDatabase,
  syncId: string,
  active: boolean,
): Promise<void> {
  const { organizationId } = context.caller;
  const now = context.clock();
  const schedules = await listBulkSyncSchedules(db, organizationId, [syncId]);
  const times = schedules.map(({ id, settings }) => ({ id, dueAt: active ? nextOccurrence(settings, now) : null }));
  await setDueTimes(db, organizationId, times);
}

function refuseUnknownSchemas(named: readonly string[], known: ReadonlySet<string>, place: string): void {
  for (const [index, id] of named.entries()) {
    if (!known.has(id)) throw refuseField(`${place}.schemas[${index}]`, `the sync has no schema "${id}"`);
  }
}

/** The row of a schedule: who made it and what it still owes stay with the one that is kept. */
export function toRow(
  context: Context,
  schedule: ScheduleInput,
  kept: BulkSyncScheduleRecord | undefined,
  { active, position }: { readonly active: boolean; readonly position: number },
): NewBulkSyncSchedule {
  const by = toActorColumns(context.caller);
  const now = context.clock();
  const isDefault = position === 0;
  const isSame = kept !== undefined && sameSettings(kept.settings, schedule.settings);
  return {
    id: kept?.id ?? context.newId(),
    isDefault,
    position,
    settings: JSON.stringify(schedule.settings),
    dueAt: active ? (keptDueTime(kept, schedule.settings) ?? nextOccurrence(schedule.settings, now)) : null,
    createdBy: kept === undefined ? by.id : kept.createdBy,
    createdByType: kept?.createdByType ?? by.type,
    createdAt: kept?.createdAt ?? now,
    updatedBy: isSame ? kept.updatedBy : by.id,
    updatedByType: isSame ? kept.updatedByType : by.type,
    updatedAt: isSame ? kept.updatedAt : now,
  };
}

/** A start that is owed stays owed while the times of its schedule stay the same. */
function keptDueTime(kept: BulkSyncScheduleRecord | undefined, settings: ScheduleSettings): Date | null {
  if (kept === undefined || toCronPattern(kept.settings) !== toCronPattern(settings)) return null;
  return kept.dueAt;
}

/** True when both say the same, in whatever order. */
export function sameSettings(one: ScheduleSettings, other: ScheduleSettings): boolean {
  const text = (settings: ScheduleSettings): string => JSON.stringify(Object.entries(settings).sort());
  return text(one) === text(other);
}
