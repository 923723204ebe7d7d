import type {
  AdditionalScheduleBody,
  AdditionalScheduleRequest,
  BulkSyncBody,
  BulkSyncRequest,
  DefaultScheduleBody,
  DefaultScheduleRequest,
} from '../../contract/index.ts';
import type { BulkSyncInput, BulkSyncView, ScheduleInput, ScheduleView } from '../../operations/index.ts';
import { toActorBody } from './actors.ts';
import { withoutNulls } from './without-nulls.ts';

/** A bulk sync on the wire. */
export function toBulkSyncBody({ record, ...view }: BulkSyncView): BulkSyncBody {
  return {
    id: record.id,
    organization_id: record.organizationId,
    name: record.name,
    active: record.active,
    mode: record.mode,
    source_connection_id: record.sourceConnectionId,
    source_configuration: record.sourceConfiguration,
    destination_connection_id: record.destinationConnectionId,
    destination_configuration: record.destinationConfiguration,
    default_schedule: toDefaultScheduleBody(view.defaultSchedule),
    additional_schedules: view.additionalSchedules.map(toAdditionalScheduleBody),
    automatically_add_new_fields: record.automaticallyAddNewFields,
    automatically_add_new_objects: record.automaticallyAddNewObjects,
    normalize_names: record.normalizeNames,
    disable_record_timestamps: record.disableRecordTimestamps,
    data_cutoff_timestamp: record.dataCutoffTimestamp?.toISOString() ?? null,
    concurrency_limit: record.concurrencyLimit,
    resync_concurrency_limit: record.resyncConcurrencyLimit,
    policies: record.policies,
    created_at: record.createdAt.toISOString(),
    created_by: toActorBody(view.createdBy),
    updated_at: record.updatedAt.toISOString(),
    updated_by: toActorBody(view.updatedBy),
  };
}

function toDefaultScheduleBody(schedule: ScheduleView): DefaultScheduleBody {
  const { frequency, minute, hour, dayOfWeek, dayOfMonth, month } = schedule.settings;
  return {
    id: schedule.id,
    frequency,
    ...withoutNulls({ minute, hour, day_of_week: dayOfWeek, day_of_month: dayOfMonth, month }),
    created_at: schedule.createdAt.toISOString(),
    created_by: toActorBody(schedule.createdBy),
    updated_at: schedule.updatedAt.toISOString(),
    updated_by: toActorBody(schedule.updatedBy),
  };
}

function toAdditionalScheduleBody(schedule: ScheduleView): AdditionalScheduleBody {
  const { schemas, selectiveMode, resyncMode } = schedule.settings;
  return {
    ...toDefaultScheduleBody(schedule),
    ...withoutNulls({ schemas: schemas === undefined ? undefined : [...schemas] }),
    ...withoutNulls({ selective_mode: selectiveMode, resync_mode: resyncMode }),
  };
}

/** A create or update as the operations take it, defaults filled in. */
export function toBulkSyncInput(body: BulkSyncRequest): BulkSyncInput {
  return {
    ...toBulkSyncOptions(body),
    mode: body.mode,
    defaultSchedule: toScheduleInput(body.default_schedule),
    additionalSchedules: (body.additional_schedules ?? []).map(toAdditionalScheduleInput),
  };
}

type ScheduleKeys = 'default_schedule' | 'additional_schedules';

/** What every version says alike of a sync. */
export function toBulkSyncOptions(
  body: Omit<BulkSyncRequest, 'mode' | ScheduleKeys>,
): Omit<BulkSyncInput, 'mode' | 'defaultSchedule' | 'additionalSchedules'> {
  return {
    name: body.name,
    active: body.active ?? false,
    sourceConnectionId: body.source_connection_id,
    sourceConfiguration: body.source_configuration ?? null,
    destinationConnectionId: body.destination_connection_id,
    destinationConfiguration: body.destination_configuration,
    automaticallyAddNewFields: body.automatically_add_new_fields ?? 'all',
    automaticallyAddNewObjects: body.automatically_add_new_objects ?? 'none',
    normalizeNames: body.normalize_names ?? 'enabled',
    disableRecordTimestamps: body.disable_record_timestamps ?? false,
    dataCutoffTimestamp: toDate(body.data_cutoff_timestamp),
    concurrencyLimit: body.concurrency_limit ?? null,
    resyncConcurrencyLimit: body.resync_concurrency_limit ?? null,
    policies: body.policies ?? [],
    organizationId: body.organization_id ?? null,
  };
}

function toScheduleInput(schedule: DefaultScheduleRequest): ScheduleInput {
  return { id: schedule.id ?? null, settings: toScheduleSettings(schedule) };
}

/** When a schedule comes, as the operations take it. */
export function toScheduleSettings(schedule: Omit<DefaultScheduleRequest, 'id'>): ScheduleInput['settings'] {
  const { frequency, minute, hour, day_of_week: dayOfWeek, day_of_month: dayOfMonth, month } = schedule;
  return { frequency, ...withoutNulls({ minute, hour, dayOfWeek, dayOfMonth, month }) };
}

function toAdditionalScheduleInput(schedule: AdditionalScheduleRequest): ScheduleInput {
  const { id, settings } = toScheduleInput(schedule);
  const { schemas, selective_mode: selectiveMode, resync_mode: resyncMode } = schedule;
  return { id, settings: { ...settings, ...withoutNulls({ schemas, selectiveMode, resyncMode }) } };
}

/** A moment of the wire, or null. */
export function toDate(text: string | null | undefined): Date | null {
  return text == null ? null : new Date(text);
}
