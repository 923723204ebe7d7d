import { z } from 'zod';
import { DRIFT_KINDS, SCHEMA_STATUSES } from '../core/index.ts';
import { idSchema, timestampSchema } from './common.ts';

/** One difference between a source and what its sync loaded last. */
export const driftEventSchema = z.object({
  kind: z.enum(DRIFT_KINDS),
  schema: z.string().meta({ description: 'Schema id.' }),
  field: z.string().nullable().meta({ description: 'Field id; null for what is about the schema.' }),
  before: z.string().nullable().meta({ description: 'Type, name, or key; null where there was nothing.' }),
  after: z.string().nullable(),
  outcome: z.string().meta({ description: 'What the execution does about it.' }),
  needs_attention: z.boolean().meta({ description: 'Counts as a warning of the schema.' }),
  execution_id: idSchema,
  schema_status: z
    .enum(SCHEMA_STATUSES)
    .nullable()
    .meta({ description: 'Of the schema in that execution; null when it was not worked on.' }),
  detected_at: timestampSchema,
});
export type DriftEventBody = z.infer<typeof driftEventSchema>;

/** `limit` outside 1 to 1,000 means 100. */
export const listDriftQuerySchema = z.object({
  page_token: z.string().optional(),
  limit: z.coerce.number().int().optional(),
});
