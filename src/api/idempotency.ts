import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  beginIdempotent,
  type Context,
  createContext,
  endIdempotent,
  type KeptAnswer,
  renewIdempotent,
  type Services,
} from '../operations/index.ts';

const HEADER = 'idempotency-key';
const RENEWAL_MS = 15_000;
/** What an answer says beside its body; everything else belongs to one request. */
const KEPT_HEADERS = ['content-type', 'location', 'warning', 'retry-after'];

/** What is being answered for the first time, by request. */
type Attempts = WeakMap<
  FastifyRequest,
  { readonly context: Context; readonly attempt: Parameters<typeof endIdempotent>[1] }
>;

/** What a route that writes adds to its own. */
export interface IdempotencyHooks {
  preValidation(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined>;
  onSend(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown>;
}

/**
 * Makes writes repeatable: with an Idempotency-Key the first answer, whatever it is, is given again for 24 hours. What is
 * refused before the body is read (no key, too many requests, no JSON) is not an answer to it.
 */
export function createIdempotency(app: FastifyInstance, services: Services): IdempotencyHooks {
  const attempts: Attempts = new WeakMap();
  const inFlight = new Set<string>();
  const timer = setInterval(() => void renew(app, services, [...inFlight]), RENEWAL_MS).unref();
  app.addHook('onClose', async () => clearInterval(timer));
  return {
    preValidation: async (request, reply) => {
      const key = request.headers[HEADER];
      if (typeof key !== 'string' || request.caller === null) return undefined;
      const context = createContext(services, request.caller);
      const start = await beginIdempotent(context, key, describe(request));
      if (start.kind === 'again') return sendAgain(reply, start.answer);
      attempts.set(request, { context, attempt: start.attempt });
      inFlight.add(start.attempt.attempt);
      return undefined;
    },
    onSend: async (request, reply, payload) => {
      const first = attempts.get(request);
      if (first === undefined) return payload;
      attempts.delete(request);
      try {
        await endIdempotent(first.context, first.attempt, toKept(reply, payload));
      } catch (error) {
        // What was asked for is done: its client must hear that, even if a repetition cannot.
        request.log.warn({ err: error }, 'An answer could not be kept for its Idempotency-Key.');
      }
      inFlight.delete(first.attempt.attempt);
      return payload;
    },
  };
}

async function renew(app: FastifyInstance, services: Services, attempts: readonly string[]): Promise<void> {
  if (attempts.length === 0) return;
  try {
    await renewIdempotent(services.store, attempts);
  } catch (error) {
    app.log.warn({ err: error }, 'Requests in flight could not say that they are.');
  }
}

function describe({ apiVersion, method, url, body }: FastifyRequest) {
  return { version: apiVersion, method, url, body: body === undefined ? '' : JSON.stringify(body) };
}

function sendAgain(reply: FastifyReply, { status, headers, body }: KeptAnswer): FastifyReply {
  void reply.code(status).headers({ ...headers, 'idempotency-replayed': 'true' });
  return reply.send(body === '' ? undefined : body);
}

/** Answers of operations that write are JSON text, or nothing. */
function toKept(reply: FastifyReply, payload: unknown): KeptAnswer {
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = reply.getHeader(name);
    return value === undefined ? [] : [[name, String(value)] as const];
  });
  return {
    status: reply.statusCode,
    headers: Object.fromEntries(headers),
    body: typeof payload === 'string' ? payload : '',
  };
}
