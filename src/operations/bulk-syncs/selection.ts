import type { FieldDescription, FilterFunction, SchemaDescription } from '../../core/index.ts';
import type { NewBulkSyncSchema, SelectedField, SelectedFilter } from '../../store/index.ts';
import { refuseField } from '../refusals.ts';

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
}

/** One field of a selection. A field that a non-empty list leaves out is not selected. */
export interface FieldSelection {
  readonly id: string;
  readonly enabled: boolean;
  readonly obfuscated: boolean;
}

/** A row filter as a user sends it. */
export interface FilterInput {
  readonly fieldId: string | null;
  readonly function: FilterFunction;
  readonly value: unknown;
}

/** What the source can do with a selection. */
export interface SelectionRules {
  readonly supportsTrackingFields: boolean;
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
    rows.set(item.id, resolveSchema(item, schema, rules, place));
  }
  return [...rows.values()];
}

function resolveSchema(
  item: SchemaSelection,
  schema: SchemaDescription,
  rules: SelectionRules,
  place: string,
): NewBulkSyncSchema {
  checkTrackingField(item, schema, rules, place);
  if (item.partitionKey !== null) {
    throw refuseField(`${place}.partition_key`, 'this destination does not partition tables; leave it out');
  }
  return {
    schemaId: item.id,
    enabled: item.enabled,
    fields: toFieldsColumn(item, schema, place),
    filters: JSON.stringify(
      item.filters.map((filter, index) => resolveFilter(filter, schema, `${place}.filters[${index}]`)),
    ),
    trackingField: item.trackingField,
    dataCutoffTimestamp: item.dataCutoffTimestamp,
    disableDataCutoff: item.disableDataCutoff,
  };
}

function checkTrackingField(
  item: SchemaSelection,
  schema: SchemaDescription,
  rules: SelectionRules,
  place: string,
): void {
  if (item.trackingField === null) return;
  const name = `${place}.tracking_field`;
  if (!rules.supportsTrackingFields)
    throw refuseField(name, 'this source does not support tracking fields; leave it out');
  if (!findField(schema, item.trackingField, name).canTrack) {
    throw refuseField(
      name,
      `"${item.trackingField}" of ${schema.id} cannot show changes: its values are not ordered, or the database computes them`,
      { schema: schema.id },
    );
  }
}

/** Every field of the schema is written down, so that fields which appear later can be told from those left out. */
function toFieldsColumn(item: SchemaSelection, schema: SchemaDescription, place: string): string | null {
  if (item.fields.length === 0) return null;
  const chosen = new Map<string, FieldSelection>();
  for (const [index, field] of item.fields.entries()) {
    const name = `${place}.fields[${index}]`;
    findField(schema, field.id, name);
    if (chosen.has(field.id)) throw refuseField(name, `the field "${field.id}" of ${schema.id} is named twice`);
    chosen.set(field.id, field);
  }
  const selected: SelectedField[] = schema.fields.map(({ id }) => ({
    id,
    enabled: chosen.get(id)?.enabled ?? false,
    obfuscated: chosen.get(id)?.obfuscated ?? false,
    userOutputName: null,
  }));
  if (item.enabled && !selected.some((field) => field.enabled)) {
    throw refuseField(
      `${place}.fields`,
      `no field of ${schema.id} is enabled; fields that the list leaves out are not synced`,
    );
  }
  return JSON.stringify(selected);
}

function resolveFilter(filter: FilterInput, schema: SchemaDescription, place: string): SelectedFilter {
  if (filter.fieldId === null) throw refuseField(`${place}.field_id`, 'a filter needs a field');
  findField(schema, filter.fieldId, `${place}.field_id`);
  return { fieldId: filter.fieldId, function: filter.function, value: filter.value };
}

function findField(schema: SchemaDescription, id: string, place: string): FieldDescription {
  const field = schema.fields.find((candidate) => candidate.id === id);
  if (field !== undefined) return field;
  throw refuseField(place, `the schema ${schema.id} has no field "${id}"`, { schema: schema.id, missing: id });
}
