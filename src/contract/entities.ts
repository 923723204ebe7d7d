import { z } from 'zod';
import { envelope, idSchema, jsonObjectSchema } from './common.ts';

/** What an id stands for; `canonical_path` is the operation that answers it. */
const entitySchema = z
  .object({
    id: idSchema,
    type: z.string(),
    canonical_path: z.string(),
    organization_id: idSchema.optional().describe('In answers to partner and deployment keys.'),
    relationships: z.record(
      z.string(),
      z.object({ id: idSchema, path: z.string() }).meta({ id: 'EntityRelationship' }),
    ),
    context: jsonObjectSchema,
  })
  .meta({ id: 'EntityResponse' });
export type EntityBody = z.infer<typeof entitySchema>;

/** One entity. */
export const entityEnvelope = envelope(entitySchema);
