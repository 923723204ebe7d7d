import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../tests/setup/api.ts';

let api: TestApi;
let port: number;

beforeAll(async () => {
  api = await startTestApi({ connectors: [], trustedProxies: ['192.0.2.0/24'] });
  port = Number(new URL(await api.app.listen({ host: '127.0.0.1', port: 0 })).port);
});
afterAll(() => api[Symbol.asyncDispose]());

it.each([
  ['no request at all', 'hello\r\n\r\n', 400],
  ['a header that is none', 'GET /api/me HTTP/1.1\r\nbad header\r\n\r\n', 400],
  ['headers without an end', `GET /api/me HTTP/1.1\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`, 431],
])('answers %s like every other error', async (_, request, status) => {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(request);
  const answer = await text(socket);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ status, key: 'REQUEST_MALFORMED' });
});

describe('behind a proxy', () => {
  const ask = (key: string, remoteAddress: string, forwarded: string) =>
    api.app.inject({
      url: '/api/me',
      headers: { authorization: `Bearer ${key}`, 'x-forwarded-for': forwarded },
      remoteAddress,
    });

  it('locks out whom a trusted proxy names, and nobody else', async () => {
    for (let count = 0; count < 20; count++) await ask(`nope${count}`, '192.0.2.7', '203.0.113.1');
    expect((await ask(api.keys.userKey, '192.0.2.7', '203.0.113.1')).statusCode).toBe(429);
    expect((await ask(api.keys.userKey, '192.0.2.7', '203.0.113.2')).statusCode).toBe(200);
  });

  it('believes no other', async () => {
    for (let count = 0; count < 20; count++) await ask(`nope${count}`, '198.51.100.1', `203.0.113.${100 + count}`);
    expect((await ask(api.keys.deploymentKey, '198.51.100.1', '203.0.113.99')).statusCode).toBe(429);
  });
});

// Behind the others: a key that was good lately is not locked out.
describe('a path that is written in another way', () => {
  it.each(['/%61pi/me', '/a%70i/me', 'http://any.name/api/me', '/api/me/'])(
    'needs a key as well: %s',
    async (target) => {
      const ask = async (authorization: string): Promise<[status: string, version: boolean]> => {
        const socket = connect(port, '127.0.0.1');
        await once(socket, 'connect');
        socket.write(`GET ${target} HTTP/1.1\r\nHost: any.name\r\n${authorization}Connection: close\r\n\r\n`);
        const answer = await text(socket);
        return [answer.slice(9, 12), /^x-polytomic-version: /m.test(answer)];
      };
      expect(await ask('')).toEqual(['401', true]);
      expect(await ask(`Authorization: Bearer ${api.keys.userKey}\r\n`)).toEqual(['200', true]);
    },
  );
});
