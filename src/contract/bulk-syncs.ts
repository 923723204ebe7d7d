import { z } from 'zod';
import { AUTO_ADD_RULES, BULK_MODES, NAME_RULES, RECEIPT_DEPTHS } from '../core/index.ts';
import {
  additionalScheduleRequestSchema,
  additionalScheduleSchema,
  defaultScheduleRequestSchema,
  defaultScheduleSchema,
} from './bulk-schedules.ts';
import { schemaSelectionSchema } from './bulk-schemas.ts';
import {
  actorSchema,
  idSchema,
  jsonObjectSchema,
  queryBooleanSchema,
  storedTimestampSchema,
  timestampSchema,
} from './common.ts';

const modeSchema = z.enum(BULK_MODES).meta({ id: 'BulkSyncTargetMode' });
const autoAddSchema = z.enum(AUTO_ADD_RULES).meta({ id: 'BulkDiscover' });
const nameRuleSchema = z.enum(NAME_RULES).meta({ id: 'BulkNormalizeNames' });

const bulkSyncRequestFields = {
  name: z.string().trim().min(1, 'must not be empty').max(255, 'must have at most 255 characters'),
  mode: modeSchema,
  source_connection_id: idSchema,
  source_configuration: jsonObjectSchema.nullish(),
  destination_connection_id: idSchema,
  destination_configuration: jsonObjectSchema,
  default_schedule: defaultScheduleRequestSchema,
  additional_schedules: z.array(additionalScheduleRequestSchema).max(100).nullish(),
  active: z.boolean().nullish(),
  automatically_add_new_fields: autoAddSchema.nullish(),
  automatically_add_new_objects: autoAddSchema.nullish(),
  normalize_names: nameRuleSchema.nullish(),
  disable_record_timestamps: z.boolean().nullish(),
  data_cutoff_timestamp: storedTimestampSchema.nullish(),
  concurrency_limit: z.int().nullish(),
  resync_concurrency_limit: z.int().nullish(),
  policies: z.array(idSchema).nullish(),
  organization_id: idSchema.nullish(),
  schemas: schemaSelectionSchema,
};

export const createBulkSyncRequestSchema = z.strictObject(bulkSyncRequestFields).meta({ id: 'CreateBulkSyncRequest' });

/** A full replacement; `schemas` is taken and does nothing. */
export const updateBulkSyncRequestSchema = z.strictObject(bulkSyncRequestFields).meta({ id: 'UpdateBulkSyncRequest' });
export type BulkSyncRequest = z.infer<typeof createBulkSyncRequestSchema>;

export const bulkSyncSchema = z
  .object({
    id: idSchema,
    organization_id: idSchema,
    name: z.string(),
    active: z.boolean(),
    mode: modeSchema,
    source_connection_id: idSchema,
    source_configuration: jsonObjectSchema.nullable(),
    destination_connection_id: idSchema,
    destination_configuration: jsonObjectSchema,
    default_schedule: defaultScheduleSchema,
    additional_schedules: z.array(additionalScheduleSchema),
    automatically_add_new_fields: autoAddSchema,
    automatically_add_new_objects: autoAddSchema,
    normalize_names: nameRuleSchema,
    disable_record_timestamps: z.boolean(),
    data_cutoff_timestamp: timestampSchema.nullable(),
    concurrency_limit: z.int().nullable(),
    resync_concurrency_limit: z.int().nullable(),
    policies: z.array(idSchema),
    created_at: timestampSchema,
    created_by: actorSchema,
    updated_at: timestampSchema,
    updated_by: actorSchema,
  })
  .meta({ id: 'BulkSyncResponse' });
export type BulkSyncBody = z.infer<typeof bulkSyncSchema>;

/** `limit` outside 1 to 50 means 50. */
export const listBulkSyncsQuerySchema = z.object({
  active: queryBooleanSchema.optional(),
  page_token: z.string().optional(),
  limit: z.coerce.number().int().optional(),
});

/** Read again from the source before the answer, when true. */
export const refreshSchemasQuerySchema = z.object({ refresh_schemas: queryBooleanSchema.optional() });

export const activateSyncRequestSchema = z.strictObject({ active: z.boolean() }).meta({ id: 'ActivateSyncInput' });
export const activateSyncSchema = z.object({ id: idSchema, active: z.boolean() }).meta({ id: 'ActivateSyncOutput' });

/** Millrace's own settings of a sync in a request; what is left out goes back to its default. */
export const syncSettingsRequestSchema = z.strictObject({
  receipt_depth: z.enum(RECEIPT_DEPTHS).optional(),
  adopt: z.boolean().optional(),
  max_loss_percent: z.number().optional(),
});

/** `max_loss_percent`: share of live records that a run may lose, 0 to 100; 100 = no guard. */
export const syncSettingsSchema = z.object({
  receipt_depth: z.enum(RECEIPT_DEPTHS),
  adopt: z.boolean(),
  max_loss_percent: z.number(),
});
export type SyncSettingsBody = z.infer<typeof syncSettingsSchema>;
