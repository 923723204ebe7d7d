import compress from '@fastify/compress';
import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { VERSION_HEADER } from '../contract/index.ts';
import { SyncError } from '../core/index.ts';
import { isApiRequest } from './version.ts';

/** What the server grants its clients. */
export interface ClientLimits {
  /** Requests of one caller in one minute; 0 = any number. */
  readonly requestsPerMinute: number;
  /** Origins of web pages that may read answers, such as `https://console.example.com`; none = no page may. */
  readonly corsOrigins: readonly string[];
}

const WINDOW_MS = 60_000;
/** Below, packing costs more than it saves. */
const COMPRESS_FROM_BYTES = 1024;
const MAX_CALLERS = 10_000;

/** Packed answers, and packed bodies as far as the body limit goes once they are unpacked. Call before routes are added. */
export function registerCompression(app: FastifyInstance): void {
  void app.register(compress, {
    threshold: COMPRESS_FROM_BYTES,
    encodings: ['gzip', 'deflate'],
    requestEncodings: ['gzip', 'deflate'],
    onUnsupportedRequestEncoding: (encoding) =>
      new SyncError(
        'REQUEST_MALFORMED',
        `The body is packed as ${encoding}, which is not read. Send it plain or as gzip.`,
      ),
    onInvalidRequestPayload: (encoding, _request, error) =>
      new SyncError('REQUEST_MALFORMED', `The body says that it is packed as ${encoding} and is not.`, {
        cause: error,
      }),
  });
}

/** Lets pages of the given origins call; pages of others, and all pages where none is given, get no permission. */
export function registerCors(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  void app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'idempotency-key', VERSION_HEADER],
    exposedHeaders: ['location', 'retry-after', 'warning', 'x-request-id', 'x-ratelimit-limit', VERSION_HEADER],
    maxAge: 600,
    // Such questions are answered as if a browser had asked.
    strictPreflight: false,
  });
}

/** Counts each caller's requests in this process. Call behind `registerAuth`, inside `after`: it needs the caller. */
export function registerRateLimit(app: FastifyInstance, requestsPerMinute: number): void {
  if (requestsPerMinute === 0) return;
  void app.register(rateLimit, { global: false, cache: MAX_CALLERS });
  void app.after(() => {
    const count = app.createRateLimit({ max: requestsPerMinute, timeWindow: WINDOW_MS, keyGenerator: callerOf });
    app.addHook('onRequest', async (request, reply) => {
      if (!isApiRequest(request) || request.caller === null) return;
      tell(request, reply, await count(request));
    });
  });
}

function callerOf({ caller }: FastifyRequest): string {
  return `${caller?.kind} ${caller?.userId ?? caller?.organizationId}`;
}

type Count = Awaited<ReturnType<ReturnType<FastifyInstance['createRateLimit']>>>;

function tell(request: FastifyRequest, reply: FastifyReply, count: Count): void {
  if (count.isAllowed) return;
  void reply.headers({
    'x-ratelimit-limit': count.max,
    'x-ratelimit-remaining': count.remaining,
    // Clients of the public API read it as seconds since 1970.
    'x-ratelimit-reset': Math.ceil((Date.now() + count.ttl) / 1000),
  });
  if (!count.isExceeded) return;
  request.log.warn({ limit: count.max }, 'A caller sends more requests than it may.');
  throw new SyncError(
    'RATE_LIMITED',
    `This caller has sent more than ${count.max} requests in one minute. Wait ${count.ttlInSeconds} seconds.`,
    { retryAfterMs: count.ttl },
  );
}
