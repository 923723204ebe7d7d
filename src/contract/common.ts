import { z } from 'zod';

/** Any id of ours. Any 8-4-4-4-12 text is accepted, so that an unknown id is "unknown" and not "malformed". */
export const idSchema = z.guid();

/** A moment on the wire: ISO 8601 with a zone. */
export const timestampSchema = z.iso.datetime({ offset: true });

/** A moment that is stored and answered again, in UTC. With a zone, the first and last days of ISO 8601 have none there. */
export const storedTimestampSchema = timestampSchema.refine((text) => {
  const year = new Date(text).getUTCFullYear();
  return year >= 1 && year <= 9999;
}, 'must lie in the years 1 to 9999 of UTC');

/** A boolean in a query string: `true` or `false`. */
export const queryBooleanSchema = z.preprocess(
  (value) => (value === 'true' ? true : value === 'false' ? false : value),
  z.boolean(),
);

/** A JSON value in a query string, written as one text. */
export function jsonQuerySchema<T extends z.ZodType>(value: T) {
  return z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown; // any JSON; the schema behind it judges
      } catch {
        context.addIssue({ code: 'custom', message: 'must be JSON' });
        return z.NEVER;
      }
    })
    .pipe(value);
}

/** A JSON object whose keys another schema decides, such as a connector's. */
export const jsonObjectSchema = z.record(z.string(), z.unknown());

/** One record of a source, by field. Unlike in `jsonObjectSchema`, a field may have any name, such as `__proto__`. For answers only. */
export const recordSchema = z
  .custom<Readonly<Record<string, unknown>>>((value) => typeof value === 'object' && value !== null)
  .meta({ type: 'object', additionalProperties: {} });

/** Path parameters of the routes that name one object. */
export const idParamsSchema = z.object({ id: idSchema });

/** Body of every error but some 401 (`restErrorSchema`). `status` repeats the HTTP status. */
export const apiErrorSchema = z
  .object({ status: z.int(), key: z.string(), message: z.string(), metadata: jsonObjectSchema })
  .meta({ id: 'ApiError' });
export type ApiErrorBody = z.infer<typeof apiErrorSchema>;

/** Body of a 401 up to version 2024-02-08. */
export const restErrorSchema = z
  .object({ code: z.int(), context: jsonObjectSchema, error: z.string(), status: z.string() })
  .meta({ id: 'RestErrResponse' });
export type RestErrorBody = z.infer<typeof restErrorSchema>;

/** Who made or changed an object; `id` is absent for `system`. */
export const actorSchema = z
  .object({
    id: idSchema.optional(),
    name: z.string().optional(),
    type: z.enum(['user', 'system', 'organization', 'partner']),
  })
  .meta({ id: 'OutputActor' });
export type Actor = z.infer<typeof actorSchema>;

/** Where a list goes on; `next_page_token` is absent at its end. */
const paginationSchema = z.object({ next_page_token: z.string().optional() }).meta({ id: 'PaginationDetails' });

/** `{"data": …}`. */
export function envelope<T extends z.ZodType>(data: T): z.ZodObject<{ data: T }> {
  return z.object({ data });
}

/** One page of a list. */
export function pageEnvelope<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), pagination: paginationSchema });
}

/** A value with its label, as forms offer it. */
export const pickValueSchema = z.object({ label: z.string(), value: z.string() });
