import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../tests/setup/api.ts';
import { createHealthServer, type MetricsAccess, type Watching } from './health.ts';

const TOKEN = 'a token of more than sixteen'.replaceAll(' ', '-');

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ connectors: [] });
});
afterAll(() => api[Symbol.asyncDispose]());

function create(watching: Watching): FastifyInstance {
  return createHealthServer({ services: api.services, productVersion: '1.2.3', watching });
}

function withMetrics(access: Pick<MetricsAccess, 'token' | 'isPrivate'>): FastifyInstance {
  const render = async () => ({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' });
  return create({ metrics: { ...access, render } });
}

const ask = (app: FastifyInstance, authorization?: string) =>
  app.inject({ url: '/metrics', headers: authorization === undefined ? {} : { authorization } });

describe('/metrics', () => {
  it('is open where only this machine reaches the port', async () => {
    const answer = await ask(withMetrics({ token: null, isPrivate: true }));
    expect(answer).toMatchObject({ statusCode: 200, body: 'up 1\n' });
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4');
  });

  it('is closed where others reach it, and says how to open it', async () => {
    const answer = await ask(withMetrics({ token: null, isPrivate: false }), `Bearer ${TOKEN}`);
    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toMatchObject({ key: 'METRICS_CLOSED', message: expect.stringContaining('METRICS_TOKEN') });
  });

  it.each([true, false])('asks for the token when there is one, private port or not (%s)', async (isPrivate) => {
    const app = withMetrics({ token: TOKEN, isPrivate });
    expect(await ask(app, `Bearer ${TOKEN}`)).toMatchObject({ statusCode: 200 });
    for (const wrong of [undefined, 'Bearer', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, `Bearer ${api.keys.userKey}`])
      expect(await ask(app, wrong)).toMatchObject({ statusCode: 401 });
  });
});

describe('/readyz', () => {
  const ready = async (checks: Watching['checks']) => create(checks === undefined ? {} : { checks }).inject('/readyz');

  it('is ready when every check is', async () => {
    const answer = await ready({ engine: () => null });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ status: 'ready', checks: { metadata: 'ok', engine: 'ok' } });
  });

  it('names what is wrong, also when a check breaks', async () => {
    const answer = await ready({
      engine: () => 'it takes up no more work',
      migrations: () => Promise.reject(new Error('secret')),
    });
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({
      status: 'not ready',
      checks: { metadata: 'ok', engine: 'it takes up no more work', migrations: 'the check failed' },
    });
  });
});

describe('requests', () => {
  it('are measured by the template of their route', async () => {
    const seen: unknown[] = [];
    const app = create({ meter: { count: () => {}, observe: (...measured) => seen.push(measured.slice(0, 2)) } });
    await app.inject('/healthz?x=1');
    await app.inject('/no/such/path');
    expect(seen).toEqual([
      ['http_request_seconds', { method: 'GET', route: '/healthz', status: '200' }],
      ['http_request_seconds', { method: 'GET', route: 'none', status: '404' }],
    ]);
  });
});
