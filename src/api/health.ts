import { createHash, timingSafeEqual } from 'node:crypto';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from 'fastify';
import { API_VERSIONS } from '../contract/index.ts';
import { type Meter, SyncError } from '../core/index.ts';
import { isMetadataReachable, type Services } from '../operations/index.ts';
import { registerErrors } from './errors.ts';

const OPEN = { schema: { hide: true }, exposeHeadRoute: true } as const;

/** What is known of the process by those who started it. */
export interface Watching {
  /** What has to be in order before requests may be sent here, beside the metadata database; null = it is, else what is wrong. */
  readonly checks?: Readonly<Record<string, () => string | null | Promise<string | null>>>;
  readonly metrics?: MetricsAccess;
  readonly meter?: Meter;
}

/** The page of metrics, and who may see it. */
export interface MetricsAccess {
  /** Asked as `Authorization: Bearer <token>`; null = everybody who reaches the port may look, or nobody. */
  readonly token: string | null;
  /** Without a token: true where only this machine reaches the port. */
  readonly isPrivate: boolean;
  readonly render: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

/** What those who watch a process ask it, whatever its role. Health is open to everybody, metrics by their own rule. */
export function registerHealth(
  app: FastifyInstance,
  services: Pick<Services, 'store'>,
  productVersion: string,
  { checks = {}, metrics, meter }: Watching = {},
): void {
  const all = { metadata: () => checkMetadata(services), ...checks };
  app.get('/healthz', OPEN, async () => ({ status: 'ok', version: productVersion }));
  app.get('/readyz', OPEN, async (_request, reply) => {
    const answers = await Promise.all(
      Object.entries(all).map(async ([name, check]) => [name, await ask(check)] as const),
    );
    const isReady = answers.every(([, problem]) => problem === null);
    return reply.code(isReady ? 200 : 503).send({
      status: isReady ? 'ready' : 'not ready',
      checks: Object.fromEntries(answers.map(([name, problem]) => [name, problem ?? 'ok'])),
    });
  });
  if (meter !== undefined) measureRequests(app, meter);
  if (metrics === undefined) return;
  app.get('/metrics', OPEN, async (request, reply) => {
    requireAccess(metrics, request);
    const { contentType, body } = await metrics.render();
    return reply.header('content-type', contentType).header('cache-control', 'no-store').send(body);
  });
}

/** The server of a process without the API: it answers those questions and nothing else. Not yet listening. */
export function createHealthServer(options: {
  readonly services: Pick<Services, 'store'>;
  readonly productVersion: string;
  readonly logger?: FastifyBaseLogger;
  readonly watching?: Watching;
}): FastifyInstance {
  const app = Fastify({
    ...(options.logger === undefined ? { logger: false } : { loggerInstance: options.logger }),
    logController: new LogController({ disableRequestLogging: true }),
  });
  app.decorateRequest('apiVersion', API_VERSIONS[0]);
  registerErrors(app);
  registerHealth(app, options.services, options.productVersion, options.watching);
  return app;
}

async function checkMetadata(services: Pick<Services, 'store'>): Promise<string | null> {
  return (await isMetadataReachable(services)) ? null : 'the metadata database does not answer';
}

/** A check that hangs is as bad as one that fails: whoever asks gives up after some seconds. */
const CHECK_LIMIT_MS = 4_000;

async function ask(check: () => string | null | Promise<string | null>): Promise<string | null> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve('no answer in time'), CHECK_LIMIT_MS);
  try {
    return await Promise.race([check(), late.promise]);
  } catch {
    return 'the check failed';
  } finally {
    clearTimeout(timer);
  }
}

function requireAccess({ token, isPrivate }: MetricsAccess, request: FastifyRequest): void {
  if (token === null && isPrivate) return;
  if (token === null)
    throw new SyncError(
      'METRICS_CLOSED',
      'Metrics are closed, because the server listens beyond this machine and no token is set. Set MILLRACE_METRICS_TOKEN, and send it as `Authorization: Bearer <token>`.',
    );
  const [, given = ''] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? [];
  // Of equal length, so that the comparison tells nothing of the token.
  const digest = (text: string) => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(given), digest(token))) return;
  throw new SyncError(
    'AUTH_REQUIRED',
    'Metrics need the token of MILLRACE_METRICS_TOKEN. Send it as `Authorization: Bearer <token>`; an API key does not open them.',
  );
}

/** By the route's template: paths hold ids. */
function measureRequests(app: FastifyInstance, meter: Meter): void {
  app.addHook('onResponse', async (request, reply) => {
    const labels = {
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: String(reply.statusCode),
    };
    meter.observe('http_request_seconds', labels, reply.elapsedTime / 1_000);
  });
}
