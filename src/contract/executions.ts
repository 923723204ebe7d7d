import { z } from 'zod';
import { EXECUTION_STATUSES, FETCH_MODES, RESYNC_MODES, SCHEMA_STATUSES } from '../core/index.ts';
import { idSchema, queryBooleanSchema, timestampSchema } from './common.ts';

const resyncModeSchema = z.enum(RESYNC_MODES).meta({ id: 'BulkResyncMode' });
const fetchModeSchema = z.enum(FETCH_MODES).meta({ id: 'BulkFetchMode' });
const executionStatusSchema = z.enum(EXECUTION_STATUSES).meta({ id: 'BulkExecutionStatus' });
const schemaStatusSchema = z.enum(SCHEMA_STATUSES).meta({ id: 'BulkSchemaExecutionStatus' });

const startFields = {
  schemas: z.array(z.string()).nullish(),
  resync_mode: resyncModeSchema.nullish(),
  fetch_mode: fetchModeSchema.nullish(),
  test: z.boolean().nullish(),
};

/** A start may come without a body. */
export const startBulkSyncRequestSchema = z.strictObject(startFields).meta({ id: 'StartBulkSyncRequest' }).nullish();
export type StartBulkSyncRequest = z.infer<typeof startBulkSyncRequestSchema>;

/** The public start plus what this one start sets aside. */
export const startWithOverridesRequestSchema = z
  .strictObject({
    ...startFields,
    max_loss_percent: z.number().nullish(),
  })
  .nullish();
export type StartWithOverridesRequest = z.infer<typeof startWithOverridesRequestSchema>;

/** A comparison of source and destination may be about some schemas only; without a body it is about all enabled ones. */
export const startVerificationRequestSchema = z.strictObject({ schemas: startFields.schemas }).nullish();
export type StartVerificationRequest = z.infer<typeof startVerificationRequestSchema>;

const countFields = { record_count: z.int(), error_count: z.int(), warning_count: z.int() };
const timeFields = {
  created_at: timestampSchema,
  started_at: timestampSchema.nullable(),
  completed_at: timestampSchema.nullable(),
  updated_at: timestampSchema,
};

const schemaExecutionSchema = z
  .object({
    schema: z.string(),
    output_name: z.string().optional(),
    status: schemaStatusSchema,
    status_message: z.string().optional(),
    ...countFields,
    ...timeFields,
  })
  .meta({ id: 'BulkSyncSchemaExecution' });
export type SchemaExecutionBody = z.infer<typeof schemaExecutionSchema>;

/** `record_count`: records written; while a schema runs, those read so far. */
export const executionSchema = z
  .object({
    id: idSchema,
    status: executionStatusSchema,
    status_message: z.string().optional(),
    type: z.string(),
    fetch_mode: fetchModeSchema,
    is_partial: z.boolean(),
    is_resync: z.boolean(),
    is_test: z.boolean(),
    output_disposition: z.enum(['retain', 'truncate', 'rebuild']).meta({ id: 'BulkOutputDisposition' }),
    ...countFields,
    ...timeFields,
    schemas: z.array(schemaExecutionSchema),
  })
  .meta({ id: 'BulkSyncExecution' });
export type ExecutionBody = z.infer<typeof executionSchema>;

/** `limit` outside 1 to 100 means 100. */
export const listExecutionsQuerySchema = z.object({
  page_token: z.string().optional(),
  only_terminal: queryBooleanSchema.optional(),
  ascending: queryBooleanSchema.optional(),
  limit: z.coerce.number().int().optional(),
});

/** Path of one execution of a sync. */
export const executionParamsSchema = z.object({ id: idSchema, exec_id: idSchema });

export const syncStatusSchema = z
  .object({
    current_execution: executionSchema.optional(),
    last_execution: executionSchema.optional(),
    next_execution_time: timestampSchema.nullable(),
  })
  .meta({ id: 'BulkSyncStatusResponse' });
export type SyncStatusBody = z.infer<typeof syncStatusSchema>;

/** What an execution does, or did last, with one enabled schema of a sync; only `schema` before the first. */
const schemaStatusItemSchema = z
  .object({
    schema: z.string(),
    execution_id: idSchema.optional(),
    status: schemaStatusSchema.optional(),
    status_message: z.string().optional(),
    record_count: z.int().optional(),
    error_count: z.int().optional(),
    warning_count: z.int().optional(),
    started_at: timestampSchema.nullable(),
    completed_at: timestampSchema.nullable(),
  })
  .meta({ id: 'BulkSyncSchemaExecutionStatus' });

/** One of many syncs; `status` is absent before its first execution. */
export const syncStatusItemSchema = z
  .object({
    sync_id: idSchema,
    status: executionStatusSchema.optional(),
    nextExecutionTime: timestampSchema.nullable(),
    schemas: z.array(schemaStatusItemSchema),
  })
  .meta({ id: 'BulkSyncExecutionStatus' });
export type SyncStatusItemBody = z.infer<typeof syncStatusItemSchema>;

/** `all`, else `active`, else those named; `sync_id` may be repeated. */
export const listStatusesQuerySchema = z.object({
  all: queryBooleanSchema.optional(),
  active: queryBooleanSchema.optional(),
  sync_id: z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(idSchema)).optional(),
});

/** `after` is the id of a line, or the `next_cursor` of an answer; `limit` outside 1 to 50 means 50. */
export const consoleLogQuerySchema = z.object({
  limit: z.coerce.number().int().optional(),
  after: z
    .string()
    .regex(/^\d{1,16}-\d{1,9}$/, 'must be the id of a line')
    .optional(),
});

/** Path of one schema of an execution. */
export const schemaExecutionParamsSchema = z.object({ id: idSchema, exec_id: idSchema, schema_id: z.string() });

/** Lines in the order in which they came; `next_cursor` is null at the end. */
export const consoleLogSchema = z
  .object({
    entries: z.array(
      z
        .object({
          id: z.string(),
          level: z.string(),
          message: z.string(),
          payload: z.record(z.string(), z.unknown()).nullable(),
          timestamp: timestampSchema,
        })
        .meta({ id: 'ExecutionConsoleLogEntry' }),
    ),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'ExecutionConsoleLogsResponse' });
export type ConsoleLogBody = z.infer<typeof consoleLogSchema>;

export const cancelSchema = z.object({ message: z.string() }).meta({ id: 'CancelBulkSyncResponse' });

/**
 * How far one schema is. `records` and `bytes` count what was read from the source; rates are means since its start;
 * null where nothing is known yet.
 */
const schemaProgressSchema = z.object({
  schema: z.string(),
  output_name: z.string().nullable(),
  status: schemaStatusSchema,
  phase: z.enum(['waiting', 'preparing', 'reading', 'finishing', 'done']),
  records: z.int(),
  bytes: z.int(),
  records_per_second: z.number().nullable(),
  bytes_per_second: z.number().nullable(),
  estimated_records: z.int().nullable(),
  seconds_left: z.number().nullable(),
});

export const progressSchema = z.object({
  execution_id: idSchema,
  status: executionStatusSchema,
  /** Since the start; up to the end once it has ended. */
  elapsed_seconds: z.number().nullable(),
  schemas: z.array(schemaProgressSchema),
});
export type ProgressBody = z.infer<typeof progressSchema>;
