import { z } from 'zod';
import { idSchema, jsonObjectSchema, timestampSchema } from './common.ts';

/** Something that happened; what `event` holds depends on the type. */
export const eventSchema = z
  .object({
    id: idSchema,
    organization_id: idSchema,
    type: z.string(),
    created_at: timestampSchema,
    event: jsonObjectSchema,
  })
  .meta({ id: 'Event' });
export type EventBody = z.infer<typeof eventSchema>;

const filterFields = {
  organization_id: idSchema.optional().describe("The caller's own organization; anything else is refused."),
  type: z.string().optional(),
  starting_after: timestampSchema.optional().describe('Left out itself.'),
  ending_before: timestampSchema.optional().describe('Left out itself.'),
  limit: z.coerce.number().int().optional().describe('10 unless said otherwise, at most 100.'),
  event_type: z.string().optional().describe('The same as `type`.'),
};

/** Before pages there were the newest ones only. */
export const oldListEventsQuerySchema = z.object(filterFields);

/** Both spellings of the type are one filter. */
export const listEventsQuerySchema = z.object({ ...filterFields, page_token: z.string().optional() });
