import type { z } from 'zod';
import type { oldestTargetFieldSchema, oldestTargetPropertiesSchema, TargetFieldsBody } from '../../contract/index.ts';
import type { CreationProperty, TargetFields, TargetObject } from '../../operations/index.ts';

/** A target object on the wire. */
export function toTargetObjectBody({ id, name, modes }: TargetObject) {
  return {
    id,
    name,
    modes: modes.map((mode) => ({
      id: mode.id,
      requires_identity: mode.requiresIdentity,
      supports_per_field_mode: mode.supportsPerFieldMode,
      supports_target_filters: mode.supportsTargetFilters,
    })),
  };
}

/** A creation property on the wire. */
export function toPropertyBody({ id, title, isEnum, values }: CreationProperty, includeValues: boolean) {
  return { id, title, enum: isEnum, ...(includeValues && isEnum ? { values: [...values] } : {}) };
}

/** A target with its fields on the wire. */
export function toTargetFieldsBody(target: TargetFields): TargetFieldsBody {
  return {
    ...toTargetBody(target),
    fields: target.fields.map((field) => ({ ...toFieldBody(field), encryptable: false })),
    properties: {
      ...toPropertiesBody(target),
      mappings_not_required: false,
      supports_field_encryption: false,
      supports_identity_field_creation: false,
    },
  };
}

const MODES: Readonly<Record<TargetFields['modes'][number]['id'], readonly [label: string, description: string]>> = {
  create: ['Create', 'Make records that the target does not have'],
  update: ['Update', 'Change records that the target has'],
  updateOrCreate: ['Update or create', 'Change records that the target has, and make the others'],
  replace: ['Replace', 'Replace all records of the target'],
  append: ['Append', 'Add every record, whether the target has it or not'],
  remove: ['Remove', 'Remove records from the target'],
  snapshot: ['Snapshot', 'Keep a copy of all records'],
};

/** What every version tells of a target beside its fields. */
export function toTargetBody({ id, modes, readAt }: TargetFields) {
  return {
    id,
    name: id,
    modes: modes.map((mode) => ({
      mode: mode.id,
      label: MODES[mode.id][0],
      description: MODES[mode.id][1],
      requires_identity: mode.requiresIdentity,
      supports_field_sync_mode: mode.supportsPerFieldMode,
      supports_target_filters: mode.supportsTargetFilters,
    })),
    refreshed_at: readAt.toISOString(),
  };
}

/** One field of a target, as far as every version tells of it. */
export function toFieldBody(field: TargetFields['fields'][number]): z.output<typeof oldestTargetFieldSchema> {
  return {
    id: field.id,
    name: field.id,
    ...(field.description === null ? {} : { description: field.description }),
    type: field.type,
    source_type: field.remoteType,
    required: field.isRequired,
    createable: field.isCreateable,
    updateable: field.isUpdateable,
    filterable: field.isFilterable,
    association: field.isAssociation,
    supports_identity: field.identityFunctions.length > 0,
    identity_functions: field.identityFunctions.map((id) => ({ id, label: id })),
  };
}

/** What a destination can do, as far as every version tells of it. */
export function toPropertiesBody({ modes, canCreate }: TargetFields): z.output<typeof oldestTargetPropertiesSchema> {
  return {
    does_not_report_operation_counts: false,
    optional_target_mappings: true,
    requires_configuration: false,
    supports_field_creation: false,
    supports_field_type_selection: false,
    supports_target_filters: modes.some((mode) => mode.supportsTargetFilters),
    target_creator: canCreate,
    use_field_names_as_labels: true,
  };
}
