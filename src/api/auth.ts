import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SyncError } from '../core/index.ts';
import { authenticate, type Caller, type Credentials, type Services } from '../operations/index.ts';
import { createLockOut, type LockOut } from './lock-out.ts';
import type { RouteCallers } from './route.ts';
import { isApiRequest } from './version.ts';

/** Every path under `/api` needs a key, and one of the callers that the route is for; the other paths are open. */
export function registerAuth(app: FastifyInstance, services: Services): void {
  const lockOut = createLockOut();
  app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request) => {
    if (!isApiRequest(request)) return;
    const callers = request.routeOptions.config?.callers ?? 'any';
    const caller = await identify(services, lockOut, request, callers === 'organization');
    refuseOthers(caller, callers);
    request.caller = caller;
  });
}

/** @throws `AUTH_REQUIRED`, `LOCKED_OUT`, and as `authenticate` */
async function identify(
  services: Services,
  lockOut: LockOut,
  request: FastifyRequest,
  needsOrganization: boolean,
): Promise<Caller> {
  const { authorization = '' } = request.headers;
  const credentials = parseAuthorization(authorization);
  lockOut.check(request.ip, authorization);
  try {
    const caller = await authenticate(services, credentials, needsOrganization);
    lockOut.succeeded(authorization);
    return caller;
  } catch (error) {
    if (error instanceof SyncError && error.code === 'AUTH_REQUIRED') lockOut.failed(request.ip);
    throw error;
  }
}

/** @throws `FORBIDDEN` for a caller that the route is not for */
function refuseOthers({ kind }: Caller, callers: RouteCallers): void {
  if (callers === 'partner' && kind !== 'partner' && kind !== 'deployment')
    throw new SyncError(
      'FORBIDDEN',
      'This operation is for partner and deployment keys, sent alone as `Authorization: Bearer <key>`.',
    );
  if (callers === 'organization' && kind === 'partner')
    throw new SyncError(
      'FORBIDDEN',
      'A partner key alone does not act inside an organization. Send Basic with `<organization id>:<partner key>`.',
    );
}

/** Reads `Bearer <key>`, `Basic <organization id>:<key>` and `Basic <key>:`. @throws `AUTH_REQUIRED` */
function parseAuthorization(header: string): Credentials {
  const [, scheme, value] = /^(\S+) +(\S+) *$/.exec(header) ?? [];
  if (scheme?.toLowerCase() === 'bearer' && value !== undefined) return { kind: 'bearer', key: value };
  if (scheme?.toLowerCase() === 'basic' && value !== undefined) return parseBasic(value);
  throw new SyncError(
    'AUTH_REQUIRED',
    'No API key came with the request. Send `Authorization: Bearer <key>`, or Basic with `<organization id>:<partner or deployment key>`.',
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
