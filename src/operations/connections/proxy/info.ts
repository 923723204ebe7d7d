import { readProxyCalls } from '../../../store/index.ts';
import type { Context } from '../../context.ts';
import { requireConnection } from '../connections.ts';
import { openHttpAccess } from './access.ts';
import { BLOCKED_REQUEST_HEADERS, BLOCKED_RESPONSE_HEADERS, PROXY_LIMITS, PROXY_METHODS, REDACTED } from './rules.ts';

const DAY_MS = 86_400_000;

/** What requests through a connection begin with, what they may be, and how many there were. Values are left out. */
export async function getProxyInfo(context: Context, connectionId: string) {
  const connection = await requireConnection(context, connectionId);
  const { baseUrl, headers, query } = await openHttpAccess(context, connection);
  const since = new Date(context.clock().getTime() - DAY_MS);
  const { organizationId } = context.caller;
  return {
    connectionId: connection.id,
    backendType: connection.type,
    inheritedBase: {
      // A shared connection shows nothing of its parent's configuration.
      baseUrl: connection.parentConnectionId === null ? baseUrl : REDACTED,
      lockedHeaders: headers.map(({ name }) => ({ name, value: REDACTED, redacted: true })),
      lockedQuery: Object.fromEntries(query.map(({ name }) => [name, REDACTED])),
    },
    mergeRules: MERGE_RULES,
    requestContract: REQUEST_CONTRACT,
    counts: await readProxyCalls(context.store.db, organizationId, connection.id, since),
  };
}

const MERGE_RULES = {
  headers: 'Headers of the connection are sent with every request. A request that brings one of them is refused.',
  query: 'Parameters of the connection are appended to every query. A request that brings one of them is refused.',
} as const;

const REQUEST_CONTRACT = {
  allowedMethods: PROXY_METHODS,
  blockedRequestHeaders: BLOCKED_REQUEST_HEADERS,
  blockedResponseHeaders: BLOCKED_RESPONSE_HEADERS,
  bodyTypes: ['json', 'text'],
  maxRequestBodyBytes: PROXY_LIMITS.requestBodyBytes,
  maxResponseBodyBytes: PROXY_LIMITS.answerBodyBytes,
  pathRule:
    'Begins with one slash and stays below the base URL: no scheme, host, "//", backslash, "." or ".." as a segment, also not encoded.',
  queryModes: ['query', 'rawQuery'],
  queryValueTypes: ['string', 'number', 'boolean', 'array'],
  rateLimitPerMinute: PROXY_LIMITS.connectionPerMinute,
  rawQueryRule: 'Encoded as in a URL, without "?" before it; not together with query.',
  timeoutMs: PROXY_LIMITS.timeoutMs,
} as const;
