import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../tests/setup/api.ts';

const PAGE = 'https://console.example.com';
let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ connectors: [], limits: { requestsPerMinute: 5, corsOrigins: [PAGE] } });
});
afterAll(() => api[Symbol.asyncDispose]());

/** A caller of its own for each test, so that they do not use up each other's requests. */
async function addOrganization(): Promise<string> {
  const id = api.services.newId();
  await api.services.store.db.insertInto('organizations').values({ id, name: id }).execute();
  return `Basic ${Buffer.from(`${id}:${api.keys.deploymentKey}`).toString('base64')}`;
}

describe('the limit of requests', () => {
  it('holds for each caller by itself, and says when it ends', async () => {
    const [one, other] = [await addOrganization(), await addOrganization()];
    const answers = [];
    for (let n = 0; n < 6; n += 1) answers.push(await api.send({ url: '/api/me', authorization: one }));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200, 200, 429]);
    expect(answers[4]?.headers).toMatchObject({ 'x-ratelimit-limit': '5', 'x-ratelimit-remaining': '0' });
    const last = answers[5];
    expect(last?.json()).toMatchObject({ status: 429, key: 'RATE_LIMITED', metadata: {} });
    const wait = Number(last?.headers['retry-after']);
    expect([wait > 0, wait <= 60]).toEqual([true, true]);
    expect(Number(last?.headers['x-ratelimit-reset']) * 1000).toBeGreaterThan(Date.now());
    expect((await api.send({ url: '/api/me', authorization: other })).statusCode).toBe(200);
  });

  it('does not count what is open to everybody', async () => {
    for (let n = 0; n < 7; n += 1) {
      const answer = await api.send({ url: '/healthz', authorization: null });
      expect([answer.statusCode, answer.headers['x-ratelimit-limit']]).toEqual([200, undefined]);
    }
  });
});

describe('pages of other origins', () => {
  const ask = (origin: string) =>
    api.app.inject({
      method: 'OPTIONS',
      url: '/api/connections',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });

  it('may call when their origin is named, and ask so without a key', async () => {
    const answer = await ask(PAGE);
    expect([answer.statusCode, answer.headers['access-control-allow-origin']]).toEqual([204, PAGE]);
    expect(answer.headers['access-control-allow-headers']).toContain('authorization');
    const read = await api.send({ url: '/api/me', authorization: await addOrganization(), headers: { origin: PAGE } });
    expect([read.statusCode, read.headers['access-control-allow-origin']]).toEqual([200, PAGE]);
  });

  it('get no permission otherwise', async () => {
    expect((await ask('https://evil.example.com')).headers['access-control-allow-origin']).toBeUndefined();
    await using closed = await startTestApi({ connectors: [] });
    const answer = await closed.send({ url: '/api/me', headers: { origin: PAGE } });
    expect([answer.statusCode, answer.headers['access-control-allow-origin']]).toEqual([200, undefined]);
  });
});

describe('packed bodies', () => {
  const send = (encoding: string, payload: Buffer, authorization: string) =>
    api.app.inject({
      method: 'POST',
      url: '/api/connections/test',
      headers: { authorization, 'content-type': 'application/json', 'content-encoding': encoding },
      payload,
    });

  it('are read as gzip', async () => {
    const content = JSON.stringify({ type: 'nothing', configuration: {} });
    const answer = await send('gzip', gzipSync(content), await addOrganization());
    expect([answer.statusCode, answer.body]).toEqual([422, expect.stringContaining('nothing')]);
  });

  it('are cut off at 1 MiB once unpacked', async () => {
    const answer = await send('gzip', gzipSync(`"${'x'.repeat(20 * 1024 * 1024)}"`), await addOrganization());
    expect([answer.statusCode, answer.json().key]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('are refused in a packing that is not known, and when they are not what they say', async () => {
    const authorization = await addOrganization();
    const answers = [
      await send('br', Buffer.from('{}'), authorization),
      await send('gzip', Buffer.from('{}'), authorization),
    ];
    expect(answers.map((answer) => [answer.statusCode, answer.json().key])).toEqual([
      [400, 'REQUEST_MALFORMED'],
      [400, 'REQUEST_MALFORMED'],
    ]);
  });

  it('come back as gzip to those who take it, when they are long', async () => {
    const headers = { 'accept-encoding': 'gzip' };
    const long = await api.send({ url: '/openapi/2025-09-18.json', authorization: null, headers });
    const short = await api.send({ url: '/api/me', authorization: await addOrganization(), headers });
    expect([long.headers['content-encoding'], short.headers['content-encoding']]).toEqual(['gzip', undefined]);
    const plain = await api.send({ url: '/openapi/2025-09-18.json', authorization: null });
    expect(plain.headers['content-encoding']).toBeUndefined();
  });
});

describe('methods', () => {
  let plain: TestApi;
  beforeAll(async () => {
    plain = await startTestApi({ connectors: [] });
  });
  afterAll(() => plain[Symbol.asyncDispose]());
  const inject = (method: 'HEAD' | 'OPTIONS' | 'DELETE', url: string) =>
    plain.app.inject({ method, url, headers: { authorization: `Bearer ${plain.keys.userKey}` } });

  it('answers HEAD as GET, without a body', async () => {
    const answer = await inject('HEAD', '/api/connections');
    expect([answer.statusCode, answer.body, Number(answer.headers['content-length']) > 0]).toEqual([200, '', true]);
  });

  it('answers 405 to a method that the path does not have, and names those that it has', async () => {
    const answer = await inject('DELETE', '/api/connections');
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'HEAD, GET, POST']);
    expect(answer.json()).toMatchObject({ status: 405, key: 'METHOD_NOT_ALLOWED' });
  });

  it('tells by OPTIONS which methods a path has', async () => {
    const answer = await inject('OPTIONS', '/api/connections');
    expect([answer.statusCode, answer.headers.allow]).toEqual([204, 'HEAD, GET, POST']);
    expect((await inject('OPTIONS', '/api/nothing')).statusCode).toBe(404);
  });
});
