import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { LightMyRequestResponse } from 'fastify';
import { expect } from 'vitest';
import { createAddressCheck, type GuardedClient } from '../../src/connector-kit/net/index.ts';
import { CONNECTORS } from '../../src/connectors/index.ts';
import { readContract } from '../compatibility/contract.ts';
import { type TestApi, useTestApi } from './api.ts';
import { type HttpRecorder, useHttpRecorder } from './http-recorder.ts';

/** What connections to the HTTP API carry; the API sends each of these back where it can. */
export const TOKEN = 'tok/en "quoted" 123';
/** The key in its query. */
export const KEY = 'query key & more';
/** The password of its user `ann`. */
export const PASSWORD = 'pass:word';
/** What its JSON answers say that they are. */
export const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' } as const;

/** Our API, beside an HTTP API of a user that connections of type `api` lead to. */
export interface HttpApiFixture {
  readonly api: TestApi;
  /** What reached the user's API. */
  readonly seen: HttpRecorder['seen'];
  /** The base URL of connections to it; known to hooks and tests only. */
  readonly base: string;
  /** A complete configuration, with every kind of value. */
  configuration(): Readonly<Record<string, unknown>>;
  /** Asks for a connection, of a new name. */
  connect(configuration?: object, more?: object): Promise<LightMyRequestResponse>;
  /** The id of a new connection. */
  connectedId(configuration?: object): Promise<string>;
  /** Sends a request through a connection. */
  pass(connectionId: string, request: object): Promise<LightMyRequestResponse>;
  /** The same; proves the answer against the published document, and answers its data. */
  answered(connectionId: string, request: object): Promise<ReturnType<typeof JSON.parse>>;
  /** Another HTTP client for our API, until it is disposed. */
  swapHttp(http: GuardedClient): AsyncDisposable;
}

/** One for all tests of the file. */
export function useHttpApi(clock: () => Date = () => new Date()): HttpApiFixture {
  const recorder = useHttpRecorder(answer);
  const context = { resolveHost: createAddressCheck({ denyPrivate: false }) };
  const api = useTestApi({ connectors: [...CONNECTORS.values()], context, clock });
  const contract = readContract('2025-09-18');
  let made = 0;
  const fixture: HttpApiFixture = {
    api,
    seen: recorder.seen,
    get base() {
      return `${recorder.origin}/v1`;
    },
    configuration: () => toConfiguration(fixture.base),
    connect: (configuration = fixture.configuration(), more = {}) => {
      made += 1;
      const body = { name: `api ${made}`, type: 'api', configuration, ...more };
      return api.send({ method: 'POST', url: '/api/connections', body });
    },
    connectedId: async (configuration) => (await fixture.connect(configuration)).json().data.id,
    pass: (id, request) => api.send({ method: 'POST', url: `/api/connections/${id}/proxy`, body: { request } }),
    answered: async (id, request) => {
      const response = await fixture.pass(id, request);
      const unfit = contract.check('POST /api/connections/{id}/proxy', 200, response.json());
      expect([response.statusCode, unfit]).toEqual([200, []]);
      return response.json().data;
    },
    swapHttp: (http) => swapHttp(api, http),
  };
  return fixture;
}

function toConfiguration(url: string): Readonly<Record<string, unknown>> {
  return {
    url,
    headers: [{ name: 'X-Token', value: TOKEN }],
    parameters: [{ name: 'lang', value: 'german' }],
    auth: { basic: { username: 'ann', password: PASSWORD }, query: [{ name: 'key', value: KEY }] },
  };
}

function swapHttp({ services }: TestApi, http: GuardedClient): AsyncDisposable {
  const before = services.http;
  Object.assign(services, { http });
  return {
    async [Symbol.asyncDispose]() {
      Object.assign(services, { http: before });
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, kind = ''] = /^\/v1\/(\w+)/.exec(request.url ?? '') ?? [];
  if (kind === 'numbers') response.writeHead(200, JSON_TYPE).end('{"id":12345678901234567890,"price":1.50,"n":7}');
  else if (kind === 'deep') response.writeHead(200, JSON_TYPE).end('['.repeat(200_000));
  else if (kind === 'bytes') response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from([0, 255, 7]));
  else if (kind === 'away') response.writeHead(302, { location: 'http://169.254.169.254/', 'set-cookie': 'a=b' }).end();
  else if (kind === 'long') response.end('x'.repeat(1024 * 1024 - 10) + TOKEN.repeat(5_000));
  else if (kind === 'packed') response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(TOKEN));
  else if (kind === 'silent') return;
  else if (kind === 'broken') response.destroy();
  else if (kind === 'status') response.writeHead(Number(/\d+/.exec(request.url?.slice(4) ?? ''))).end('so');
  else {
    const echo = {
      url: request.url,
      headers: request.headers,
      uri: encodeURIComponent(TOKEN),
      pair: `ann:${PASSWORD}`,
    };
    response.writeHead(200, { ...JSON_TYPE, 'x-echo': request.headers['x-token'] ?? 'none' }).end(JSON.stringify(echo));
  }
}
