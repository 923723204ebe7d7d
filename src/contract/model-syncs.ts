import { z } from 'zod';
import { FILTER_SIDES, IDENTITY_FUNCTIONS, MODEL_MODES } from '../core/index.ts';
import { frequencySchema } from './bulk-schedules.ts';
import { filterFunctionSchema } from './bulk-schemas.ts';
import { actorSchema, idSchema, jsonObjectSchema, queryBooleanSchema, timestampSchema } from './common.ts';
import { timePartAnswers, timePartRequests } from './time-parts.ts';

/** What a model sync does to its target's records. */
const modelModeSchema = z.enum(MODEL_MODES).meta({ id: 'ModelsyncSyncTargetMode' });
const identityFunctionSchema = z.enum(IDENTITY_FUNCTIONS).meta({ id: 'SchemaIdentityFunction' });
const filterSideSchema = z.enum(FILTER_SIDES).meta({ id: 'FilterFieldReferenceType' });

const nameSchema = z.string().trim().min(1, 'must not be empty').max(255, 'must have at most 255 characters');
const sourceRequest = z.strictObject({ field: z.string(), model_id: idSchema });

/** Clients send what they do not use as null. `override_value` makes `source` ignored. */
const fieldRequest = z.strictObject({
  source: sourceRequest.nullish(),
  target: z.string(),
  sync_mode: z.string().nullish(),
  new: z.boolean().nullish(),
  override_value: z.string().nullish(),
  encryption_enabled: z.boolean().nullish(),
});

const identityRequest = z.strictObject({
  source: sourceRequest,
  target: z.string(),
  function: identityFunctionSchema,
  new_field: z.boolean().nullish(),
  remote_field_type_id: z.string().nullish(),
});

/** `field` wins over `field_id`; a `label` that is sent is ignored. `value` is any JSON. */
const filterRequest = z.strictObject({
  field: sourceRequest.nullish(),
  field_id: z.string().nullish(),
  field_type: filterSideSchema.nullish(),
  function: filterFunctionSchema,
  value: z.unknown().optional(),
  label: z.string().nullish(),
});

/** `field_id` wins over `field`: the other way round than in a filter. */
const overrideRequest = z.strictObject({
  field: sourceRequest.nullish(),
  field_id: z.string().nullish(),
  function: filterFunctionSchema.nullish(),
  value: z.unknown().optional(),
  override: z.unknown().optional(),
});

const targetRequest = z.strictObject({
  connection_id: idSchema,
  object: z.string().nullish(),
  create: z.record(z.string(), z.string()).nullish(),
  configuration: jsonObjectSchema.nullish(),
  filter_logic: z.string().nullish(),
  new_name: z.string().nullish(),
  search_values: jsonObjectSchema.nullish(),
});

const scheduleRequest = z.strictObject({
  frequency: frequencySchema.nullish(),
  ...timePartRequests,
  run_after: z
    .strictObject({ sync_ids: z.array(idSchema).nullish(), bulk_sync_ids: z.array(idSchema).nullish() })
    .nullish(),
  run_after_success_only: z.boolean().nullish(),
  connection_id: idSchema.nullish(),
  job_id: z.int().nullish(),
});

const requestFields = {
  name: nameSchema,
  mode: modelModeSchema,
  target: targetRequest,
  fields: z.array(fieldRequest),
  schedule: scheduleRequest,
  active: z.boolean().nullish(),
  identity: identityRequest.nullish(),
  filters: z.array(filterRequest).nullish(),
  filter_logic: z.string().nullish(),
  override_fields: z.array(fieldRequest).nullish(),
  overrides: z.array(overrideRequest).nullish(),
  sync_all_records: z.boolean().nullish(),
  skip_initial_backfill: z.boolean().nullish(),
  only_enrich_updates: z.boolean().nullish(),
  encryption_passphrase: z.string().nullish(),
  policies: z.array(idSchema).nullish(),
  organization_id: idSchema.nullish(),
};

