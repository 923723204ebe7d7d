import { z } from 'zod';
import { DIFFERENCE_KINDS, LOAD_KINDS, RECEIPT_DEPTHS } from '../core/index.ts';
import { idSchema, timestampSchema } from './common.ts';

const verdictSchema = z.enum(['equal', 'different', 'unproved']);
const depthSchema = z.enum(RECEIPT_DEPTHS);

/** `sum`: 32 hex digits, the sum of the records' 128-bit hashes modulo 2^128; null at depth `counts`. */
const rangeSumSchema = z.object({ records: z.int(), sum: z.string().nullable() });

const differenceCounts = { missing: z.int(), extra: z.int(), different: z.int() };

/**
 * Records that the two sides have unlike: `missing` in the destination, `extra` in it, or `different`. When not `complete`,
 * more differ than were looked at one by one. `records` lists the first 1,000 keys; none of a table without a key.
 */
const recordDifferencesSchema = z.object({
  ...differenceCounts,
  complete: z.boolean(),
  ranges: z.array(z.object({ range: z.string(), ...differenceCounts })),
  records: z.array(z.object({ kind: z.enum(DIFFERENCE_KINDS), key: z.record(z.string(), z.string().nullable()) })),
});
export type RecordDifferencesBody = z.infer<typeof recordDifferencesSchema>;

const schemaReceiptSchema = z.object({
  schema: z.string(),
  output_name: z.string(),
  scope: z.enum(['snapshot', 'ranged', 'delta', 'stream']),
  depth: depthSchema,
  /** `none`: both sides were compared, and nothing was loaded. */
  load: z.enum([...LOAD_KINDS, 'none']),
  verdict: verdictSchema,
  notes: z.array(z.string()),
  positions: z.array(z.object({ position: z.string().nullable(), taken_at: z.string() })),
  hashing: z.string().nullable(),
  format: z.string(),
  source: rangeSumSchema,
  destination: rangeSumSchema.nullable(),
  counts: z.object({
    read: z.int(),
    written: z.int(),
    unchanged: z.int(),
    deleted: z.int(),
    rejected: z.int(),
  }),
  conversions: z.array(z.string()),
  differences: z.array(z.object({ range: z.string(), source: rangeSumSchema, destination: rangeSumSchema })),
  /** Null where nobody looked at single records. */
  differing: recordDifferencesSchema.nullable(),
  /** What was written anew before this proof; null where nothing had to be. */
  repaired: recordDifferencesSchema.nullable(),
});
export type SchemaReceiptBody = z.infer<typeof schemaReceiptSchema>;

/** What one execution proved equal, and at which source position. */
export const receiptSchema = z.object({
  execution_id: idSchema,
  sync_id: idSchema,
  issued_at: timestampSchema,
  depth: depthSchema,
  verdict: verdictSchema,
  schemas: z.array(schemaReceiptSchema),
});
export type ReceiptBody = z.infer<typeof receiptSchema>;

/** One record that the destination refused; `key` is null for a table without a key. */
export const rejectSchema = z.object({
  schema: z.string(),
  key: z.record(z.string(), z.string().nullable()).nullable(),
  reason: z.string(),
  created_at: timestampSchema,
});
export type RejectBody = z.infer<typeof rejectSchema>;

/** `limit` outside 1 to 1,000 means 100. */
export const listRejectsQuerySchema = z.object({
  schema: z.string().optional(),
  page_token: z.string().optional(),
  limit: z.coerce.number().int().optional(),
});
