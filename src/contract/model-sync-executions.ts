import { z } from 'zod';
import { MODEL_EXECUTION_STATUSES, RECORD_LOG_TYPES } from '../core/index.ts';
import { idSchema, queryBooleanSchema, timestampSchema } from './common.ts';

const statusSchema = z.enum(MODEL_EXECUTION_STATUSES).meta({ id: 'WorkExecutionStatus' });

/** A start may come without a body. */
export const startModelSyncRequestSchema = z
  .strictObject({
    identities: z.array(z.string()).nullish(),
    resync: z.boolean().nullish(),
    test: z.boolean().nullish(),
  })
  .meta({ id: 'StartSyncRequest' })
  .nullish();

/** What a start answers. */
export const startedModelSyncSchema = z
  .object({ id: idSchema, status: statusSchema, created_at: timestampSchema })
  .meta({ id: 'StartSyncResponseSchema' });

const countsSchema = z.object({
  total: z.int().optional(),
  insert: z.int().optional(),
  update: z.int().optional(),
  upserts: z.int().optional(),
  delete: z.int().optional(),
  error: z.int().optional(),
  warnings: z.int().optional(),
});

/** One execution of a model sync. */
export const modelExecutionSchema = z
  .object({
    id: idSchema,
    status: statusSchema,
    type: z.string(),
    counts: countsSchema,
    errors: z.array(z.string()),
    created_at: timestampSchema,
    started_at: timestampSchema.nullable(),
    completed_at: timestampSchema.nullable(),
  })
  .meta({ id: 'GetExecutionResponseSchema' });

/** What a model sync does now and did last. */
export const modelSyncStatusSchema = z
  .object({
    current_execution: modelExecutionSchema.optional(),
    last_execution: modelExecutionSchema.optional(),
    next_execution_time: timestampSchema.nullable(),
  })
  .meta({ id: 'SyncStatusResponse' });

/** Path of the executions of a model sync. */
export const modelSyncParamsSchema = z.object({ sync_id: idSchema });

/** Path of one execution. */
export const modelExecutionParamsSchema = z.object({ sync_id: idSchema, id: idSchema });

/** Which executions a list shows, and in which order. */
export const listModelExecutionsQuerySchema = z.object({
  page_token: z.string().optional(),
  only_completed: queryBooleanSchema.optional(),
  ascending: queryBooleanSchema.optional(),
});

/** A status to set by hand. */
export const setModelExecutionRequestSchema = z.strictObject({ status: statusSchema });

const logTypeSchema = z.enum(RECORD_LOG_TYPES).meta({ id: 'ExecutionLogType' });

/** Path of the log of one kind of records. */
export const recordLogParamsSchema = modelExecutionParamsSchema.extend({ type: logTypeSchema });

/** Path of one file of such a log. */
export const recordLogFileParamsSchema = recordLogParamsSchema.extend({ filename: z.string() });

/** Files of a log; the links end. */
export const recordLogSchema = z
  .object({ urls: z.array(z.string()), expires: timestampSchema.nullable() })
  .meta({ id: 'ExecutionLogsResponse' });
