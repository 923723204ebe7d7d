import type {
  BulkSchemaBody,
  BulkSchemaListItemBody,
  PatchBulkSchemasRequest,
  SchemaSelectionRequest,
  UpdateBulkSchemaRequest,
} from '../../contract/index.ts';
import type {
  BulkSchemaView,
  FieldSelection,
  FilterInput,
  SchemaChange,
  SchemaSelection,
  WholeSchemaView,
} from '../../operations/index.ts';
import { toDate } from './bulk-syncs.ts';
import { withoutNulls } from './without-nulls.ts';

/** The selection of a create; null = every schema. */
export function toSelection(schemas: SchemaSelectionRequest): SchemaSelection[] | null {
  return schemas?.map(toSchemaSelection) ?? null;
}

type SchemaItem = NonNullable<SchemaSelectionRequest>[number];

function toSchemaSelection(item: SchemaItem): SchemaSelection {
  const schema = typeof item === 'string' ? { id: item } : item;
  const fields = (schema.fields ?? []).map((field) =>
    typeof field === 'string' ? { id: field } : { ...field, obfuscated: field.obfuscate },
  );
  return toReplacement(schema.id, { ...schema, fields });
}

type SchemaUpdate = NonNullable<UpdateBulkSchemaRequest>;

/** All options of one schema, defaults filled in. */
export function toReplacement(id: string, schema: SchemaUpdate): SchemaSelection {
  return {
    id,
    enabled: schema.enabled ?? true,
    fields: toFields(schema.fields),
    filters: toFilters(schema.filters),
    trackingField: emptyToNull(schema.tracking_field),
    partitionKey: emptyToNull(schema.partition_key),
    dataCutoffTimestamp: toDate(schema.data_cutoff_timestamp),
    disableDataCutoff: schema.disable_data_cutoff ?? false,
    userOutputName: emptyToNull(schema.user_output_name),
  };
}

type SchemaPatch = NonNullable<NonNullable<PatchBulkSchemasRequest>['schemas']>[number];

/** What a patch says of one schema: null takes an option back, what is left out stays. */
export function toSchemaChange(schema: SchemaPatch): SchemaChange {
  const { id, ...whole } = toReplacement(schema.id, schema);
  return {
    id,
    fields: whole.fields,
    ...(schema.enabled == null ? {} : { enabled: whole.enabled }),
    ...(schema.filters === undefined ? {} : { filters: whole.filters }),
    ...(schema.tracking_field === undefined ? {} : { trackingField: whole.trackingField }),
    ...(schema.partition_key === undefined ? {} : { partitionKey: whole.partitionKey }),
    ...(schema.data_cutoff_timestamp === undefined ? {} : { dataCutoffTimestamp: whole.dataCutoffTimestamp }),
    ...(schema.disable_data_cutoff === undefined ? {} : { disableDataCutoff: whole.disableDataCutoff }),
    ...(schema.user_output_name === undefined ? {} : { userOutputName: whole.userOutputName }),
  };
}

function toFields(fields: SchemaUpdate['fields']): FieldSelection[] {
  return (fields ?? []).map((field) => ({
    id: field.id,
    enabled: field.enabled ?? true,
    obfuscated: field.obfuscated ?? false,
    userOutputName: emptyToNull(field.user_output_name),
  }));
}

function toFilters(filters: SchemaUpdate['filters']): FilterInput[] {
  return (filters ?? []).map((filter) => ({
    fieldId: filter.field_id ?? null,
    function: filter.function,
    value: filter.value,
  }));
}

function emptyToNull(text: string | null | undefined): string | null {
  return text == null || text === '' ? null : text;
}

/** One schema of a sync in a list. */
export function toBulkSchemaListItem({ settings, outputName }: BulkSchemaView): BulkSchemaListItemBody {
  return {
    id: settings.schemaId,
    enabled: settings.enabled,
    data_cutoff_timestamp: settings.dataCutoffTimestamp?.toISOString() ?? null,
    disable_data_cutoff: settings.disableDataCutoff,
    ...withoutNulls({
      output_name: outputName,
      user_output_name: settings.userOutputName,
      tracking_field: settings.trackingField,
      partition_key: settings.partitionKey,
    }),
  };
}

/** One schema of a sync, whole. */
export function toBulkSchemaBody(view: WholeSchemaView): BulkSchemaBody {
  return {
    ...toBulkSchemaListItem(view),
    fields: view.fields.map((field) => ({
      id: field.id,
      enabled: field.isEnabled,
      obfuscated: field.isObfuscated,
      output_name: field.outputName,
      ...withoutNulls({ user_output_name: field.userOutputName }),
    })),
    filters: view.settings.filters.map((filter) => ({
      field_id: filter.fieldId,
      function: filter.function,
      value: filter.value,
    })),
  };
}
