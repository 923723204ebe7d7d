import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiErrorBody, RestErrorBody } from '../contract/index.ts';
import { type FailureKind, SyncError } from '../core/index.ts';
import { explainCollision } from '../operations/index.ts';
import { hasOwnUnauthenticated } from './versions/2024-02-08/unauthenticated.ts';

/** Failure kind → HTTP status (the one place where errors become HTTP). */
const STATUS_OF: Readonly<Record<FailureKind, number>> = {
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  not_allowed: 405,
  conflict: 409,
  too_large: 413,
  invalid_request: 422,
  configuration: 422,
  data: 422,
  rate_limited: 429,
  history_lost: 500,
  internal: 500,
  bad_gateway: 502,
  canceled: 503,
  transient: 503,
  gateway_timeout: 504,
};

/** Answers every thrown value as `ApiError`. What is nobody's fault but ours is logged whole and answered without its text. */
export function registerErrors(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply));
}

/** Answers any failure of a request, also one that the framework found before it had a route. */
export function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = toSyncError(thrown);
  const status = STATUS_OF[error.kind];
  if (status === 500) request.log.error({ err: thrown }, 'A request failed for a reason of our own.');
  if (status === 401) void reply.header('www-authenticate', 'Bearer, Basic realm="millrace"');
  if (error.retryAfterMs !== undefined) void reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000));
  const isOldUnauthenticated = status === 401 && hasOwnUnauthenticated(request.apiVersion);
  return reply.code(status).send(isOldUnauthenticated ? toRestError(error) : toApiError(error, status, request.id));
}

function toApiError(error: SyncError, status: number, requestId: string): ApiErrorBody {
  if (status !== 500) return { status, key: error.code, message: error.message, metadata: toWire(error.detail) };
  return {
    status,
    key: error.code,
    message: `Millrace failed to answer this request. The log tells why under request id ${requestId}.`,
    metadata: { request_id: requestId },
  };
}

function toRestError(error: SyncError): RestErrorBody {
  return { code: 401, context: toWire(error.detail), error: error.message, status: 'Unauthorized' };
}

function toSyncError(thrown: unknown): SyncError {
  if (thrown instanceof SyncError) return thrown;
  const collision = explainCollision(thrown);
  if (collision !== null) return collision;
  // Fastify's own errors carry a code; everything else is ours.
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new SyncError('BODY_TOO_LARGE', 'The body is larger than 1 MiB, which is the most that is taken.', {
      cause: thrown,
    });
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new SyncError('REQUEST_MALFORMED', 'The body must be JSON, sent as `content-type: application/json`.', {
      cause: thrown,
    });
  }
  if (isCallersFault(thrown)) {
    return new SyncError('REQUEST_MALFORMED', `The request could not be read: ${thrown.message}.`, { cause: thrown });
  }
  return new SyncError('INTERNAL', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

function isCallersFault(thrown: unknown): thrown is FastifyError {
  return (
    thrown instanceof Error &&
    'statusCode' in thrown &&
    Number(thrown.statusCode) >= 400 &&
    Number(thrown.statusCode) < 500
  );
}

/** Facts of an error on the wire: keys in snake_case, at every depth. */
function toWire(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [toSnakeCase(key), toWireValue(value)]));
}

function toWireValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toWireValue);
  // Error details are plain JSON.
  return typeof value === 'object' && value !== null ? toWire(value as Readonly<Record<string, unknown>>) : value;
}

function toSnakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
