import { z } from 'zod';
import { FIELD_TYPES } from '../core/index.ts';
import { envelope, idSchema, pickValueSchema, recordSchema, timestampSchema } from './common.ts';

/** A foreign key seen from its field. */
const associationSchema = z
  .object({ id: z.string(), name: z.string(), reference_to: z.array(z.string()), referenced_field: z.string() })
  .meta({ id: 'SchemaAssociation' });

/** One field of a source's schema. */
export const schemaFieldSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    path: z.string(),
    type: z.enum(FIELD_TYPES),
    remote_type: z.string(),
    is_primary_key: z.boolean(),
    user_managed: z.boolean(),
    association: associationSchema.nullable(),
    values: z.array(pickValueSchema).optional(),
  })
  .meta({ id: 'SchemaField' });

/** One table or object of a source; `fields` is absent when they were not asked for. */
export const sourceSchemaSchema = z
  .object({ id: z.string(), name: z.string(), fields: z.array(schemaFieldSchema).optional() })
  .meta({ id: 'Schema' });
export type SourceSchemaBody = z.infer<typeof sourceSchemaSchema>;

/** One schema. */
export const sourceSchemaEnvelope = envelope(sourceSchemaSchema);

/** How fresh the cache of schemas is: `none`, `refreshing`, `fresh` or `failed`. */
export const schemaStatusSchema = z
  .object({
    cache_status: z.string(),
    last_refresh_started: timestampSchema.nullable(),
    last_refresh_finished: timestampSchema.nullable(),
  })
  .meta({ id: 'BulkSyncSourceStatus' });

/** State of the cache. */
export const schemaStatusEnvelope = envelope(schemaStatusSchema);

/** A few records, by field id. */
export const recordsEnvelope = envelope(z.array(recordSchema));

/** Path of what belongs to one schema of a connection. */
export const schemaParamsSchema = z.object({ id: idSchema, schema_id: z.string() });

/** Path of one field of a schema. */
export const fieldParamsSchema = z.object({ id: idSchema, schema_id: z.string(), field_id: z.string() });

/** Fields that a user adds, or replaces by id; the batch is taken whole or not at all. */
export const upsertFieldsRequestSchema = z
  .strictObject({
    fields: z
      .array(
        z
          .strictObject({
            field_id: z.string(),
            label: z.string(),
            type: z.string(),
            path: z.string().nullish(),
            example: z.unknown().optional(),
          })
          .meta({ id: 'UserFieldRequest' }),
      )
      .nullish(),
  })
  .meta({ id: 'UpsertSchemaFieldRequest' })
  .nullish();

export const patchFieldRequestSchema = z
  .strictObject({
    label: z.string().nullish(),
    type: z.string().nullish(),
    path: z.string().nullish(),
    example: z.unknown().optional(),
    definition: z.unknown().optional(),
  })
  .meta({ id: 'PatchSchemaFieldRequest' })
  .nullish();

/** The key that a user sets, whole. */
export const setPrimaryKeysRequestSchema = z
  .strictObject({
    fields: z
      .array(
        z
          .strictObject({ field_id: z.string(), is_primary_key: z.boolean() })
          .meta({ id: 'SchemaPrimaryKeyOverrideInput' }),
      )
      .nullish(),
  })
  .meta({ id: 'SetPrimaryKeysRequest' })
  .nullish();

/** An accepted request that has nothing to tell yet. */
export const acceptedSchema = z.object({});
