import {
  checkFilter,
  type FieldDescription,
  type FilterFunction,
  type SchemaDescription,
} from '../../../core/index.ts';
import type { NewBulkSyncSchema, SelectedField, SelectedFilter } from '../../../store/index.ts';
import { refuseField } from '../../refusals.ts';
import { type ColumnNaming, refuseColumnNames, refuseTableName } from './chosen-names.ts';

/** One schema of a selection as a user sends it. */
export interface SchemaSelection {
  readonly id: string;
  readonly enabled: boolean;
  /** Empty = all fields, later ones included. */
  readonly fields: readonly FieldSelection[];
  readonly filters: readonly FilterInput[];
  readonly trackingField: string | null;
  readonly partitionKey: string | null;
  readonly dataCutoffTimestamp: Date | null;
  readonly disableDataCutoff: boolean;
  readonly userOutputName: string | null;
}

/** One field of a selection. A field that a non-empty list leaves out is not selected. */
export interface FieldSelection {
  readonly id: string;
  readonly enabled: boolean;
  readonly obfuscated: boolean;
  readonly userOutputName: string | null;
}

/** A row filter as a user sends it. */
export interface FilterInput {
  readonly fieldId: string | null;
  readonly function: FilterFunction;
  readonly value: unknown;
}

/** What both ends can do with a selection. */
export interface SelectionRules {
  readonly supportsTrackingFields: boolean;
  readonly naming: ColumnNaming;
}

/**
 * The rows of a selection: one for every schema of the source, so that schemas which appear later can be told from
 * those that were left out.
 * @param selection null = every schema
 * @throws `REQUEST_REFUSED` naming a schema or field that the source does not have, or that cannot do what is asked
 */
export function resolveSelection(
  selection: readonly SchemaSelection[] | null,
  schemas: readonly SchemaDescription[],
  rules: SelectionRules,
): NewBulkSyncSchema[] {
  if (selection === null) return schemas.map((schema) => ({ schemaId: schema.id, enabled: true }));
  const rows = new Map<string, NewBulkSyncSchema>(
    schemas.map((schema) => [schema.id, { schemaId: schema.id, enabled: false }]),
  );
  const descriptions = new Map(schemas.map((schema) => [schema.id, schema]));
  const seen = new Set<string>();
  for (const [index, item] of selection.entries()) {
    const place = `schemas[${index}]`;
    const schema = descriptions.get(item.id);
    if (schema === undefined) throw refuseField(place, `the source has no schema "${item.id}"`, { schema: item.id });
    if (seen.has(item.id)) throw refuseField(place, `the schema "${item.id}" is named twice`, { schema: item.id });
    seen.add(item.id);
    rows.set(item.id, resolveSchema(item, schema, rules, `${place}.`));
  }
  return [...rows.values()];
}

/**
 * The row of one selected schema.
 * @param prefix what stands before its options in the names of the request's fields: `schemas[0].`, or nothing
 * @throws `REQUEST_REFUSED` naming the first option that does not fit the schema
 */
export function resolveSchema(
  item: SchemaSelection,
  schema: SchemaDescription,
  rules: SelectionRules,
  prefix: string,
): NewBulkSyncSchema {
  const tracking = findTrackingField(item, schema, rules, prefix);
  if (item.partitionKey !== null) {
    throw refuseField(`${prefix}partition_key`, 'this destination does not partition tables; leave it out');
  }
  checkCutoff(item, tracking, prefix);
  if (item.userOutputName !== null) {
    refuseTableName(item.userOutputName, rules.naming, `${prefix}user_output_name`);
  }
  return {
    schemaId: item.id,
    enabled: item.enabled,
    fields: toFieldsColumn(item, schema, rules, prefix),
    filters: JSON.stringify(
      item.filters.map((filter, index) => resolveFilter(filter, schema, `${prefix}filters[${index}]`)),
    ),
    trackingField: item.trackingField,
    partitionKey: null,
    dataCutoffTimestamp: item.dataCutoffTimestamp,
    disableDataCutoff: item.disableDataCutoff,
    userOutputName: item.userOutputName,
  };
}

