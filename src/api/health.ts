import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { isMetadataReachable, type Services } from '../operations/index.ts';

const OPEN = { schema: { hide: true }, exposeHeadRoute: true } as const;

/** What those who watch a process ask it, whatever its role; open to everybody. */
export function registerHealth(app: FastifyInstance, services: Pick<Services, 'store'>, productVersion: string): void {
  app.get('/healthz', OPEN, async () => ({ status: 'ok', version: productVersion }));
  app.get('/readyz', OPEN, async (_request, reply) => {
    const isReady = await isMetadataReachable(services);
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'metadata database unreachable' });
  });
}

/** The server of a process without the API: it answers those two questions and nothing else. Not yet listening. */
export function createHealthServer(options: {
  readonly services: Pick<Services, 'store'>;
  readonly productVersion: string;
  readonly logger?: FastifyBaseLogger;
}): FastifyInstance {
  const app = Fastify({
    ...(options.logger === undefined ? { logger: false } : { loggerInstance: options.logger }),
    logController: new LogController({ disableRequestLogging: true }),
  });
  registerHealth(app, options.services, options.productVersion);
  return app;
}
