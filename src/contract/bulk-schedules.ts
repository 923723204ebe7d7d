import { z } from 'zod';
import { SCHEDULE_FREQUENCIES, SCHEDULE_RESYNC_MODES, SELECTIVE_MODES } from '../core/index.ts';
import { actorSchema, idSchema, timestampSchema } from './common.ts';
import { timePartAnswers, timePartRequests } from './time-parts.ts';

/** How often a schedule comes. */
export const frequencySchema = z.enum(SCHEDULE_FREQUENCIES).meta({ id: 'ScheduleFrequency' });
const selectiveModeSchema = z.enum(SELECTIVE_MODES).meta({ id: 'BulkSelectiveMode' });
const scheduleResyncModeSchema = z.enum(SCHEDULE_RESYNC_MODES).meta({ id: 'BulkScheduleSyncMode' });

const auditAnswers = {
  created_at: timestampSchema,
  created_by: actorSchema,
  updated_at: timestampSchema,
  updated_by: actorSchema,
};

/** A sync's default schedule in a request; its `id`, when sent, says which stored schedule is kept. */
export const defaultScheduleRequestSchema = z
  .strictObject({ frequency: frequencySchema, id: idSchema.nullish(), ...timePartRequests })
  .meta({ id: 'BulkSyncDefaultScheduleRequest' });
export type DefaultScheduleRequest = z.infer<typeof defaultScheduleRequestSchema>;

/** A further schedule in a request: only some schemas (none named = all), only some fields, or a repair mode. */
export const additionalScheduleRequestSchema = z
  .strictObject({
    frequency: frequencySchema,
    id: idSchema.nullish(),
    ...timePartRequests,
    schemas: z.array(z.string()).nullish(),
    selective_mode: selectiveModeSchema.nullish(),
    resync_mode: scheduleResyncModeSchema.nullish(),
  })
  .meta({ id: 'BulkSyncAdditionalScheduleRequest' });
export type AdditionalScheduleRequest = z.infer<typeof additionalScheduleRequestSchema>;

export const defaultScheduleSchema = z
  .object({ id: idSchema, frequency: frequencySchema, ...timePartAnswers, ...auditAnswers })
  .meta({ id: 'BulkSyncDefaultScheduleResponse' });
export type DefaultScheduleBody = z.infer<typeof defaultScheduleSchema>;

export const additionalScheduleSchema = z
  .object({
    id: idSchema,
    frequency: frequencySchema,
    ...timePartAnswers,
    schemas: z.array(z.string()).optional(),
    selective_mode: selectiveModeSchema.optional(),
    resync_mode: scheduleResyncModeSchema.optional(),
    ...auditAnswers,
  })
  .meta({ id: 'BulkSyncAdditionalScheduleResponse' });
export type AdditionalScheduleBody = z.infer<typeof additionalScheduleSchema>;

/** Path of one schedule of a sync. */
export const scheduleParamsSchema = z.object({ id: idSchema, schedule_id: idSchema });

/** The operations on single schedules are the one place of the API that writes names in camelCase. */
const singleScheduleRequest = z
  .strictObject({
    frequency: frequencySchema,
    minute: z.string().nullish(),
    hour: z.string().nullish(),
    dayOfWeek: z.string().nullish(),
    dayOfMonth: z.string().nullish(),
    month: z.string().nullish(),
    selectiveMode: selectiveModeSchema.nullish(),
  })
  .meta({ id: 'BulkSyncScheduleApi' });

export const singleScheduleRequestSchema = z
  .strictObject({ schedule: singleScheduleRequest })
  .meta({ id: 'BulkScheduleRequest' });
export type SingleScheduleRequest = z.infer<typeof singleScheduleRequestSchema>;

/** One schedule by itself. `createdBy` and `updatedBy` are ids, absent where Millrace itself did it. */
export const singleScheduleSchema = z
  .object({
    id: idSchema,
    syncId: idSchema,
    isDefault: z.boolean(),
    frequency: frequencySchema,
    minute: z.string().nullable(),
    hour: z.string().nullable(),
    dayOfWeek: z.string().nullable(),
    dayOfMonth: z.string().nullable(),
    month: z.string().nullable(),
    schemas: z.array(z.string()).nullable(),
    selectiveMode: selectiveModeSchema,
    syncMode: scheduleResyncModeSchema,
    createdAt: timestampSchema,
    createdBy: idSchema.optional(),
    updatedAt: timestampSchema,
    updatedBy: idSchema.optional(),
    deletedAt: z.null(),
  })
  .meta({ id: 'BulkBulkSyncSchedule' });
export type SingleScheduleBody = z.infer<typeof singleScheduleSchema>;
