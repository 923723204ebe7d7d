import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { SyncError } from '../../core/index.ts';
import { toHttpError } from './http-errors.ts';
import { untilAborted } from './until-aborted.ts';

/** One request to a host that a user named. */
export interface GuardedRequest {
  readonly method: string;
  /** `http:` or `https:`, without credentials in it. */
  readonly url: string | URL;
  /** `host`, `content-length` and what belongs to one hop only is set by the client and left out of these. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Redirects that are followed; each hop is checked like the first. Default 0: the redirect is the answer. */
  readonly maxRedirects?: number;
  /** For all hops together. Default 30 s. */
  readonly timeoutMs?: number;
  /** Of the answer's body, as it travels. Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** `fail` (default) throws for a longer body; `cut` answers its beginning. */
  readonly onLongBody?: 'fail' | 'cut';
  readonly signal?: AbortSignal;
}

/** What the host answered; any status, also of 400 and above, is an answer. */
export interface GuardedResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly isTruncated: boolean;
  /** Where the answer came from, behind all redirects. */
  readonly url: string;
}

/**
 * Sends one request, with a connection of its own.
 * @throws `CONN_ADDRESS_REFUSED`, `CONN_UNREACHABLE`, `CONN_TLS_FAILED`, `CONN_LOST`, `HTTP_URL_REFUSED`, `HTTP_TIMEOUT`,
 * `HTTP_ANSWER_REFUSED` (too long, or too many redirects), and the signal's reason
 */
export type GuardedClient = (request: GuardedRequest) => Promise<GuardedResponse>;

export interface GuardedClientOptions {
  /** The address check that all outbound connections pass. */
  readonly resolveHost: (host: string) => Promise<string>;
  /** Certificates to trust beside the system's, as PEM. */
  readonly trustedCertificates?: string;
}

const TIMEOUT_MS = 30_000;
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * The one way to speak HTTP to a host that a user named. The name is resolved once, the address is checked, and the
 * connection goes to the address that was checked: a name that points elsewhere a moment later changes nothing.
 */
export function createGuardedClient(options: GuardedClientOptions): GuardedClient {
  return async (request) => {
    const url = parseUrl(request.url);
    const limit = AbortSignal.timeout(request.timeoutMs ?? TIMEOUT_MS);
    const signal = request.signal === undefined ? limit : AbortSignal.any([limit, request.signal]);
    try {
      return await follow(options, { ...request, url, headers: ownHeaders(request.headers ?? {}) }, signal);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (limit.aborted) throw timedOut(url, request.timeoutMs ?? TIMEOUT_MS);
      throw error;
    }
  };
}

interface Hop extends GuardedRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

async function follow(options: GuardedClientOptions, first: Hop, signal: AbortSignal): Promise<GuardedResponse> {
  const most = first.maxRedirects ?? 0;
  let hop = first;
  for (let followed = 0; ; followed += 1) {
    const response = await exchange(options, hop, signal);
    const location = response.headers.location;
    if (most === 0 || !REDIRECTS.has(response.status) || location === undefined) return response;
    if (followed === most)
      throw new SyncError(
        'HTTP_ANSWER_REFUSED',
        `${hop.url.host} redirects more than ${most} times. Name the last address.`,
      );
    hop = nextHop(hop, response.status, location);
  }
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

function nextHop(hop: Hop, status: number, location: string): Hop {
  const url = parseUrl(location, hop.url);
  if (hop.url.protocol === 'https:' && url.protocol !== 'https:')
    throw new SyncError(
      'HTTP_ANSWER_REFUSED',
      `${hop.url.host} redirects from https to http, which is not followed. Name the address that is meant.`,
    );
  // What is meant for one host is not shown to another.
  const headers = url.origin === hop.url.origin ? hop.headers : {};
  const { body, ...rest } = hop;
  const isRepeated = status === 307 || status === 308 || hop.method === 'GET' || hop.method === 'HEAD';
  if (!isRepeated) return { ...rest, url, headers, method: 'GET' };
  return { ...rest, ...(body === undefined ? {} : { body }), url, headers };
}

async function exchange(options: GuardedClientOptions, hop: Hop, signal: AbortSignal): Promise<GuardedResponse> {
  const { url, method } = hop;
  const address = await untilAborted(options.resolveHost(url.hostname), signal);
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const body = hop.body === undefined ? undefined : Buffer.from(hop.body);
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const target = {
    host: address,
    port: url.port === '' ? undefined : Number(url.port),
    path: `${url.pathname}${url.search}`,
    method,
    headers: {
      ...hop.headers,
      host: url.host,
      ...(body === undefined ? {} : { 'content-length': body.byteLength }),
    },
    // The certificate has to be the name's; an address written out is proved as an address.
    ...(isIP(name) === 0 ? { servername: name.replace(/\.$/, '') } : {}),
    ...(options.trustedCertificates === undefined ? {} : { ca: options.trustedCertificates }),
    // A pooled connection could have been opened for another name.
    agent: false,
    signal,
  };
  try {
    const response = await untilAnswered(send(target), body);
    return await readAnswer(response, hop);
  } catch (error) {
    throw toHttpError(error, url);
  }
}

function untilAnswered(request: ClientRequest, body: Buffer | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve);
    // Also after the answer has begun: what breaks then is seen by whoever reads it.
    request.on('error', reject);
    // A protocol that we did not offer: nobody would ever close it.
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      reject(new Error('it switched to another protocol'));
    });
    request.end(body);
  });
}

async function readAnswer(response: IncomingMessage, hop: Hop): Promise<GuardedResponse> {
  const limit = hop.maxBodyBytes ?? MAX_BODY_BYTES;
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  // Leaving the loop destroys the response, and its connection with it.
  for await (const part of response) {
    // Without an encoding set, a stream of HTTP gives buffers.
    parts.push(part as Buffer);
    sizeBytes += parts.at(-1)?.byteLength ?? 0;
    if (sizeBytes > limit) break;
  }
  const isTruncated = sizeBytes > limit;
  if (isTruncated && hop.onLongBody !== 'cut')
    throw new SyncError(
      'HTTP_ANSWER_REFUSED',
      `${hop.url.host} answered with more than ${limit} bytes, which is the most that is taken.`,
    );
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(parts).subarray(0, limit),
    isTruncated,
    url: hop.url.href,
  };
}

/** Parsing turns hosts written as one number, in hex or octal into the address that they mean, before it is checked. */
function parseUrl(given: string | URL, base?: URL): URL {
  const url = URL.parse(String(given), base?.href);
  if (url === null) throw refuseUrl('is no URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refuseUrl('begins with neither http: nor https:');
  if (url.username !== '' || url.password !== '')
    throw refuseUrl('has a user name or password in it; send them in a header');
  return url;
}

/** Never shows the URL: its query may hold a key. */
function refuseUrl(reason: string): SyncError {
  return new SyncError('HTTP_URL_REFUSED', `The URL ${reason}. Give one such as https://example.com/path.`);
}

function timedOut(url: URL, timeoutMs: number): SyncError {
  return new SyncError(
    'HTTP_TIMEOUT',
    `${url.host} did not answer whole within ${timeoutMs / 1000} s. Check whether it is up and reachable from here.`,
  );
}

/** Headers of one hop, and those that say where a message ends: a second opinion on these is how requests get smuggled. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function ownHeaders(given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(given).filter(([name]) => !OWN_HEADERS.has(name.toLowerCase())));
}
