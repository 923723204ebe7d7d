import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ApiFailure, createTransport, pathOf } from './transport.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const servers: Disposable[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server[Symbol.dispose]();
});

async function listen(handler: Handler): Promise<string> {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push({
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  // A listening TCP server has an address object.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answerWith(status: number, body: string): Handler {
  return (_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

async function failureOf(promise: Promise<unknown>): Promise<ApiFailure> {
  const error: unknown = await promise.then(
    () => new Error('the call did not fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof ApiFailure) return error;
  throw error;
}

const anything = z.object({ data: z.string() });

describe('createTransport', () => {
  it('sends key, version, query and body, and parses the answer', async () => {
    const seen: unknown[] = [];
    const url = await listen((request, response) => {
      const { authorization, 'x-polytomic-version': version, 'content-type': type } = request.headers;
      seen.push(request.method, request.url, authorization, version, type);
      request.setEncoding('utf8').on('data', (part) => seen.push(part));
      request.on('end', () => response.end(JSON.stringify({ data: 'yes', more: 1 })));
    });
    const send = createTransport({ url: `${url}/`, apiKey: 'secret' });
    const request = { method: 'POST', path: '/api/x', query: { a: 'b c', none: undefined }, body: { n: 1 } } as const;
    expect(await send(request, anything)).toEqual({ data: 'yes' });
    expect(seen).toEqual(['POST', '/api/x?a=b+c', 'Bearer secret', '2025-09-18', 'application/json', '{"n":1}']);
  });

  it('turns an ApiError into a failure with its sentence, status, key and metadata', async () => {
    const body = { status: 422, key: 'REQUEST_REFUSED', message: 'The name is taken.', metadata: { field: 'name' } };
    const send = createTransport({ url: await listen(answerWith(422, JSON.stringify(body))), apiKey: 'k' });
    const failure = await failureOf(send({ method: 'GET', path: '/api/me' }, anything));
    expect(failure).toMatchObject(body);
    expect(failure.isTemporary).toBe(false);
  });

  it.each(['<html>', '', '{"error":"no"}'])(
    'says that something else answers when an error has no reason: %j',
    async (body) => {
      const send = createTransport({ url: await listen(answerWith(500, body)), apiKey: 'k' });
      const failure = await failureOf(send({ method: 'GET', path: '/api/me' }, anything));
      expect(failure.message).toContain('is it a Millrace server?');
      expect(failure.status).toBe(500);
    },
  );

  it('names the place where an answer has an unexpected shape', async () => {
    const send = createTransport({ url: await listen(answerWith(200, '{"data":7}')), apiKey: 'k' });
    const failure = await failureOf(send({ method: 'GET', path: '/api/me' }, anything));
    expect(failure.message).toContain('GET /api/me');
    expect(failure.message).toContain('"data"');
  });

  it('tells how to start a server when nothing listens', async () => {
    const url = await listen(() => {});
    for (const server of servers.splice(0)) server[Symbol.dispose]();
    const failure = await failureOf(createTransport({ url, apiKey: 'k' })({ method: 'GET', path: '/api/me' }, null));
    expect(failure.message).toContain(`Nothing answers at ${url} (ECONNREFUSED)`);
    expect(failure.message).toContain('millrace serve');
    expect(failure.isTemporary).toBe(true);
  });

  it('gives up on a server that never answers', async () => {
    const url = await listen(() => {});
    const send = createTransport({ url, apiKey: 'k', timeoutMs: 50 });
    const failure = await failureOf(send({ method: 'GET', path: '/api/me' }, null));
    expect(failure.key).toBe('timeout');
    expect(failure.isTemporary).toBe(true);
  });

  it('does not carry the key along a redirect', async () => {
    let wasAsked = false;
    const elsewhere = await listen((_, response) => {
      wasAsked = true;
      response.end('{"data":"x"}');
    });
    const url = await listen((_, response) => response.writeHead(302, { location: elsewhere }).end());
    await failureOf(createTransport({ url, apiKey: 'k' })({ method: 'GET', path: '/api/me' }, anything));
    expect(wasAsked).toBe(false);
  });

  it("ends with the caller's reason when the caller aborts", async () => {
    const controller = new AbortController();
    const url = await listen(() => controller.abort());
    const call = createTransport({ url, apiKey: 'k' })({ method: 'GET', path: '/api/me' }, null, controller.signal);
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('refuses an address that is not HTTP', async () => {
    const failure = await failureOf(
      createTransport({ url: 'file:///etc', apiKey: 'k' })({ method: 'GET', path: '/' }, null),
    );
    expect(failure.message).toContain('"file:///etc" is not an address');
  });
});

describe('pathOf', () => {
  it('encodes what stands between the slashes', () => {
    expect(pathOf`/api/a/${'x/y z'}/b/${'ü'}`).toBe('/api/a/x%2Fy%20z/b/%C3%BC');
  });
});
