import { z } from 'zod';
import {
  DESTRUCTIVE_STEPS,
  FETCH_MODES,
  LOAD_KINDS,
  LOSS_BASES,
  PLACED_WRITERS,
  PLAN_OUTCOMES,
  RECEIPT_DEPTHS,
  REPLACEMENT_WAYS,
  RESYNC_MODES,
  TABLE_CHANGES,
  TRANSFER_PATHS,
} from '../core/index.ts';
import { idSchema, timestampSchema } from './common.ts';
import { driftEventSchema } from './drift.ts';

const textsSchema = z.array(z.string());

/** A number of a query as people write it; an empty one would count as 0. */
const percentSchema = z.preprocess(
  (value) => (typeof value === 'string' && /^[-+]?\d+(\.\d+)?$/.test(value) ? Number(value) : value),
  z.number(),
);

/** The options of a start, as a query; `schemas` may be repeated. A misspelt one would plan another start. */
export const planQuerySchema = z.strictObject({
  schemas: z.preprocess((value) => (typeof value === 'string' ? [value] : value), textsSchema).optional(),
  resync_mode: z.enum(RESYNC_MODES).optional(),
  fetch_mode: z.enum(FETCH_MODES).optional(),
  max_loss_percent: percentSchema.optional(),
});
export type PlanQuery = z.infer<typeof planQuerySchema>;

const refusalSchema = z.object({ code: z.string(), message: z.string() });

const changeSchema = z.object({
  kind: z.enum(TABLE_CHANGES),
  column: z.string().nullable().meta({ description: 'Null for what is about the table.' }),
  before: z.string().nullable().meta({ description: 'Type, or key columns; null where there was nothing.' }),
  after: z.string().nullable(),
});

const estimateSchema = z.object({
  records: z.number().nullable(),
  bytes: z.number().nullable(),
  basis: z.string().meta({ description: 'Whose statistics these are, or why there are none.' }),
});

const transferSchema = z.object({
  format: z.string(),
  path: z.enum(TRANSFER_PATHS).meta({
    description:
      'identity: the source’s bytes as they are. push_down: the same of a SELECT that chooses, converts or filters. transcode: values are changed on the way. columns: another wire format is made of them on the way. rows: the source gives values, and the wire format is made of them.',
  }),
  reason: z.string(),
  transports: textsSchema,
  pushed_down: z.object({ fields: z.int(), fields_left_out: z.int(), casts: textsSchema, filters: textsSchema }),
});

const loadSchema = z.object({
  kind: z.enum(LOAD_KINDS),
  reason: z.string(),
  table: z.string(),
  replacement: z.object({ how: z.enum(REPLACEMENT_WAYS), reason: z.string() }).nullable(),
  transfer: transferSchema,
  conversions: textsSchema,
  changes: z.array(changeSchema),
  destructive_steps: z.array(z.object({ kind: z.enum(DESTRUCTIVE_STEPS), text: z.string() })),
  estimate: estimateSchema,
  live_records: z.number().nullable().meta({ description: 'By the destination’s own statistics.' }),
  loss_guard: z.object({ compares: z.enum(LOSS_BASES), max_loss_percent: z.number(), text: z.string() }),
  segments: z.object({ count: z.int(), ranges: textsSchema.meta({ description: 'The first of them.' }) }),
  receipt: z.object({ depth: z.enum(RECEIPT_DEPTHS), hashing: z.string() }),
  tracking: z.object({ field: z.string(), guarantee: z.string(), reason: z.string() }).nullable(),
});

const schemaPlanSchema = z.object({
  schema: z.string(),
  outcome: z.enum(PLAN_OUTCOMES),
  reason: z.string().nullable().meta({ description: 'Why it is skipped or refused.' }),
  refusals: z.array(refusalSchema),
  load: loadSchema.nullable().meta({ description: 'Null where no load could be planned.' }),
});
export type SchemaPlanBody = z.infer<typeof schemaPlanSchema>;

/** What a start would do, or what an execution was planned to do. */
export const planSchema = z.object({
  execution_id: idSchema.nullable().meta({ description: 'Null for a plan that was only asked for.' }),
  planned_at: timestampSchema,
  refusals: z.array(refusalSchema).meta({ description: 'What a start would be refused for as a whole.' }),
  lanes: z.int().meta({ description: 'Pipelines at work at once, at most.' }),
  written_by: z
    .enum(PLACED_WRITERS)
    .meta({ description: 'A file is written by one process, which owns it meanwhile.' }),
  added_schemas: textsSchema.meta({ description: 'New in the source, and taken along by the sync’s rule.' }),
  schemas: z.array(schemaPlanSchema),
  drift: z.array(driftEventSchema.omit({ execution_id: true, schema_status: true, detected_at: true })),
});
export type PlanBody = z.infer<typeof planSchema>;
