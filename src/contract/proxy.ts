import { z } from 'zod';
import { envelope, idSchema, jsonObjectSchema, timestampSchema } from './common.ts';

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

/** What the system behind the connection answered; names are in camelCase here, as published. */
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

const count = z.int().min(0);
const words = z.array(z.string());

/** What a proxied request begins with, and its limits. */
export const proxyInfoEnvelope = envelope(
  z.object({
    backendType: z.string(),
    connectionId: idSchema,
    inheritedBase: z.object({
      baseUrl: z.string(),
      lockedHeaders: z.array(z.object({ name: z.string(), redacted: z.boolean(), value: z.string() })),
      lockedQuery: z.record(z.string(), z.string()),
    }),
    mergeRules: z.object({ headers: z.string(), query: z.string() }),
    requestContract: z.object({
      allowedMethods: words,
      blockedRequestHeaders: words,
      blockedResponseHeaders: words,
      bodyTypes: words,
      maxRequestBodyBytes: z.int(),
      maxResponseBodyBytes: z.int(),
      pathRule: z.string(),
      queryModes: words,
      queryValueTypes: words,
      rateLimitPerMinute: z.int(),
      rawQueryRule: z.string(),
      timeoutMs: z.int(),
    }),
    stats: z.object({
      callsLast24h: count,
      lastProxyCallAt: timestampSchema.nullable(),
      proxy2xxLast24h: count,
      proxy4xxLast24h: count,
      proxy5xxLast24h: count,
      proxyCallsLast24h: count,
    }),
  }),
);
