import { z } from 'zod';
import { BULK_MODES, RESYNC_MODES } from '../core/index.ts';
import { envelope, jsonObjectSchema, queryBooleanSchema } from './common.ts';
import { sourceSchemaSchema } from './schemas.ts';

/** What a bulk sync may read from a connection. */
export const bulkSourceSchema = z
  .object({
    capabilities: z.object({ supports_tracking_fields: z.boolean() }),
    configuration: jsonObjectSchema.describe('What `source_configuration` of a sync may hold.'),
    schemas: z.array(sourceSchemaSchema),
  })
  .meta({ id: 'BulkSyncSource' });

/** One source. */
export const bulkSourceEnvelope = envelope(bulkSourceSchema);

const includeFieldsSchema = queryBooleanSchema
  .default(true)
  .describe('Whether schemas come with their fields; true when absent.');

/** Query of the bulk source. */
export const bulkSourceQuerySchema = z.object({ include_fields: includeFieldsSchema });

/** What a bulk sync may do to a connection. */
export const bulkDestinationSchema = z
  .object({
    configuration: jsonObjectSchema.describe('What `destination_configuration` of a sync may hold.'),
    modes: z.array(
      z.object({
        id: z.enum(BULK_MODES),
        label: z.string(),
        description: z.string(),
        requires_identity: z.boolean(),
        supports_field_sync_mode: z.boolean(),
        supports_target_filters: z.boolean(),
      }),
    ),
    supported_resync_modes: z.array(z.enum(RESYNC_MODES)),
  })
  .meta({ id: 'BulkSyncDest' });

/** One destination. */
export const bulkDestinationEnvelope = envelope(bulkDestinationSchema);
