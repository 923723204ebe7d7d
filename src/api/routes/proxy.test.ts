import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readContract } from '../../../tests/compatibility/contract.ts';
import { startTestApi, type TestApi } from '../../../tests/setup/api.ts';
import { createAddressCheck, createGuardedClient, type GuardedClient } from '../../connector-kit/net/index.ts';
import { CONNECTORS } from '../../connectors/index.ts';
import { checkConnection } from '../../operations/index.ts';
import { countProxyCall, removeOldProxyCalls } from '../../store/index.ts';

const contract = readContract('2025-09-18');
const TOKEN = 'tok/en "quoted" 123';
const KEY = 'query key & more';
const PASSWORD = 'pass:word';

let api: TestApi;
let server: Server;
let base: string;
let now = new Date();
const seen: { readonly line: string; readonly headers: IncomingMessage['headers']; readonly body: string }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => {
      body += part.toString();
    });
    request.on('end', () => {
      seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has such an address.
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  api = await startTestApi({
    connectors: [...CONNECTORS.values()],
    context: { resolveHost: createAddressCheck({ denyPrivate: false }) },
    clock: () => now,
  });
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

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

const configuration = () => ({
  url: base,
  headers: [{ name: 'X-Token', value: TOKEN }],
  parameters: [{ name: 'lang', value: 'german' }],
  auth: { basic: { username: 'ann', password: PASSWORD }, query: [{ name: 'key', value: KEY }] },
});

let made = 0;
async function connect(given: object = configuration(), more: object = {}) {
  made += 1;
  const body = { name: `api ${made}`, type: 'api', configuration: given, ...more };
  return api.send({ method: 'POST', url: '/api/connections', body });
}

const connectedId = async (given?: object): Promise<string> => (await connect(given)).json().data.id;

const pass = (id: string, request: object) =>
  api.send({ method: 'POST', url: `/api/connections/${id}/proxy`, body: { request } });

async function answered(id: string, request: object) {
  const response = await pass(id, request);
  expect([response.statusCode, contract.check('POST /api/connections/{id}/proxy', 200, response.json())]).toEqual([
    200,
    [],
  ]);
  return response.json().data;
}

/** Another HTTP client for the server, until it is disposed. */
function swapHttp(http: GuardedClient): AsyncDisposable {
  const before = api.services.http;
  Object.assign(api.services, { http });
  return {
    async [Symbol.asyncDispose]() {
      Object.assign(api.services, { http: before });
    },
  };
}

describe('a connection of type api', () => {
  it('shows names and no values, and keeps them when the masks are sent back', async () => {
    const stored = (await connect()).json().data;
    expect(stored.configuration).toEqual({
      url: base,
      headers: [{ name: 'X-Token', value: '********' }],
      parameters: [{ name: 'lang', value: '********' }],
      auth: { basic: { username: 'ann', password: '********' }, query: [{ name: 'key', value: '********' }] },
    });
    const { name, configuration: masked } = stored;
    const put = await api.send({
      method: 'PUT',
      url: `/api/connections/${stored.id}`,
      body: { name, configuration: masked },
    });
    expect(put.statusCode).toBe(200);
    await answered(stored.id, { method: 'GET', path: '/echo' });
    expect(seen.at(-1)?.headers['x-token']).toBe(TOKEN);
  });

  it.each([
    ['a health check that is answered', 'status/204', 200, 'healthy'],
    ['no health check', '', 200, 'unchecked'],
  ])('is stored with %s', async (_name, path, status, health) => {
    const given = { ...configuration(), healthcheck: path === '' ? '' : `/${path}` };
    const made = await connect(given);
    expect([made.statusCode, made.json().data.status]).toEqual([status, health]);
  });

  it.each([
    ['', 'unchecked'],
    ['/health', 'healthy'],
    ['/status/500', 'unhealthy'],
  ])('is after a check of the path "%s" %s, whatever it was', async (healthcheck, status) => {
    const given = { ...configuration(), healthcheck };
    const { id } = (await connect(given, { validate: false, healthcheck_interval: '10s' })).json().data;
    const { db } = api.services.store;
    const change = { status: 'unhealthy' as const, statusError: 'it was' };
    const rows = await db.updateTable('connections').set(change).where('id', '=', id).returningAll().execute();
    for (const row of rows) await checkConnection(api.services, row);
    expect((await api.send({ url: `/api/connections/${id}` })).json().data.status).toBe(status);
  });

  it('carries its headers and its query to the health check', async () => {
    await connect({ ...configuration(), healthcheck: '/health' });
    expect(seen.at(-1)).toMatchObject({
      line: `GET /v1/health?lang=german&key=${new URLSearchParams({ k: KEY }).toString().slice(2)}`,
      headers: { 'x-token': TOKEN, authorization: `Basic ${Buffer.from(`ann:${PASSWORD}`).toString('base64')}` },
    });
  });

  it.each([
    [{ healthcheck: '/status/401' }, 'CONN_AUTH_REFUSED'],
    [{ healthcheck: '/status/404' }, 'CONN_CHECK_FAILED'],
    [{ healthcheck: '/away' }, 'CONN_CHECK_FAILED'],
    [{ url: 'http://169.254.169.254/latest' }, 'CONN_ADDRESS_REFUSED'],
  ])('is not stored where %j fails', async (given, key) => {
    const refused = await connect({ ...configuration(), ...given });
    expect([refused.statusCode, refused.json().key]).toEqual([422, key]);
    expect(refused.body).not.toContain(TOKEN);
  });

  it('is not stored with an address that is never opened, also unproved', async () => {
    const refused = await connect({ url: 'http://[fe80::1]/' }, { validate: false });
    expect(refused.json().key).toBe('CONN_ADDRESS_REFUSED');
  });

  it.each([
    [{ url: 'ftp://a.example' }, 'url'],
    [{ url: 'https://user:pass@a.example' }, 'url'],
    [{ url: 'https://a.example/?x=1' }, 'url'],
    [{ url: '' }, 'url'],
    [{ healthcheck: 'no/slash' }, 'healthcheck'],
    [{ healthcheck: '/a/../../b' }, 'healthcheck'],
    [{ headers: [{ name: 'Host', value: 'b.example' }] }, 'headers'],
    [{ headers: [{ name: 'X-A', value: 'a\r\nX-B: b' }] }, 'headers'],
    [{ headers: [{ name: 'authorization', value: 'Bearer x' }] }, 'auth.header'],
    [{ parameters: [{ name: 'key', value: 'x' }] }, 'auth.query'],
    [{ auth: { oauth: { client_id: 'x' } } }, 'auth'],
    [{ body: '{}' }, 'configuration'],
  ])('refuses %j, naming the field', async (given, field) => {
    const refused = await connect({ ...configuration(), ...given });
    expect([refused.statusCode, refused.json().message]).toEqual([400, expect.stringContaining(field)]);
  });

  it('is listed as what it can be, and refused as everything else', async () => {
    const types = (await api.send({ url: '/api/connection_types' })).json().data;
    const own = types.find(({ id }: { id: string }) => id === 'api');
    expect(own).toMatchObject({ name: 'HTTP API' });
    const id = await connectedId();
    const sync = { name: 'x', mode: 'snapshot', source_connection_id: id, destination_connection_id: id };
    const model = { name: 'm', configuration: { query: 'SELECT 1' }, connection_id: id };
    const refusals = await Promise.all(
      (
        [
          ['GET', `/api/connections/${id}/bulksync/source`],
          ['GET', `/api/connections/${id}/bulksync/target`],
          ['GET', `/api/connections/${id}/schemas/status`],
          ['POST', `/api/connections/${id}/schemas/refresh`],
          ['GET', `/api/connections/${id}/schemas/x`],
          ['GET', `/api/connections/${id}/schemas/x/records`],
          ['GET', `/api/connections/${id}/modelsync/source`],
          ['GET', `/api/connections/${id}/modelsync/source/fields`],
          ['GET', `/api/connections/${id}/modelsync/targetobjects`],
          ['POST', `/api/connections/${id}/query`, { query: 'SELECT 1' }],
          ['POST', '/api/bulk/syncs', sync],
          ['POST', '/api/models', model],
        ] as const
      ).map(async ([method, url, body]) => [url, (await api.send({ method, url, body })).statusCode]),
    );
    expect(refusals.filter(([, status]) => !(Number(status) >= 400 && Number(status) < 500))).toEqual([]);
  });
});

describe('the proxy', () => {
  it('sends what it was given, with what the connection sets', async () => {
    const id = await connectedId();
    const data = await answered(id, {
      method: 'POST',
      path: '/things/a%2Fb',
      query: { q: 'ä b', n: 5, on: true, list: ['x', 2], none: null },
      headers: { 'X-Own': 'mine' },
      body: { some: ['json'] },
    });
    expect(seen.at(-1)).toMatchObject({
      line: 'POST /v1/things/a%2Fb?q=%C3%A4+b&n=5&on=true&list=x&list=2&lang=german&key=query+key+%26+more',
      headers: { 'x-own': 'mine', 'x-token': TOKEN, 'content-type': 'application/json', 'user-agent': 'millrace' },
      body: '{"some":["json"]}',
    });
    expect(data).toMatchObject({ status: 200, truncated: false, contentType: JSON_TYPE['content-type'] });
  });

  it('sends a raw query and a text as they are', async () => {
    const id = await connectedId({ url: base });
    const headers = { 'Content-Type': 'application/xml' };
    await answered(id, { method: 'PUT', path: '/x', rawQuery: 'a=%20&b&a=2', headers, body: '<a/>' });
    expect(seen.at(-1)).toMatchObject({
      line: 'PUT /v1/x?a=%20&b&a=2',
      headers: { 'content-type': 'application/xml' },
      body: '<a/>',
    });
  });

  it('shows none of the values of the connection where the system repeats them', async () => {
    const response = await pass(await connectedId(), { method: 'GET', path: '/echo' });
    const basic = Buffer.from(`ann:${PASSWORD}`).toString('base64');
    const forms = [
      TOKEN,
      JSON.stringify(TOKEN).slice(1, -1),
      encodeURIComponent(TOKEN),
      KEY,
      'query+key',
      PASSWORD,
      basic,
    ];
    expect(
      forms.filter((form) => response.body.includes(form) || JSON.stringify(response.json()).includes(form)),
    ).toEqual([]);
    expect(response.json().data).toMatchObject({
      headers: { 'x-echo': '[REDACTED]' },
      body: { headers: { 'x-token': '[REDACTED]' }, uri: '[REDACTED]', pair: '[REDACTED]' },
    });
  });

  it.each([
    ['long numbers digit by digit', '/numbers', '"body":{"id":12345678901234567890,"price":1.50,"n":7}'],
    ['bytes in base64', '/bytes', '"body":"AP8H"'],
    ['an error of the system', '/status/500', '"status":500'],
    ['a redirect, not followed', '/away', '"status":302'],
  ])('answers %s', async (_name, path, text) => {
    const response = await pass(await connectedId(), { method: 'GET', path });
    expect([response.statusCode, response.body.includes(text)]).toEqual([200, true]);
    expect(response.body).not.toContain('set-cookie');
  });

  it('leaves JSON that is nested too deep as text', async () => {
    const { body } = await answered(await connectedId(), { method: 'GET', path: '/deep' });
    expect(body.length).toBe(200_000);
  });

  it('cuts a long answer, and no secret with it', async () => {
    const { body, truncated } = await answered(await connectedId(), { method: 'GET', path: '/long' });
    expect([truncated, body.length > 1_000_000]).toEqual([true, true]);
    expect('[REDACTED]').toContain(body.replace(/^x+(\[REDACTED\])*/, ''));
  });

  it.each([
    [{ path: '/a/../../b' }, 'request.path'],
    [{ path: '/a/%2e%2e/b' }, 'request.path'],
    [{ path: '/a/%252e%252e/b' }, 'request.path'],
    [{ path: '/a/..%2fb' }, 'request.path'],
    [{ path: '/a/..;x/b' }, 'request.path'],
    [{ path: '/a//b' }, 'request.path'],
    [{ path: '/a\\b' }, 'request.path'],
    [{ path: '/a%5cb' }, 'request.path'],
    [{ path: '/a\tb' }, 'request.path'],
    [{ path: '/a?b=c' }, 'request.path'],
    [{ path: '/a%zz' }, 'request.path'],
    [{ headers: { 'x-TOKEN': 'mine' } }, 'request.headers.x-TOKEN'],
    [{ headers: { Authorization: 'Bearer mine' } }, 'request.headers.Authorization'],
    [{ headers: { Host: 'other.example' } }, 'request.headers.Host'],
    [{ headers: { Cookie: 'a=b' } }, 'request.headers.Cookie'],
    [{ headers: { 'Transfer-Encoding': 'chunked' } }, 'request.headers.Transfer-Encoding'],
    [{ headers: { 'X-A': 'a\nb' } }, 'request.headers.X-A'],
    [{ headers: { 'X A': 'a' } }, 'request.headers.X A'],
    [{ headers: { 'X-A': '1', 'x-a': '2' } }, 'request.headers.x-a'],
    [{ query: { key: 'mine' } }, 'request.query.key'],
    [{ query: { a: { b: 1 } } }, 'request.query.a'],
    [{ rawQuery: 'a=1&k%65y=mine' }, 'request.rawQuery'],
    [{ rawQuery: 'a=1;key=mine' }, 'request.rawQuery'],
    [{ rawQuery: '?a=1' }, 'request.rawQuery'],
    [{ rawQuery: 'a=ä' }, 'request.rawQuery'],
    [{ rawQuery: 'a=1', query: {} }, 'request.rawQuery'],
    [{ query: { a: 'x'.repeat(20_000) } }, 'request'],
  ])('sends nothing for %j', async (given, field) => {
    const count = seen.length;
    const refused = await pass(await connectedId(), { method: 'GET', path: '/x', ...given });
    expect([refused.statusCode, refused.json().metadata]).toEqual([422, { field }]);
    expect(seen.length).toBe(count);
  });

  it('refuses bodies over 256 KiB', async () => {
    const refused = await pass(await connectedId(), { method: 'POST', path: '/x', body: 'x'.repeat(256 * 1024 + 1) });
    expect([refused.statusCode, refused.json().key]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it.each([
    ['breaks off', '/broken'],
    ['packs its answer unasked', '/packed'],
  ])('answers 502 when the system %s', async (_name, path) => {
    const failed = await pass(await connectedId(), { method: 'GET', path });
    expect([failed.statusCode, failed.json().key]).toEqual([502, 'PROXY_UPSTREAM_FAILED']);
    expect(contract.check('POST /api/connections/{id}/proxy', 502, failed.json())).toEqual([]);
  });

  it('answers 504 when the system is silent', async () => {
    const { http } = api.services;
    // As patient as a test can be; everything else is as it is.
    await using _swap = swapHttp((request) => http({ ...request, timeoutMs: 50 }));
    const failed = await pass(await connectedId(), { method: 'GET', path: '/silent' });
    expect([failed.statusCode, failed.json().key]).toEqual([504, 'PROXY_UPSTREAM_TIMEOUT']);
  });

  it('opens no private address where these are denied', async () => {
    const id = await connectedId();
    const count = seen.length;
    const resolveHost = createAddressCheck({ denyPrivate: true });
    await using _swap = swapHttp(createGuardedClient({ resolveHost }));
    const refused = await pass(id, { method: 'GET', path: '/echo' });
    expect([refused.statusCode, refused.json().key, seen.length]).toEqual([422, 'CONN_ADDRESS_REFUSED', count]);
  });

  it('answers 502 when nobody listens, and says nothing of the request', async () => {
    const id = await connectedId({ ...configuration(), url: 'http://127.0.0.1:1/hidden' });
    const failed = await pass(id, { method: 'GET', path: '/private', query: { a: 'word' } });
    expect([failed.statusCode, failed.json().key]).toEqual([502, 'PROXY_UPSTREAM_FAILED']);
    expect(failed.body).not.toMatch(/hidden|private|word/);
  });

  it('needs the right to edit the connection', async () => {
    const id = await connectedId();
    const { db } = api.services.store;
    const { organizationId } = api.keys;
    const [roleId, userId, policyId] = [randomUUID(), randomUUID(), randomUUID()];
    await db.insertInto('roles').values({ id: roleId, organizationId, name: 'Reader' }).execute();
    const actions = [{ action: 'read' as const, roleIds: [roleId] }];
    await db
      .insertInto('policies')
      .values({ id: policyId, organizationId, name: 'Readers', actions: JSON.stringify(actions) })
      .execute();
    await db
      .insertInto('users')
      .values({ id: userId, organizationId, email: 'reader@example.com', name: 'Reader', roleIds: [roleId] })
      .execute();
    const hash = createHash('sha256').update('millrace_user_reader').digest();
    await db.insertInto('apiKeys').values({ id: randomUUID(), kind: 'user', organizationId, userId, hash }).execute();
    await db
      .updateTable('connections')
      .set({ policies: [policyId] })
      .where('id', '=', id)
      .execute();
    const authorization = 'Bearer millrace_user_reader';
    const url = `/api/connections/${id}/proxy`;
    const body = { request: { method: 'GET', path: '/echo' } };
    expect((await api.send({ method: 'POST', url, body, authorization })).statusCode).toBe(403);
    expect((await api.send({ url: `${url}/info`, authorization })).statusCode).toBe(200);
  });

  it('goes through a shared connection with what its parent has, and shows none of it', async () => {
    const parentId = await connectedId();
    const { db } = api.services.store;
    const [child, id] = [randomUUID(), randomUUID()];
    await db.updateTable('organizations').set({ ownerId: api.keys.organizationId }).execute();
    await db
      .insertInto('organizations')
      .values({ id: child, name: 'Child', ownerId: api.keys.organizationId })
      .execute();
    const row = {
      id,
      organizationId: child,
      name: 'shared',
      type: 'api',
      configuration: '{}',
      parentConnectionId: parentId,
      status: 'unchecked' as const,
      createdByType: 'system' as const,
      updatedByType: 'system' as const,
    };
    await db.insertInto('connections').values(row).execute();
    const basic = Buffer.from(`${child}:${api.keys.deploymentKey}`).toString('base64');
    const caller = { authorization: `Basic ${basic}` };
    const url = `/api/connections/${id}/proxy`;
    const body = { request: { method: 'GET', path: '/echo' } };
    const sent = await api.send({ method: 'POST', url, body, ...caller });
    expect([sent.statusCode, seen.at(-1)?.headers['x-token']]).toEqual([200, TOKEN]);
    const info = await api.send({ url: `${url}/info`, ...caller });
    expect(info.json().data).toMatchObject({ inheritedBase: { baseUrl: '[REDACTED]' }, stats: { callsLast24h: 1 } });
  });

  it('forgets counts that are older than a day', async () => {
    const { db } = api.services.store;
    const id = await connectedId();
    const { organizationId } = api.keys;
    for (const hours of [0, 26, 27])
      await countProxyCall(db, organizationId, {
        connectionId: id,
        status: 200,
        at: new Date(Date.now() - hours * 3_600_000),
      });
    expect(await removeOldProxyCalls(db, 1)).toBe(1);
    while ((await removeOldProxyCalls(db, 100)) > 0);
    const left = await db.selectFrom('proxyCalls').select('calls').where('connectionId', '=', id).execute();
    expect(left).toEqual([{ calls: 1 }]);
  });

  it('tells what requests begin with, and how many there were', async () => {
    const id = await connectedId();
    for (const path of ['/echo', '/status/404', '/broken']) await pass(id, { method: 'GET', path });
    const response = await api.send({ url: `/api/connections/${id}/proxy/info` });
    expect([response.statusCode, contract.check('GET /api/connections/{id}/proxy/info', 200, response.json())]).toEqual(
      [200, []],
    );
    expect(response.json().data).toMatchObject({
      connectionId: id,
      backendType: 'api',
      inheritedBase: {
        baseUrl: base,
        lockedHeaders: ['X-Token', 'Authorization'].map((name) => ({ name, value: '[REDACTED]', redacted: true })),
        lockedQuery: { lang: '[REDACTED]', key: '[REDACTED]' },
      },
      requestContract: { timeoutMs: 30_000, maxRequestBodyBytes: 262_144, maxResponseBodyBytes: 1_048_576 },
      stats: { callsLast24h: 3, proxyCallsLast24h: 3, proxy2xxLast24h: 1, proxy4xxLast24h: 1, proxy5xxLast24h: 1 },
    });
    expect(response.body).not.toContain(JSON.stringify(TOKEN).slice(1, -1));
  });

  it('notes who wrote what, and never a body', async () => {
    const id = await connectedId();
    await pass(id, { method: 'GET', path: '/things' });
    const { proxyCallId } = await answered(id, { method: 'DELETE', path: '/things/7', query: { why: 'nosy' } });
    await pass(id, { method: 'PATCH', path: '/broken', body: 'confidential' });
    const entries = await api.send({ url: `/api/x/audit?object_id=${id}` });
    const proxied = entries.json().data.filter(({ action }: { action: string }) => action === 'proxy');
    expect(proxied.map(({ after }: { after: unknown }) => after)).toEqual([
      { method: 'PATCH', path: '/broken', status: null, proxy_call_id: expect.any(String) },
      { method: 'DELETE', path: '/things/7', status: 200, proxy_call_id: proxyCallId },
    ]);
    expect(entries.body).not.toMatch(/confidential|nosy/);
  });

  it('passes 60 requests a minute on through one connection', async () => {
    now = new Date(now.getTime() + 60_000);
    const id = await connectedId();
    const statuses = [];
    for (let sent = 0; sent < 60; sent += 1)
      statuses.push((await pass(id, { method: 'GET', path: '/status/200' })).statusCode);
    expect(new Set(statuses)).toEqual(new Set([200]));
    now = new Date(now.getTime() + 15_000);
    const refused = await pass(id, { method: 'GET', path: '/status/200' });
    expect([refused.statusCode, refused.json().key, refused.headers['retry-after']]).toEqual([
      429,
      'PROXY_RATE_LIMITED',
      '45',
    ]);
    now = new Date(now.getTime() + 45_000);
    expect((await pass(id, { method: 'GET', path: '/status/200' })).statusCode).toBe(200);
  });
});
