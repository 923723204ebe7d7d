import { z } from 'zod';
import { JOB_STATUSES } from '../core/index.ts';
import { idSchema, recordSchema } from './common.ts';

/** A query. `fields`, `count` and one page of `results` are there when it is done, `error` when it failed. */
export const querySchema = z
  .object({
    id: idSchema,
    status: z.enum(JOB_STATUSES),
    error: z.string().optional(),
    expires: z.string().optional().describe('Until when it can be asked for.'),
    fields: z.array(z.string()).optional(),
    count: z.int().optional().describe('Records that are kept, on all pages.'),
    results: z.array(recordSchema).optional(),
  })
  .meta({ id: 'RunQueryResult' });
export type QueryBody = z.infer<typeof querySchema>;

/** A query, and beside it where its other pages are. */
export const queryPageEnvelope = z
  .object({
    data: querySchema,
    links: z
      .object({ next: z.string().optional(), previous: z.string().optional() })
      .optional()
      .describe('Paths on this server.'),
  })
  .meta({ id: 'QueryResultsEnvelope' });

const textSchema = z.string().min(1).max(100_000);

/** Query string of a query: the text may stand here or in the body. */
export const runQueryQuerySchema = z.object({ query: textSchema.optional() });

/** Body of a query. */
export const runQueryRequestSchema = z.strictObject({ query: textSchema.optional() }).nullish();

/** Query string of one page. */
export const queryPageQuerySchema = z.object({
  page: z.string().optional().describe('From the `links` of an answer.'),
});
