import type { CreationProperty, TargetObject } from '../../operations/index.ts';

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
