import { z } from 'zod';
import { LOAD_KINDS, RECEIPT_DEPTHS } from '../core/index.ts';
import { idSchema, timestampSchema } from './common.ts';

const verdictSchema = z.enum(['equal', 'different', 'unproved']);
const depthSchema = z.enum(RECEIPT_DEPTHS);

/** `sum`: 32 hex digits, the sum of the records' 128-bit hashes modulo 2^128; null at depth `counts`. */
const rangeSumSchema = z.object({ records: z.int(), sum: z.string().nullable() });

const schemaReceiptSchema = z.object({
  schema: z.string(),
  output_name: z.string(),
  scope: z.enum(['snapshot', 'ranged', 'delta', 'stream']),
  depth: depthSchema,
  load: z.enum(LOAD_KINDS),
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
