import { z } from 'zod';
import { envelope, idSchema, jsonObjectSchema } from './common.ts';

/** Body of `POST /api/connections/{id}/proxy`. */
export const proxyRequestSchema = z
  .strictObject({
    request: z.strictObject({
      method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
      path: z.string().regex(/^\/(?![/\\])/, 'must be a path that begins with one slash'),
      query: jsonObjectSchema.optional(),
      rawQuery: z.string().optional(),
      headers: z.record(z.string(), z.string()).optional(),
      body: z.unknown().optional(),
    }),
  })
  .meta({ id: 'ProxyRequestBody' });

/** What the system behind the connection answered. */
export const proxyEnvelope = envelope(
  z.object({
    status: z.int(),
    headers: z.record(z.string(), z.string()),
    body: z.unknown(),
    contentType: z.string(),
    truncated: z.boolean(),
    latencyMs: z.int(),
    proxyCallId: idSchema,
  }),
);

/** What a proxied request begins with, and its limits. */
export const proxyInfoEnvelope = envelope(
  z.object({ backendType: z.string(), connectionId: idSchema }).catchall(z.unknown()),
);
