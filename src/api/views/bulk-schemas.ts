import type { BulkSchemaBody, BulkSchemaListItemBody, SchemaSelectionRequest } from '../../contract/index.ts';
import type { BulkFieldView, BulkSchemaView, SchemaSelection } from '../../operations/index.ts';
import { toDate } from './bulk-syncs.ts';
import { withoutNulls } from './without-nulls.ts';

/** The selection of a create; null = every schema. */
export function toSelection(schemas: SchemaSelectionRequest): SchemaSelection[] | null {
  return schemas?.map(toSchemaSelection) ?? null;
}

type SchemaItem = NonNullable<SchemaSelectionRequest>[number];

function toSchemaSelection(item: SchemaItem): SchemaSelection {
  const schema = typeof item === 'string' ? { id: item } : item;
  return {
    id: schema.id,
    enabled: schema.enabled ?? true,
    fields: (schema.fields ?? []).map((field) =>
      typeof field === 'string'
        ? { id: field, enabled: true, obfuscated: false }
        : { id: field.id, enabled: field.enabled ?? true, obfuscated: field.obfuscate ?? false },
    ),
    filters: (schema.filters ?? []).map((filter) => ({
      fieldId: filter.field_id ?? null,
      function: filter.function,
      value: filter.value,
    })),
    trackingField: emptyToNull(schema.tracking_field),
    partitionKey: emptyToNull(schema.partition_key),
    dataCutoffTimestamp: toDate(schema.data_cutoff_timestamp),
    disableDataCutoff: schema.disable_data_cutoff ?? false,
  };
}

function emptyToNull(text: string | null | undefined): string | null {
  return text == null || text === '' ? null : text;
}

/** One schema of a sync in a list. */
export function toBulkSchemaListItem({ record, outputName }: BulkSchemaView): BulkSchemaListItemBody {
  return {
    id: record.schemaId,
    enabled: record.enabled,
    data_cutoff_timestamp: record.dataCutoffTimestamp?.toISOString() ?? null,
    disable_data_cutoff: record.disableDataCutoff,
    ...withoutNulls({
      output_name: outputName,
      user_output_name: record.userOutputName,
      tracking_field: record.trackingField,
      partition_key: record.partitionKey,
    }),
  };
}

/** One schema of a sync, whole. */
export function toBulkSchemaBody(view: BulkSchemaView & { readonly fields: readonly BulkFieldView[] }): BulkSchemaBody {
  return {
    ...toBulkSchemaListItem(view),
    fields: view.fields.map((field) => ({
      id: field.id,
      enabled: field.isEnabled,
      obfuscated: field.isObfuscated,
      output_name: field.outputName,
      ...withoutNulls({ user_output_name: field.userOutputName }),
    })),
    filters: view.record.filters.map((filter) => ({
      field_id: filter.fieldId,
      function: filter.function,
      value: filter.value,
    })),
  };
}
