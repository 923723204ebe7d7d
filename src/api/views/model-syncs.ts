import type { ModelSyncBody, ModelSyncListItemBody, ModelSyncRequest } from '../../contract/index.ts';
import type { GivenField, GivenSchedule, ModelSyncInput, ModelSyncView } from '../../operations/index.ts';
import { toActorBody } from './actors.ts';
import { withoutNulls } from './without-nulls.ts';

type Record = ModelSyncView['record'];

/** A model sync on the wire. */
export function toModelSyncBody(view: ModelSyncView): ModelSyncBody {
  const { record } = view;
  const { object, create, configuration, filterLogic } = record.target;
  return {
    ...toSharedBody(view),
    target: {
      connection_id: record.targetConnectionId,
      ...withoutNulls({ object, create, configuration, filter_logic: filterLogic }),
    },
    ...withoutNulls({ identity: toIdentityBody(record.identity), filter_logic: record.filterLogic }),
    fields: record.fields.map(toFieldBody),
    override_fields: record.overrideFields.map(toFieldBody),
    filters: record.filters.map(({ side, field, fieldId, ...filter }) => ({
      ...(field === null ? {} : { field: toSourceBody(field) }),
      field_id: fieldId,
      field_type: side,
      ...filter,
    })),
    overrides: record.overrides.map(({ field, fieldId, ...override }) => ({
      field: toSourceBody(field),
      field_id: fieldId,
      ...override,
    })),
    policies: record.policies,
  };
}

/** A model sync in a list. */
export function toModelSyncListItem(view: ModelSyncView): ModelSyncListItemBody {
  const { targetConnectionId, targetObject } = view.record;
  return { ...toSharedBody(view), target_connection_id: targetConnectionId, target_object: targetObject };
}

function toSharedBody({ record, createdBy, updatedBy }: ModelSyncView) {
  return {
    id: record.id,
    organization_id: record.organizationId,
    name: record.name,
    active: record.active,
    mode: record.mode,
    model_ids: record.modelIds,
    schedule: toScheduleBody(record.schedule),
    sync_all_records: record.syncAllRecords,
    skip_initial_backfill: record.skipInitialBackfill,
    only_enrich_updates: record.onlyEnrichUpdates,
    created_at: record.createdAt.toISOString(),
    created_by: toActorBody(createdBy),
    updated_at: record.updatedAt.toISOString(),
    updated_by: toActorBody(updatedBy),
  };
}

function toScheduleBody(schedule: Record['schedule']): ModelSyncBody['schedule'] {
  const { frequency, minute, hour, dayOfWeek, dayOfMonth, month, runAfter, runAfterSuccessOnly } = schedule;
  return {
    frequency,
    ...withoutNulls({ minute, hour, day_of_week: dayOfWeek, day_of_month: dayOfMonth, month }),
    ...(runAfter === undefined
      ? {}
      : {
          run_after: { sync_ids: [...runAfter.syncIds], bulk_sync_ids: [...runAfter.bulkSyncIds] },
          run_after_success_only: runAfterSuccessOnly ?? false,
        }),
  };
}

function toIdentityBody(identity: Record['identity']): ModelSyncBody['identity'] {
  if (identity === null) return undefined;
  const { source, target, function: name, isNewField, remoteFieldTypeId } = identity;
  return {
    source: toSourceBody(source),
    target,
    function: name,
    new_field: isNewField,
    ...withoutNulls({ remote_field_type_id: remoteFieldTypeId }),
  };
}

function toFieldBody(field: Record['fields'][number]): ModelSyncBody['fields'][number] {
  const { source, target, syncMode, isNew, overrideValue, isEncrypted } = field;
  return {
    ...(source === null ? {} : { source: toSourceBody(source) }),
    target,
    ...withoutNulls({ sync_mode: syncMode, override_value: overrideValue }),
    new: isNew,
    encryption_enabled: isEncrypted,
  };
}

function toSourceBody({ modelId, field }: { readonly modelId: string; readonly field: string }) {
  return { model_id: modelId, field };
}

