/** Methods of requests that are passed on. */
export const PROXY_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type ProxyMethod = (typeof PROXY_METHODS)[number];

/** What one request may be, and take. */
export const PROXY_LIMITS = {
  timeoutMs: 30_000,
  requestBodyBytes: 256 * 1024,
  answerBodyBytes: 1024 * 1024,
  /** Path, query and headers are no place for data; many servers take no more than 8 KiB of each. */
  headBytes: 16 * 1024,
  connectionPerMinute: 60,
  organizationPerMinute: 300,
} as const;

/**
 * Headers that a request must not bring: what one hop sets itself, what says who asks (that is the connection's business),
 * and what would pack the answer.
 */
export const BLOCKED_REQUEST_HEADERS = [
  'accept-encoding',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
] as const;

/** Headers of an answer that are left out: what was of one hop, and sessions that nobody here keeps. */
export const BLOCKED_RESPONSE_HEADERS = [
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'set-cookie',
  'set-cookie2',
  'trailer',
  'transfer-encoding',
  'upgrade',
] as const;

/** What stands for values of the connection, in what it is told about and in answers of the system. */
export const REDACTED = '[REDACTED]';
