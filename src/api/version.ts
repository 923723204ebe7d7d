import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify';
import { API_VERSIONS, type ApiVersion, isApiVersion, VERSION_HEADER } from '../contract/index.ts';
import { SyncError } from '../core/index.ts';
import type { Route } from './route.ts';

const HEADER = VERSION_HEADER.toLowerCase();

/** The value of one header, whose repetition is refused by nobody else. */
function askedVersion(headers: FastifyRequest['headers']): string | undefined {
  const value = headers[HEADER];
  return Array.isArray(value) ? value[0] : value;
}

/** The deployment's version for requests that name none. @throws `CONFIG_INVALID` */
export function parseDefaultVersion(value: string): ApiVersion {
  if (isApiVersion(value)) return value;
  throw new SyncError(
    'CONFIG_INVALID',
    `MILLRACE_API_VERSION is ${value}, which is not an API version. Set it to one of ${API_VERSIONS.join(', ')}.`,
  );
}

/** Lets one path have a handler per API version. */
export function versionConstraint(
  defaultVersion: ApiVersion,
): NonNullable<NonNullable<FastifyServerOptions['routerOptions']>['constraints']> {
  return {
    apiVersion: {
      name: 'apiVersion',
      storage: () => {
        const handlers = new Map();
        return {
          get: (version) => handlers.get(version) ?? null,
          set: (version, handler) => handlers.set(version, handler),
        };
      },
      validate: () => true,
      deriveConstraint: (request) => askedVersion(request.headers) ?? defaultVersion,
    },
  };
}

/** Settles each request's version before anything else, and names it in the answer. */
export function registerVersions(app: FastifyInstance, defaultVersion: ApiVersion): void {
  app.decorateRequest('apiVersion', defaultVersion);
  app.addHook('onRequest', async (request, reply) => {
    const asked = askedVersion(request.headers) ?? defaultVersion;
    const isKnown = isApiVersion(asked);
    if (isKnown) request.apiVersion = asked;
    void reply.header(VERSION_HEADER, request.apiVersion);
    if (!isKnown && isApiRequest(request)) {
      throw new SyncError(
        'REQUEST_MALFORMED',
        `The header ${VERSION_HEADER} asks for "${asked}", which is not served. Ask for one of ${API_VERSIONS.join(', ')}.`,
      );
    }
  });
}

/**
 * True for requests that need a key and obey the version header. What the router found decides: one path can be written in
 * many ways, `/%61pi/me` and `http://any.name/api/me` among them.
 */
export function isApiRequest({ routeOptions, url }: FastifyRequest): boolean {
  return isApiPath(routeOptions.url ?? url);
}

function isApiPath(url: string): boolean {
  return url === '/api' || url.startsWith('/api/') || url.startsWith('/api?');
}

/** Answers unknown paths; a path that another version has names that version. */
export function registerNotFound(app: FastifyInstance, routes: readonly Route[]): void {
  const known = routes.map((route) => ({
    method: route.method,
    pattern: toPattern(route.url),
    versions: route.versions,
  }));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const asked = request.method === 'HEAD' ? 'GET' : request.method;
    const onPath = known.filter((route) => route.pattern.test(path));
    const versions = onPath.filter((route) => route.method === asked).flatMap((route) => route.versions);
    const methods = listMethods(onPath.filter((route) => route.versions.includes(request.apiVersion)));
    const where = `${request.method} ${path}`;
    if (versions.length > 0) {
      throw new SyncError(
        'ROUTE_NOT_FOUND',
        `There is no ${where} in version ${request.apiVersion}. These have it: ${versions.join(', ')}; ask for one in the header ${VERSION_HEADER}.`,
        { detail: { versions } },
      );
    }
    if (methods.length === 0) {
      throw new SyncError(
        'ROUTE_NOT_FOUND',
        `There is no ${where}. The reference at /reference lists every operation.`,
      );
    }
    void reply.header('allow', methods.join(', '));
    if (request.method === 'OPTIONS') return reply.code(204).send();
    throw new SyncError('METHOD_NOT_ALLOWED', `There is no ${where}; the path knows ${methods.join(', ')}.`, {
      detail: { methods },
    });
  });
}

/** The methods of one path, with HEAD where there is GET. */
function listMethods(routes: readonly { readonly method: string }[]): string[] {
  const methods = [...new Set(routes.map(({ method }) => method))];
  return methods.includes('GET') ? ['HEAD', ...methods] : methods;
}

function toPattern(url: string): RegExp {
  const parts = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}/?$`);
}
