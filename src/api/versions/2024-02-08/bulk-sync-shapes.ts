import { z } from 'zod';
import { bulkSyncSchema, createBulkSyncRequestSchema, startBulkSyncRequestSchema } from '../../../contract/index.ts';
import { scheduleRequestSchema, scheduleSchema } from './schedule-shapes.ts';

const newer = { default_schedule: true, additional_schedules: true } as const;
const { mode } = createBulkSyncRequestSchema.shape;

const discoverSchema = z
  .boolean()
  .nullish()
  .describe('Older name of `automatically_add_new_objects`: true for all, false for none. Without effect beside it.');

/** A create, or a full replacement, where `schemas` is taken and does nothing. */
export const bulkSyncRequestSchema = createBulkSyncRequestSchema.omit({ ...newer, mode: true }).extend({
  mode: mode.nullish().describe("When absent: the destination's first."),
  schedule: scheduleRequestSchema,
  discover: discoverSchema,
});
export type OlderSyncRequest = z.output<typeof bulkSyncRequestSchema>;

/** A sync in an answer. */
export const olderBulkSyncSchema = bulkSyncSchema
  .omit(newer)
  .extend({ schedule: scheduleSchema, discover: z.boolean() });
export type OlderSyncBody = z.output<typeof olderBulkSyncSchema>;

/** A start; `resync` is an older name of `resync_mode: rebuild`. */
export const startRequestSchema = startBulkSyncRequestSchema
  .unwrap()
  .unwrap()
  .extend({ resync: z.boolean().nullish() })
  .superRefine(({ resync, resync_mode: resyncMode }, context) => {
    if (resync !== true || resyncMode == null || resyncMode === 'rebuild') return;
    context.addIssue({ code: 'custom', path: ['resync'], message: 'means `resync_mode: rebuild`; send one of them' });
  })
  .nullish();
