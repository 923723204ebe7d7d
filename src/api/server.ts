import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifySchema, LogController } from 'fastify';
import { serializerCompiler } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type ApiVersion, apiErrorSchema, restErrorSchema } from '../contract/index.ts';
import { SyncError } from '../core/index.ts';
import { type Caller, createContext, type Services } from '../operations/index.ts';
import { registerAuth } from './auth.ts';
import { registerBodies } from './bodies.ts';
import { registerDownloads } from './downloads/downloads.ts';
import { registerErrors, sendError } from './errors.ts';
import type { Watching } from './health.ts';
import { createIdempotency, type IdempotencyHooks } from './idempotency.ts';
import { type ClientLimits, registerCompression, registerCors, registerRateLimit } from './limits.ts';
import { registerOpenApi } from './openapi.ts';
import { registerPages } from './pages.ts';
import { logRequests } from './request-log.ts';
import type { Route, RouteCallers } from './route.ts';
import { ROUTES } from './routes/index.ts';
import { inRequestSpan } from './tracing.ts';
import { answerUnreadable } from './unreadable.ts';
import { validatorCompiler } from './validation.ts';
import { isApiRequest, parseDefaultVersion, registerNotFound, registerVersions, versionConstraint } from './version.ts';
import { hasOwnUnauthenticated } from './versions/2024-02-08/unauthenticated.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for every request under `/api` before its handler runs. */
    caller: Caller | null;
    apiVersion: ApiVersion;
  }
  interface FastifyContextConfig {
    /** Absent for what is no route of the API. */
    readonly callers?: RouteCallers;
  }
}

export interface ServerOptions {
  /** With the whole store: each request gets the part of its organization. */
  readonly services: Services;
  /** API version of requests that name none. */
  readonly defaultVersion: string;
  /** Of this Millrace, for people. */
  readonly productVersion: string;
  /** Absent = none: any number of requests, and no web page. */
  readonly limits?: ClientLimits;
  /** Addresses and networks of proxies that say for whom they ask; absent = none. */
  readonly trustedProxies?: readonly string[];
  /** Absent = the metadata database is all that readiness asks about, and there are no metrics. */
  readonly watching?: Watching;
  /** Absent = silent. */
  readonly logger?: FastifyBaseLogger;
}

/** The most that a request's body may hold. */
const BODY_LIMIT_BYTES = 1024 * 1024;

/**
 * The HTTP server with every route, not yet listening.
 * @throws `CONFIG_INVALID` when the default version is not one that is served
 */
export function createServer(options: ServerOptions): FastifyInstance {
  const defaultVersion = parseDefaultVersion(options.defaultVersion);
  const app = Fastify({
    ...(options.logger === undefined ? { logger: false } : { loggerInstance: options.logger }),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: BODY_LIMIT_BYTES,
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    trustProxy:
      options.trustedProxies === undefined || options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    clientErrorHandler: answerUnreadable,
    // A path that cannot be decoded never reaches the error handler.
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
    // Schema ids stand in paths and may be as long as two names of a database, percent-encoded.
    routerOptions: { constraints: versionConstraint(defaultVersion), maxParamLength: 2000, ignoreTrailingSlash: true },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  registerBodies(app);
  registerErrors(app);
  logRequests(app);
  registerHeaders(app);
  registerVersions(app, defaultVersion);
  registerCompression(app);
  registerCors(app, options.limits?.corsOrigins ?? []);
  // Behind the plugins: the browser's question whether it may ask comes without a key.
  void app.after(() => registerAuth(app, options.services));
  registerRateLimit(app, options.limits?.requestsPerMinute ?? 0);
  registerNotFound(app, ROUTES);
  registerOpenApi(app, options.productVersion);
  registerDownloads(app, options.services);
  registerPages(app, options.services, options.productVersion, options.watching ?? {});
  const idempotency = createIdempotency(app, options.services);
  void app.after(() => {
    for (const route of ROUTES) {
      for (const version of route.versions) addRoute(app, route, version, options.services, idempotency);
    }
  });
  return app;
}

function registerHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    });
    if (isApiRequest(request)) void reply.header('cache-control', 'no-store');
  });
}

function addRoute(
  app: FastifyInstance,
  route: Route,
  version: ApiVersion,
  services: Services,
  idempotency: IdempotencyHooks,
): void {
  app.route({
    method: route.method,
    url: route.url,
    constraints: { apiVersion: version },
    exposeHeadRoute: route.method === 'GET',
    ...(route.method === 'GET' ? {} : idempotency),
    schema: toFastifySchema(route, version),
    config: { callers: route.callers ?? 'organization' },
    handler: async (request, reply) => {
      const { caller, params, query, body } = request;
      if (caller === null) throw new SyncError('INTERNAL', 'A route was reached without a caller.');
      void reply.code(route.status ?? 200);
      const answer = { setHeader: (name: string, value: string) => void reply.header(name, value) };
      const result = await inRequestSpan(request, route.url, () =>
        route.handle(createContext(services, caller), { params, query, body, version }, answer),
      );
      return reply.send(result);
    },
  });
}

/** The keys of an operation's callers, as OpenAPI names them (`openapi.ts`). */
const SECURITY: Readonly<Record<RouteCallers, { [scheme: string]: string[] }[]>> = {
  organization: [{ userKey: [] }, { organizationKey: [] }],
  partner: [{ partnerKey: [] }],
  any: [{ userKey: [] }, { organizationKey: [] }, { partnerKey: [] }],
};

function toFastifySchema(route: Route, version: ApiVersion): FastifySchema {
  return {
    operationId: route.operationId,
    summary: route.summary,
    tags: [route.operationId.split('.').slice(0, -1).join('.')],
    security: SECURITY[route.callers ?? 'organization'],
    ...(route.params === undefined ? {} : { params: route.params }),
    ...(route.query === undefined ? {} : { querystring: route.query }),
    ...(route.body === undefined ? {} : { body: route.body }),
    response: {
      [route.status ?? 200]: route.response ?? z.undefined().describe('Done; there is no body.'),
      401: hasOwnUnauthenticated(version) ? restErrorSchema : apiErrorSchema,
      default: apiErrorSchema,
    },
  };
}
