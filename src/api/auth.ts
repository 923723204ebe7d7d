import type { FastifyInstance } from 'fastify';
import { SyncError } from '../core/index.ts';
import { authenticate, type Credentials, type Services } from '../operations/index.ts';
import { isApiPath } from './version.ts';

/** Every path under `/api` needs a key; the others are open. */
export function registerAuth(app: FastifyInstance, services: Services): void {
  app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request) => {
    if (!isApiPath(request.url)) return;
    request.caller = await authenticate(services, parseAuthorization(request.headers.authorization));
  });
}

/** Reads `Bearer <key>`, `Basic <organization id>:<key>` and `Basic <key>:`. @throws `AUTH_REQUIRED` */
function parseAuthorization(header: string | undefined): Credentials {
  const [, scheme, value] = /^(\S+) +(\S+) *$/.exec(header ?? '') ?? [];
  if (scheme?.toLowerCase() === 'bearer' && value !== undefined) return { kind: 'bearer', key: value };
  if (scheme?.toLowerCase() === 'basic' && value !== undefined) return parseBasic(value);
  throw new SyncError(
    'AUTH_REQUIRED',
    'No API key came with the request. Send `Authorization: Bearer <key>`, or Basic with `<organization id>:<deployment key>`.',
  );
}

function parseBasic(value: string): Credentials {
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const user = colon === -1 ? text : text.slice(0, colon);
  const password = colon === -1 ? '' : text.slice(colon + 1);
  return password === ''
    ? { kind: 'basic', organizationId: null, key: user }
    : { kind: 'basic', organizationId: user, key: password };
}
