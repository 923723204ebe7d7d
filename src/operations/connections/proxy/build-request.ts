import type { HttpAccess } from '../../../connector-kit/index.ts';
import { findPathFault, toRequestUrl } from '../../../connector-kit/net/index.ts';
import { SyncError } from '../../../core/index.ts';
import { refuseField } from '../../refusals.ts';
import { BLOCKED_REQUEST_HEADERS, PROXY_LIMITS, type ProxyMethod } from './rules.ts';

/** A request that somebody wants to be passed on. */
export interface ProxyRequest {
  readonly method: ProxyMethod;
  /** Below the connection's base URL, encoded as in a URL. */
  readonly path: string;
  /** Texts, numbers, booleans and lists of them; null = left out. Not together with `rawQuery`. */
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  /** Already encoded, without `?`. */
  readonly rawQuery?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A text is sent as it is, everything else as JSON; null or absent = none. */
  readonly body?: unknown;
}

/** The request as it leaves us. */
export interface OutgoingRequest {
  readonly method: ProxyMethod;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * Joins a request with what the connection says of all of them.
 * @throws `REQUEST_REFUSED` naming the field, where it would leave the base URL or override what the connection sets;
 * `BODY_TOO_LARGE`
 */
export function buildRequest(access: HttpAccess, given: ProxyRequest): OutgoingRequest {
  const url = toUrl(access.baseUrl, given.path);
  const query = [toQueryText(access, given), toText(access.query)].filter((part) => part !== '').join('&');
  url.search = query;
  const body = toBody(given.body);
  const headers = { ...toHeaders(access, given, body) };
  const headBytes = Buffer.byteLength(url.href) + Buffer.byteLength(JSON.stringify(headers));
  if (headBytes > PROXY_LIMITS.headBytes)
    throw refuseField('request', `path, query and headers are longer than ${PROXY_LIMITS.headBytes} bytes together`);
  return { method: given.method, url, headers, ...(body === null ? {} : { body: body.text }) };
}

function toUrl(baseUrl: string, path: string): URL {
  const fault = findPathFault(path);
  if (fault !== null) throw refuseField('request.path', fault);
  const url = toRequestUrl(baseUrl, path);
  if (url === null) throw refuseField('request.path', 'leads away from the base URL of the connection');
  return url;
}

function toQueryText({ query: locked }: HttpAccess, { query, rawQuery }: ProxyRequest): string {
  const names = new Set(locked.map(({ name }) => name));
  if (rawQuery === undefined) return toText(Object.entries(query ?? {}).flatMap((pair) => toPairs(pair, names)));
  if (query !== undefined) throw refuseField('request.rawQuery', 'give this or `query`, not both');
  if (!/^[\x21-\x7e]*$/.test(rawQuery) || /[?#]/.test(rawQuery.slice(0, 1)) || rawQuery.includes('#'))
    throw refuseField('request.rawQuery', 'must be encoded as in a URL, without "?" before it and without "#"');
  // Some servers take semicolons for separators, too.
  const taken = [...new URLSearchParams(rawQuery.replaceAll(';', '&')).keys()].find((name) => names.has(name));
  if (taken !== undefined) throw lockedParameter('request.rawQuery', taken);
  return rawQuery;
}

function toPairs([name, value]: readonly [string, unknown], locked: ReadonlySet<string>) {
  const place = `request.query.${name}`;
  if (locked.has(name)) throw lockedParameter(place, name);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values
    .filter((one) => one !== null)
    .map((one) => {
      if (typeof one !== 'string' && typeof one !== 'number' && typeof one !== 'boolean')
        throw refuseField(place, 'must be a text, a number, true, false, or a list of these');
      return { name, value: String(one) };
    });
}

function lockedParameter(field: string, name: string): SyncError {
  return refuseField(field, `the connection sets "${name}" in the query of every request, and it cannot be overridden`);
}

function toText(pairs: HttpAccess['query']): string {
  return new URLSearchParams(pairs.map(({ name, value }): [string, string] => [name, value])).toString();
}

const BLOCKED: ReadonlySet<string> = new Set(BLOCKED_REQUEST_HEADERS);

function toHeaders(access: HttpAccess, given: ProxyRequest, body: Body | null): Readonly<Record<string, string>> {
  const own = new Map([
    ['user-agent', 'millrace'],
    ['accept-encoding', 'identity'],
  ]);
  if (body !== null) own.set('content-type', body.contentType);
  const locked = new Map(access.headers.map(({ name, value }) => [name.toLowerCase(), value]));
  const asked = new Set<string>();
  for (const [name, value] of Object.entries(given.headers ?? {})) {
    const key = name.toLowerCase();
    const place = `request.headers.${name}`;
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw refuseField(place, 'is no name of a header');
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw refuseField(place, 'must be one line of Latin letters');
    if (locked.has(key)) throw refuseField(place, 'the connection sets this header, and it cannot be overridden');
    if (BLOCKED.has(key)) throw refuseField(place, 'this header cannot be passed on; leave it out');
    if (asked.has(key)) throw refuseField(place, 'this header is given twice');
    asked.add(key);
    own.set(key, value);
  }
  return Object.fromEntries([...own, ...locked]);
}

interface Body {
  readonly text: string;
  readonly contentType: string;
}

function toBody(given: unknown): Body | null {
  if (given === undefined || given === null) return null;
  const text = typeof given === 'string' ? given : JSON.stringify(given);
  const most = PROXY_LIMITS.requestBodyBytes;
  if (Buffer.byteLength(text) > most)
    throw new SyncError(
      'BODY_TOO_LARGE',
      `\`request.body\` is larger than ${most / 1024} KiB, which is the most that is passed on.`,
    );
  return { text, contentType: typeof given === 'string' ? 'text/plain; charset=utf-8' : 'application/json' };
}
