import scalarReference from '@scalar/fastify-api-reference';
import type { FastifyInstance } from 'fastify';
import { API_VERSIONS } from '../contract/index.ts';
import type { Services } from '../operations/index.ts';
import { registerHealth, type Watching } from './health.ts';

const REFERENCE_POLICY =
  "connect-src 'self'; font-src 'self' data:; img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

const OPEN = { schema: { hide: true }, exposeHeadRoute: true } as const;

/** What is open to everybody: the reference page, and the questions of those who watch the process. */
export function registerPages(
  app: FastifyInstance,
  services: Services,
  productVersion: string,
  watching: Watching,
): void {
  registerHealth(app, services, productVersion, watching);
  app.get('/', OPEN, async (_request, reply) => reply.redirect('/reference'));
  void app.register(scalarReference, {
    routePrefix: '/reference',
    hooks: {
      // A key typed into the page must reach nobody but this server.
      onRequest: async (_request, reply) => {
        void reply.header('content-security-policy', REFERENCE_POLICY);
      },
    },
    configuration: {
      pageTitle: 'Millrace API',
      sources: API_VERSIONS.map((version) => ({ title: version, url: `/openapi/${version}.json` })),
      withDefaultFonts: false,
      telemetry: false,
      hideClientButton: true,
    },
  });
}
