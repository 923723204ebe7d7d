import scalarReference from '@scalar/fastify-api-reference';
import type { FastifyInstance } from 'fastify';
import { API_VERSIONS } from '../contract/index.ts';
import { isMetadataReachable } from '../operations/index.ts';
import type { ServerOptions } from './server.ts';

/** What is open to everybody: the reference page, and two questions for those who watch the process. */
export function registerPages(app: FastifyInstance, options: ServerOptions): void {
  app.get('/healthz', { schema: { hide: true } }, async () => ({ status: 'ok', version: options.productVersion }));
  app.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
    const isReady = await isMetadataReachable(options.services);
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'metadata database unreachable' });
  });
  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/reference'));
  void app.register(scalarReference, {
    routePrefix: '/reference',
    configuration: {
      pageTitle: 'Millrace API',
      sources: API_VERSIONS.map((version) => ({ title: version, url: `/openapi/${version}.json` })),
      withDefaultFonts: false,
      telemetry: false,
      hideClientButton: true,
    },
  });
}