export const createModelSyncRequestSchema = z.strictObject(requestFields).meta({ id: 'CreateSyncRequest' });

/** A full replacement, but for a passphrase that is not sent: it stays. */
export const updateModelSyncRequestSchema = z.strictObject(requestFields).meta({ id: 'UpdateSyncRequest' });
export type ModelSyncRequest = z.infer<typeof createModelSyncRequestSchema>;

const sourceAnswer = z.object({ field: z.string(), model_id: idSchema });

const fieldAnswer = z
  .object({
    source: sourceAnswer.optional(),
    target: z.string(),
    sync_mode: z.string().optional(),
    new: z.boolean(),
    override_value: z.string().optional(),
    encryption_enabled: z.boolean(),
  })
  .meta({ id: 'SyncField' });

const scheduleAnswer = z.object({
  frequency: frequencySchema,
  ...timePartAnswers,
  run_after: z.object({ sync_ids: z.array(idSchema), bulk_sync_ids: z.array(idSchema) }).optional(),
  run_after_success_only: z.boolean().optional(),
});

const sharedAnswers = {
  id: idSchema,
  organization_id: idSchema,
  name: z.string(),
  active: z.boolean(),
  mode: modelModeSchema,
  model_ids: z.array(idSchema),
  schedule: scheduleAnswer,
  sync_all_records: z.boolean(),
  skip_initial_backfill: z.boolean(),
  only_enrich_updates: z.boolean(),
  created_at: timestampSchema,
  created_by: actorSchema,
  updated_at: timestampSchema,
  updated_by: actorSchema,
};

/** One model sync with everything that was set; the passphrase is never answered. */
export const modelSyncSchema = z
  .object({
    ...sharedAnswers,
    target: z.object({
      connection_id: idSchema,
      object: z.string().optional(),
      create: z.record(z.string(), z.string()).optional(),
      configuration: jsonObjectSchema.optional(),
      filter_logic: z.string().optional(),
    }),
    identity: z
      .object({
        source: sourceAnswer,
        target: z.string(),
        function: identityFunctionSchema,
        new_field: z.boolean(),
        remote_field_type_id: z.string().optional(),
      })
      .optional(),
    fields: z.array(fieldAnswer),
    override_fields: z.array(fieldAnswer),
    filters: z.array(
      z.object({
        field: sourceAnswer.optional(),
        field_id: z.string(),
        field_type: filterSideSchema,
        function: filterFunctionSchema,
        value: z.unknown().optional(),
        label: z.string(),
      }),
    ),
    filter_logic: z.string().optional(),
    overrides: z.array(
      z.object({
        field: sourceAnswer,
        field_id: z.string(),
        function: filterFunctionSchema,
        value: z.unknown().optional(),
        override: z.unknown().optional(),
      }),
    ),
    policies: z.array(idSchema),
  })
  .meta({ id: 'SyncResponse' });
export type ModelSyncBody = z.infer<typeof modelSyncSchema>;

/** One of a list: without fields, filters, overrides and identity. `target_object` may still have to be made. */
export const modelSyncListItemSchema = z
  .object({ ...sharedAnswers, target_connection_id: idSchema, target_object: z.string() })
  .meta({ id: 'ListSyncItem' });
export type ModelSyncListItemBody = z.infer<typeof modelSyncListItemSchema>;

/** `limit` outside 1 to 50 means 50. */
export const listModelSyncsQuerySchema = z.object({
  active: queryBooleanSchema.optional(),
  mode: modelModeSchema.optional(),
  target_connection_id: idSchema.optional(),
  page_token: z.string().optional(),
  limit: z.coerce.number().int().optional(),
});

/** What a form has to ask for each frequency. */
export const scheduleOptionsSchema = z.object({
  schedule_options: z.array(
    z.object({
      frequency: frequencySchema,
      label: z.string(),
      description: z.string(),
      configuration: jsonObjectSchema,
    }),
  ),
});
