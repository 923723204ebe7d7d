import { z } from 'zod';
import { FILTER_FUNCTIONS } from '../core/index.ts';
import { idSchema, jsonQuerySchema, storedTimestampSchema, timestampSchema } from './common.ts';

/** What a filter asks of a field. */
export const filterFunctionSchema = z.enum(FILTER_FUNCTIONS).meta({ id: 'FilterFunction' });

/** `value` is any JSON: a text, a list for `StringOneOf`, `"48 hours ago"` for `RelativeOnOrAfter`. */
const filterFields = { field_id: z.string().optional(), function: filterFunctionSchema, value: z.unknown().optional() };

const fieldConfigurationSchema = z
  .strictObject({ id: z.string(), enabled: z.boolean().nullish(), obfuscate: z.boolean().nullish() })
  .meta({ id: 'FieldConfiguration' });

/** One schema of the selection in a create: no `fields` = all of them, later ones included. */
const schemaConfigurationSchema = z
  .strictObject({
    id: z.string(),
    enabled: z.boolean().nullish(),
    fields: z.array(z.union([z.string(), fieldConfigurationSchema])).nullish(),
    filters: z.array(z.strictObject(filterFields)).nullish(),
    tracking_field: z.string().nullish(),
    partition_key: z.string().nullish(),
    data_cutoff_timestamp: storedTimestampSchema.nullish(),
    disable_data_cutoff: z.boolean().nullish(),
  })
  .meta({ id: 'SchemaConfiguration' });

/** The selection of a create: null or absent = every schema, `[]` = none; ids and configurations may be mixed. */
export const schemaSelectionSchema = z.array(z.union([z.string(), schemaConfigurationSchema])).nullish();
export type SchemaSelectionRequest = z.infer<typeof schemaSelectionSchema>;

const updateFields = {
  id: z.string(),
  enabled: z.boolean().nullish(),
  obfuscated: z.boolean().nullish(),
  user_output_name: z.string().nullish(),
};

/** What a change may say of a schema, beside its fields. */
const updateOptions = {
  enabled: z.boolean().nullish(),
  filters: z.array(z.strictObject(filterFields)).nullish(),
  tracking_field: z.string().nullish(),
  partition_key: z.string().nullish(),
  data_cutoff_timestamp: storedTimestampSchema.nullish(),
  disable_data_cutoff: z.boolean().nullish(),
  user_output_name: z.string().nullish(),
};

/** All options of one schema: what is left out goes back to its default, no `fields` = all of them. */
export const updateBulkSchemaRequestSchema = z
  .strictObject({
    ...updateOptions,
    fields: z.array(z.strictObject(updateFields).meta({ id: 'UpdateBulkField' })).nullish(),
  })
  .meta({ id: 'UpdateBulkSchema' })
  .nullish();
export type UpdateBulkSchemaRequest = z.infer<typeof updateBulkSchemaRequestSchema>;

/** Effective names are answers; they are taken so that an answer can be sent back, and do nothing. */
const patchFieldSchema = z.strictObject({ ...updateFields, output_name: z.string().nullish() });

/** Some schemas: options that are left out stay, but no `fields` = all of them. */
export const patchBulkSchemasRequestSchema = z
  .strictObject({
    schemas: z
      .array(
        z.strictObject({
          id: z.string(),
          ...updateOptions,
          fields: z.array(patchFieldSchema).nullish(),
          output_name: z.string().nullish(),
        }),
      )
      .nullish(),
  })
  .meta({ id: 'UpdateBulkSyncSchemasRequest' })
  .nullish();
export type PatchBulkSchemasRequest = z.infer<typeof patchBulkSchemasRequestSchema>;

/** One JSON object as text: `{"enabled": "true", "id": "orders"}`. */
export const listBulkSchemasQuerySchema = z.object({
  filters: jsonQuerySchema(
    z.strictObject({ enabled: z.enum(['true', 'false']).optional(), id: z.string().optional() }),
  ).optional(),
});

const bulkFieldSchema = z
  .object({
    id: z.string(),
    enabled: z.boolean(),
    obfuscated: z.boolean(),
    output_name: z.string(),
    user_output_name: z.string().optional(),
  })
  .meta({ id: 'BulkField' });

const bulkFilterSchema = z.object(filterFields).meta({ id: 'BulkFilter' });

/** `output_name` is absent while a schema is not enabled. */
const schemaAnswers = {
  id: z.string(),
  enabled: z.boolean(),
  output_name: z.string().optional(),
  user_output_name: z.string().optional(),
  tracking_field: z.string().optional(),
  partition_key: z.string().optional(),
  data_cutoff_timestamp: timestampSchema.nullable(),
  disable_data_cutoff: z.boolean(),
};

/** One schema of a sync in a list: without its fields and filters. */
export const bulkSchemaListItemSchema = z.object(schemaAnswers).meta({ id: 'BulkSchemaListItem' });
export type BulkSchemaListItemBody = z.infer<typeof bulkSchemaListItemSchema>;

/** One schema of a sync, whole. */
export const bulkSchemaSchema = z
  .object({ ...schemaAnswers, fields: z.array(bulkFieldSchema), filters: z.array(bulkFilterSchema) })
  .meta({ id: 'BulkSchema' });
export type BulkSchemaBody = z.infer<typeof bulkSchemaSchema>;

/** Path of one schema of a sync. */
export const bulkSchemaParamsSchema = z.object({ id: idSchema, schema_id: z.string() });
