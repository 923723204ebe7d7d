import {
  checkFilter,
  type FilterFunction,
  type LogicalType,
  listFilterLabels,
  type ModelField,
  type ModelFieldReference,
  type ModelSyncFilter,
  type ModelSyncOverride,
  parseFilterLogic,
  SyncError,
  toFilterLabel,
} from '../../core/index.ts';
import { refuseField } from '../refusals.ts';
import type { GivenFilter, GivenOverride, ModelSyncInput } from './input.ts';
import { findField, findFieldById, type SyncModels } from './models.ts';
import { type OpenTarget, requireTargetField } from './target.ts';

/** What the API's types mean to a filter; `unknown` takes every function. */
const LOGICAL_TYPES: Readonly<Record<Exclude<ModelField['type'], 'unknown'>, LogicalType>> = {
  string: { kind: 'text' },
  number: { kind: 'text' },
  boolean: { kind: 'boolean' },
  datetime: { kind: 'timestamptz' },
  array: { kind: 'json' },
  object: { kind: 'json' },
  binary: { kind: 'bytes' },
};

/** The filters with their labels. @throws `REQUEST_REFUSED` naming the filter, or the logic, that does not fit */
export function checkFilters(input: ModelSyncInput, models: SyncModels, target: OpenTarget): ModelSyncFilter[] {
  const filters = input.filters.map((given, index) => {
    const label = toFilterLabel(index);
    const place = `filters[${index}]`;
    return given.side === 'Target'
      ? toTargetFilter(given, { label, place }, target)
      : toModelFilter(given, { label, place }, models);
  });
  checkLogic(input.filterLogic, 'filter_logic', filters, 'Model');
  checkLogic(input.target.filterLogic, 'target.filter_logic', filters, 'Target');
  return filters;
}

/** The conditional values with their fields. @throws `REQUEST_REFUSED` naming the one that does not fit */
export function checkOverrides(overrides: readonly GivenOverride[], models: SyncModels): ModelSyncOverride[] {
  return overrides.map((given, index) => {
    const place = `overrides[${index}]`;
    if (given.function === null) throw refuseField(`${place}.function`, 'it is required');
    if (given.override === undefined)
      throw refuseField(`${place}.override`, 'it is required: the value to write where the condition holds');
    // The other way round than in a filter.
    const { reference, field } = resolveField(
      { ...given, field: given.fieldId === null ? given.field : null },
      place,
      models,
    );
    checkCondition(field, given.function, given.value, place);
    return {
      field: reference,
      fieldId: field.id,
      function: given.function,
      ...(given.value === undefined ? {} : { value: given.value }),
      override: given.override,
    };
  });
}

interface Place {
  readonly label: string;
  readonly place: string;
}

function toModelFilter(given: GivenFilter, { label, place }: Place, models: SyncModels): ModelSyncFilter {
  const { reference, field } = resolveField(given, place, models);
  checkCondition(field, given.function, given.value, place);
  return {
    side: 'Model',
    field: reference,
    fieldId: field.id,
    function: given.function,
    ...(given.value === undefined ? {} : { value: given.value }),
    label,
  };
}

function toTargetFilter(given: GivenFilter, { label, place }: Place, target: OpenTarget): ModelSyncFilter {
  const { mode, fields } = target;
  if (mode.id !== 'update' || !mode.supportsTargetFilters) {
    throw refuseField(
      `${place}.field_type`,
      'a filter on the records of the target needs mode "update" and a target that supports it',
    );
  }
  const id = given.field?.field ?? given.fieldId;
  if (id === null) throw refuseField(`${place}.field_id`, 'name the field of the target');
  const field = requireTargetField(target, id, `${place}.field_id`);
  if (fields !== null && field?.isFilterable !== true)
    throw refuseField(`${place}.field_id`, `the target cannot filter by "${id}"`);
  return {
    side: 'Target',
    field: null,
    fieldId: id,
    function: given.function,
    ...(given.value === undefined ? {} : { value: given.value }),
    label,
  };
}

function resolveField(
  given: Pick<GivenFilter, 'field' | 'fieldId'>,
  place: string,
  models: SyncModels,
): { readonly reference: ModelFieldReference; readonly field: ModelField } {
  if (given.field !== null) {
    const model = models.get(given.field.modelId);
    const field = model === undefined ? undefined : findField(model, given.field.field);
    if (field === undefined) throw refuseField(`${place}.field`, 'it names no field of a model');
    return { reference: given.field, field };
  }
  if (given.fieldId === null) throw refuseField(place, 'needs `field` or `field_id`');
  const found = findFieldById(models, given.fieldId);
  if (found === undefined) {
    const names = [...models.values()].map(({ name }) => `"${name}"`).join(', ');
    throw refuseField(`${place}.field_id`, `no field of ${names} has the id "${given.fieldId}"`);
  }
  return { reference: { modelId: found.model.id, field: found.field.name }, field: found.field };
}

function checkCondition(field: ModelField, name: FilterFunction, value: unknown, place: string): void {
  if (field.type === 'unknown') return;
  const filtered = {
    type: field.type,
    logicalType: LOGICAL_TYPES[field.type],
    remoteType: field.remoteType ?? field.type,
  };
  const fault = checkFilter(filtered, { field: field.name, function: name, value });
  if (fault !== null) throw refuseField(place, fault.replace(/\.$/, ''));
}

/** Every filter must be asked for by the logic: one that is left out would be there for nothing. */
function checkLogic(
  text: string | null,
  place: string,
  filters: readonly ModelSyncFilter[],
  side: ModelSyncFilter['side'],
): void {
  if (text === null) return;
  const labels = filters.filter((filter) => filter.side === side).map(({ label }) => label);
  const named = readLabels(text, place);
  const unknown = named.find((label) => !labels.includes(label));
  if (unknown !== undefined) {
    const known = labels.length === 0 ? 'there are none' : `there are ${labels.join(', ')}`;
    throw refuseField(place, `no filter has the label ${unknown}; ${known}`);
  }
  const forgotten = labels.filter((label) => !named.includes(label));
  if (forgotten.length > 0)
    throw refuseField(place, `it leaves out ${forgotten.join(', ')}; name every filter, or take it away`);
}

function readLabels(text: string, place: string): readonly string[] {
  try {
    return listFilterLabels(parseFilterLogic(text));
  } catch (error) {
    if (error instanceof SyncError && error.code === 'FILTER_MISFIT') throw refuseField(place, error.message);
    throw error;
  }
}
