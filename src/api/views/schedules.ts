import type { SingleScheduleBody, SingleScheduleRequest } from '../../contract/index.ts';
import type { ScheduleInput, SingleScheduleView } from '../../operations/index.ts';
import { withoutNulls } from './without-nulls.ts';

/** One schedule by itself on the wire. */
export function toSingleScheduleBody({ settings, ...schedule }: SingleScheduleView): SingleScheduleBody {
  return {
    id: schedule.id,
    syncId: schedule.syncId,
    isDefault: schedule.isDefault,
    frequency: settings.frequency,
    minute: settings.minute ?? null,
    hour: settings.hour ?? null,
    dayOfWeek: settings.dayOfWeek ?? null,
    dayOfMonth: settings.dayOfMonth ?? null,
    month: settings.month ?? null,
    schemas: settings.schemas === undefined ? null : [...settings.schemas],
    selectiveMode: settings.selectiveMode ?? 'none',
    syncMode: settings.resyncMode ?? 'normal',
    createdAt: schedule.createdAt.toISOString(),
    updatedAt: schedule.updatedAt.toISOString(),
    ...withoutNulls({ createdBy: schedule.createdBy.id, updatedBy: schedule.updatedBy.id }),
    deletedAt: null,
  };
}

/** The settings of a request as the operations take them. */
export function toScheduleSettings({ schedule }: SingleScheduleRequest): ScheduleInput['settings'] {
  const { frequency, ...parts } = schedule;
  return { frequency, ...withoutNulls(parts) };
}
