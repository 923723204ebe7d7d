import { z } from 'zod';
import { actorSchema, idSchema, jsonObjectSchema, timestampSchema } from './common.ts';

/** One change of one object. Secrets are shown as `********`. */
export const auditEntrySchema = z.object({
  id: z.string(),
  created_at: timestampSchema,
  actor: actorSchema,
  action: z.string().meta({ description: '`create`, `update`, `delete`, or what else was asked for.' }),
  object: z.object({ type: z.string(), id: z.string(), name: z.string().nullable() }),
  before: jsonObjectSchema.nullable().meta({ description: 'Of an update, what differs; null where nothing was.' }),
  after: jsonObjectSchema.nullable(),
});
export type AuditEntryBody = z.infer<typeof auditEntrySchema>;

/** `limit` outside 1 to 100 means 100; both times are left out themselves. */
export const listAuditQuerySchema = z.strictObject({
  object_type: z.string().min(1).optional(),
  object_id: z.string().min(1).optional(),
  actor_id: idSchema.optional(),
  starting_after: timestampSchema.optional(),
  ending_before: timestampSchema.optional(),
  page_token: z.string().optional(),
  limit: z.coerce.number().int().optional(),
});