/** A create or update as the operations take it, defaults filled in. */
export function toModelSyncInput(body: ModelSyncRequest): ModelSyncInput {
  return {
    name: body.name,
    active: body.active ?? false,
    mode: body.mode,
    target: toTarget(body.target),
    identity: toIdentity(body.identity),
    fields: body.fields.map(toField),
    overrideFields: (body.override_fields ?? []).map(toField),
    filters: (body.filters ?? []).map((filter) => ({
      side: filter.field_type ?? null,
      field: toSource(filter.field),
      fieldId: toText(filter.field_id),
      function: filter.function,
      ...toValue(filter),
    })),
    filterLogic: toText(body.filter_logic),
    overrides: (body.overrides ?? []).map((override) => ({
      field: toSource(override.field),
      fieldId: toText(override.field_id),
      function: override.function ?? null,
      ...toValue(override),
      ...(override.override === undefined ? {} : { override: override.override }),
    })),
    schedule: toSchedule(body.schedule),
    syncAllRecords: body.sync_all_records ?? false,
    skipInitialBackfill: body.skip_initial_backfill ?? false,
    onlyEnrichUpdates: body.only_enrich_updates ?? false,
    encryptionPassphrase: body.encryption_passphrase ?? null,
    policies: body.policies ?? [],
    organizationId: body.organization_id ?? null,
  };
}

/** What only the server sets, and a request holds all the same; to be told. */
export function listIgnored({ target }: Pick<ModelSyncRequest, 'target'>): string[] {
  return [
    ...(toText(target.new_name) === null ? [] : ['target.new_name']),
    ...(Object.keys(target.search_values ?? {}).length === 0 ? [] : ['target.search_values']),
  ];
}

function toTarget(target: ModelSyncRequest['target']): ModelSyncInput['target'] {
  return {
    connectionId: target.connection_id,
    object: toText(target.object),
    create: isEmpty(target.create) ? null : (target.create ?? null),
    configuration: isEmpty(target.configuration) ? null : (target.configuration ?? null),
    filterLogic: toText(target.filter_logic),
  };
}

function toIdentity(identity: ModelSyncRequest['identity']): ModelSyncInput['identity'] {
  if (identity == null) return null;
  return {
    source: { modelId: identity.source.model_id, field: identity.source.field },
    target: identity.target,
    function: identity.function,
    isNewField: identity.new_field ?? false,
    remoteFieldTypeId: toText(identity.remote_field_type_id),
  };
}

function toField(field: ModelSyncRequest['fields'][number]): GivenField {
  return {
    source: toSource(field.source),
    target: field.target,
    syncMode: toText(field.sync_mode),
    isNew: field.new ?? false,
    overrideValue: field.override_value ?? null,
    isEncrypted: field.encryption_enabled ?? false,
  };
}

function toSchedule(schedule: ModelSyncRequest['schedule']): GivenSchedule {
  const { minute, hour, day_of_week: dayOfWeek, day_of_month: dayOfMonth, month, run_after: runAfter } = schedule;
  return {
    frequency: schedule.frequency ?? null,
    ...withoutNulls({ minute, hour, dayOfWeek, dayOfMonth, month }),
    runAfter: { syncIds: runAfter?.sync_ids ?? [], bulkSyncIds: runAfter?.bulk_sync_ids ?? [] },
    runAfterSuccessOnly: schedule.run_after_success_only ?? null,
    namesJob: schedule.connection_id != null || schedule.job_id != null,
  };
}

function toSource(source: { readonly model_id: string; readonly field: string } | null | undefined) {
  return source == null ? null : { modelId: source.model_id, field: source.field };
}

/** Clients send the empty text for what they do not use. */
function toText(text: string | null | undefined): string | null {
  return text == null || text === '' ? null : text;
}

function isEmpty(values: object | null | undefined): boolean {
  return values == null || Object.keys(values).length === 0;
}

function toValue({ value }: { readonly value?: unknown }): { readonly value?: unknown } {
  return value === undefined ? {} : { value };
}