function findTrackingField(
  item: SchemaSelection,
  schema: SchemaDescription,
  rules: SelectionRules,
  prefix: string,
): FieldDescription | null {
  if (item.trackingField === null) return null;
  const name = `${prefix}tracking_field`;
  if (!rules.supportsTrackingFields)
    throw refuseField(name, 'this source does not support tracking fields; leave it out');
  const field = findField(schema, item.trackingField, name);
  if (field.canTrack) return field;
  const reason =
    field.userPath === undefined
      ? 'its values are not ordered, or the database computes them'
      : 'it is a field that was added to the schema';
  throw refuseField(name, `"${item.trackingField}" of ${schema.id} cannot show changes: ${reason}`, {
    schema: schema.id,
  });
}

/** A cutoff is compared with the time by which changes are found; there is no other that says how old a record is. */
function checkCutoff(item: SchemaSelection, tracking: FieldDescription | null, prefix: string): void {
  if (item.dataCutoffTimestamp === null || item.disableDataCutoff || tracking?.type === 'datetime') return;
  const what = tracking === null ? 'has none' : `has "${tracking.id}", which is no time`;
  throw refuseField(
    `${prefix}data_cutoff_timestamp`,
    `a cutoff is compared with the schema's tracking field, and ${item.id} ${what}; set a tracking_field that holds times, or leave the cutoff out`,
    { schema: item.id },
  );
}

/** Every field of the schema is written down, so that fields which appear later can be told from those left out. */
function toFieldsColumn(
  item: SchemaSelection,
  schema: SchemaDescription,
  rules: SelectionRules,
  prefix: string,
): string | null {
  if (item.fields.length === 0) return null;
  const chosen = new Map<string, FieldSelection>();
  for (const [index, field] of item.fields.entries()) {
    const name = `${prefix}fields[${index}]`;
    findField(schema, field.id, name);
    if (chosen.has(field.id)) throw refuseField(name, `the field "${field.id}" of ${schema.id} is named twice`);
    chosen.set(field.id, field);
  }
  const selected: SelectedField[] = schema.fields.map(({ id }) => ({
    id,
    enabled: chosen.get(id)?.enabled ?? false,
    obfuscated: chosen.get(id)?.obfuscated ?? false,
    userOutputName: chosen.get(id)?.userOutputName ?? null,
  }));
  if (item.enabled && !selected.some((field) => field.enabled)) {
    throw refuseField(
      `${prefix}fields`,
      `no field of ${schema.id} is enabled; fields that the list leaves out are not synced`,
    );
  }
  refuseColumnNames(schema, selected, rules.naming, (fieldId) => {
    const index = item.fields.findIndex(({ id }) => id === fieldId);
    return `${prefix}fields[${index}].user_output_name`;
  });
  return JSON.stringify(selected);
}

function resolveFilter(filter: FilterInput, schema: SchemaDescription, place: string): SelectedFilter {
  if (filter.fieldId === null) throw refuseField(`${place}.field_id`, 'a filter needs a field');
  const field = findField(schema, filter.fieldId, `${place}.field_id`);
  const misfit = checkFilter(field, { field: field.id, function: filter.function, value: filter.value });
  if (misfit === null) return { fieldId: filter.fieldId, function: filter.function, value: filter.value };
  throw refuseField(place, `the filter on "${field.id}" of ${schema.id} does not fit: ${misfit.replace(/\.$/, '')}`, {
    schema: schema.id,
    filteredField: field.id,
  });
}

function findField(schema: SchemaDescription, id: string, place: string): FieldDescription {
  const field = schema.fields.find((candidate) => candidate.id === id);
  if (field !== undefined) return field;
  throw refuseField(place, `the schema ${schema.id} has no field "${id}"`, { schema: schema.id, missing: id });
}
