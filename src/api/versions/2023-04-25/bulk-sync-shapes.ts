import { z } from 'zod';
import { AUTO_ADD_RULES } from '../../../core/index.ts';
import { bulkSyncRequestSchema, olderBulkSyncSchema } from '../2024-02-08/bulk-sync-shapes.ts';

const requestShape = bulkSyncRequestSchema.shape;

/** The later words are taken, too. */
const switchSchema = z
  .union([z.boolean(), z.enum(AUTO_ADD_RULES)])
  .nullish()
  .describe('True for all, false for none.');

/** A create. */
export const createSyncRequestSchema = bulkSyncRequestSchema.extend({
  mode: requestShape.mode.unwrap().unwrap(),
  destination_configuration: requestShape.destination_configuration.optional(),
  automatically_add_new_fields: switchSchema,
  automatically_add_new_objects: switchSchema,
});
export type CreateSyncRequest = z.output<typeof createSyncRequestSchema>;

/** A change: what is left out stays as it is. */
export const patchSyncRequestSchema = createSyncRequestSchema.omit({ schemas: true }).partial();
export type PatchSyncRequest = z.output<typeof patchSyncRequestSchema>;

/** A sync in an answer. */
export const syncSchema = olderBulkSyncSchema.extend({
  automatically_add_new_fields: z.boolean(),
  automatically_add_new_objects: z.boolean(),
});
export type SyncBody = z.output<typeof syncSchema>;
