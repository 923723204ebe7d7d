import { z } from 'zod';
import { MODEL_MODES } from '../core/index.ts';
import { envelope, idSchema, pickValueSchema, queryBooleanSchema, timestampSchema } from './common.ts';

/** An object that a model sync can write. */
const targetObjectSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    modes: z.array(
      z.object({
        id: z.enum(MODEL_MODES),
        requires_identity: z.boolean(),
        supports_per_field_mode: z.boolean(),
        supports_target_filters: z.boolean(),
      }),
    ),
  })
  .meta({ id: 'TargetObject' });

/** A property asked for when a target is created. */
const creationPropertySchema = z
  .object({ id: z.string(), title: z.string(), enum: z.boolean(), values: z.array(pickValueSchema).optional() })
  .meta({ id: 'TargetCreateInput' });

/** Targets, and beside them whether new ones can be made. */
export const targetObjectsEnvelope = z
  .object({
    data: z.array(targetObjectSchema),
    target_creation: z.object({ supported: z.boolean(), properties: z.array(creationPropertySchema) }),
  })
  .meta({ id: 'TargetObjectsResponseEnvelope' });

/** Query of the target objects. */
export const targetObjectsQuerySchema = z.object({
  include_target_creation_values: queryBooleanSchema
    .default(false)
    .describe('Whether creation properties come with their values.'),
});

/** One creation property with its values. */
export const creationPropertyEnvelope = envelope(creationPropertySchema);

/** Path of one creation property. */
export const creationPropertyParamsSchema = z.object({ id: idSchema, property: z.string() });

const targetModeSchema = z
  .object({
    mode: z.enum(MODEL_MODES),
    label: z.string(),
    description: z.string(),
    requires_identity: z.boolean(),
    supports_field_sync_mode: z.boolean(),
    supports_target_filters: z.boolean(),
  })
  .meta({ id: 'Mode' });

/** The fields of a target as version 2023-04-25 has them. */
export const oldestTargetFieldSchema = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  type: z.string(),
  source_type: z.string(),
  required: z.boolean(),
  createable: z.boolean(),
  updateable: z.boolean(),
  filterable: z.boolean(),
  association: z.boolean(),
  supports_identity: z.boolean(),
  identity_functions: z.array(z.object({ id: z.string(), label: z.string() })),
});

/** What a destination can do, as version 2023-04-25 has it. */
export const oldestTargetPropertiesSchema = z.object({
  does_not_report_operation_counts: z.boolean(),
  optional_target_mappings: z.boolean(),
  requires_configuration: z.boolean(),
  supports_field_creation: z.boolean(),
  supports_field_type_selection: z.boolean(),
  supports_target_filters: z.boolean(),
  target_creator: z.boolean(),
  use_field_names_as_labels: z.boolean(),
});

/** What else stands in the answer about a target. */
export const targetAnswers = {
  id: z.string(),
  name: z.string(),
  modes: z.array(targetModeSchema),
  refreshed_at: timestampSchema,
};

/** A target with its fields. */
export const targetFieldsEnvelope = envelope(
  z
    .object({
      ...targetAnswers,
      fields: z.array(oldestTargetFieldSchema.extend({ encryptable: z.boolean() }).meta({ id: 'TargetField' })),
      properties: oldestTargetPropertiesSchema
        .extend({
          mappings_not_required: z.boolean(),
          supports_field_encryption: z.boolean(),
          supports_identity_field_creation: z.boolean(),
        })
        .meta({ id: 'SyncDestinationProperties' }),
    })
    .meta({ id: 'TargetResponse' }),
);
export type TargetFieldsBody = z.infer<typeof targetFieldsEnvelope>['data'];

/** Which target; its fields are always read anew, so `refresh` asks for nothing more. */
export const targetFieldsQuerySchema = z.object({ target: z.string(), refresh: queryBooleanSchema.optional() });
