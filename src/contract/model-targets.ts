import { z } from 'zod';
import { MODEL_MODES } from '../core/index.ts';
import { envelope, idSchema, pickValueSchema, queryBooleanSchema } from './common.ts';

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
