import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { API_VERSIONS } from '../contract/index.ts';
import type { Services } from '../operations/index.ts';
import { registerHealth, type Watching } from './health.ts';

const REFERENCE_POLICY =
  "connect-src 'self'; font-src 'self' data:; img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

const REFERENCE = '/reference';
const OPEN = { schema: { hide: true }, exposeHeadRoute: true } as const;

/** What is open to everybody: the reference page, and the questions of those who watch the process. */
export function registerPages(
  app: FastifyInstance,
  services: Services,
  productVersion: string,
  watching: Watching,
): void {
  registerHealth(app, services, productVersion, watching);
  app.get('/', OPEN, async (_request, reply) => reply.redirect(REFERENCE));
  registerReference(app);
}

/** The page and its script. */
function registerReference(app: FastifyInstance): void {
  let loading: Promise<FastifyInstance> | undefined;
  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    // Its script has megabytes, which nearly no process is asked for: they cost each start a fifth of a second.
    loading ??= loadReference();
    const page = await (await loading).inject({ method: 'GET', url: request.url });
    for (const name of ['content-type', 'location']) {
      const value = page.headers[name];
      if (value !== undefined) void reply.header(name, value);
    }
    // A key typed into the page must reach nobody but this server.
    void reply.code(page.statusCode).header('content-security-policy', REFERENCE_POLICY);
    return reply.send(page.rawPayload);
  };
  for (const path of ['', '/js/scalar.js']) app.get(`${REFERENCE}${path}`, { schema: { hide: true } }, answer);
}

/** An application of its own: to one that answers already, no plugin can be added. */
async function loadReference(): Promise<FastifyInstance> {
  const { default: scalarReference } = await import('@scalar/fastify-api-reference');
  const app = Fastify();
  await app.register(scalarReference, {
    routePrefix: REFERENCE,
    configuration: {
      pageTitle: 'Millrace API',
      sources: API_VERSIONS.map((version) => ({ title: version, url: `/openapi/${version}.json` })),
      withDefaultFonts: false,
      telemetry: false,
      hideClientButton: true,
    },
  });
  await app.ready();
  return app;
}
