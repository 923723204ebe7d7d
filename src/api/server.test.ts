import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../tests/setup/api.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startTestApi({ connectors: [] });
});
afterAll(() => api[Symbol.asyncDispose]());

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('authentication', () => {
  it('tells a user key who it is', async () => {
    const { statusCode, headers, body } = await api.send({ url: '/api/me' });
    expect([statusCode, headers['x-polytomic-version']]).toEqual([200, '2025-09-18']);
    expect(JSON.parse(body).data).toEqual({
      id: expect.any(String),
      email: 'admin@localhost',
      role: 'admin',
      is_user: true,
      is_organization: false,
      is_partner: false,
      is_system: false,
      organization_id: api.keys.organizationId,
      organization_name: 'Default',
    });
  });

  it('takes the deployment key with an organization', async () => {
    const authorization = basic(`${api.keys.organizationId}:${api.keys.deploymentKey}`);
    const { data } = (await api.send({ url: '/api/me', authorization })).json();
    expect(data).toMatchObject({ is_user: false, is_organization: true, organization_id: api.keys.organizationId });
    expect(data).not.toHaveProperty('id');
  });

  it('takes the deployment key alone where there is one organization', async () => {
    const authorization = basic(`${api.keys.deploymentKey}:`);
    const { data } = (await api.send({ url: '/api/me', authorization })).json();
    expect(data).toMatchObject({ is_user: false, is_system: true, organization_id: api.keys.organizationId });
  });

  it('locks an address out from which unknown keys keep coming, but not keys that were good there', async () => {
    const ask = (key: string, remoteAddress: string) =>
      api.app.inject({ url: '/api/me', headers: { authorization: `Bearer ${key}` }, remoteAddress });
    await ask(api.keys.userKey, '192.0.2.1');
    for (let count = 0; count < 20; count++) expect((await ask(`nope${count}`, '192.0.2.1')).statusCode).toBe(401);
    const locked = await ask('nope', '192.0.2.1');
    expect([locked.statusCode, locked.json().key, Number(locked.headers['retry-after']) > 0]).toEqual([
      429,
      'LOCKED_OUT',
      true,
    ]);
    expect((await ask(api.keys.deploymentKey, '192.0.2.1')).statusCode).toBe(429);
    expect((await ask(api.keys.userKey, '192.0.2.1')).statusCode).toBe(200);
    expect((await ask(api.keys.deploymentKey, '192.0.2.2')).statusCode).toBe(200);
  });

  it('asks for an organization where there are two', async () => {
    const { db } = api.services.store;
    const id = api.services.newId();
    await db.insertInto('organizations').values({ id, name: 'Second' }).execute();
    const authorization = basic(`${api.keys.deploymentKey}:`);
    expect((await api.send({ url: '/api/connections', authorization })).statusCode).toBe(400);
    const alone = (await api.send({ url: '/api/me', authorization })).json().data;
    expect(alone).toEqual({ is_user: false, is_organization: false, is_partner: false, is_system: true });
    const named = await api.send({ url: '/api/me', authorization: basic(`${id}:${api.keys.deploymentKey}`) });
    expect(named.json().data).toMatchObject({ organization_id: id, organization_name: 'Second' });
    await db.deleteFrom('organizations').where('id', '=', id).execute();
  });

  it.each([
    ['no key', null],
    ['an unknown key', 'Bearer millrace_user_nope'],
    ['a scheme of its own', 'Digest abc'],
    ['an unknown organization', 'Basic OjE6'],
  ])('answers 401 to %s', async (_name, authorization) => {
    const answer = await api.send({ url: '/api/me', authorization });
    expect(answer.statusCode).toBe(401);
    expect(answer.json()).toMatchObject({ status: 401, key: 'AUTH_REQUIRED', metadata: {} });
  });

  it('refuses a user key in the place of a deployment key', async () => {
    const authorization = basic(`${api.keys.organizationId}:${api.keys.userKey}`);
    expect((await api.send({ url: '/api/me', authorization })).statusCode).toBe(401);
  });

  it('refuses an organization that does not exist, without a hint', async () => {
    const authorization = basic(`${api.services.newId()}:${api.keys.deploymentKey}`);
    expect((await api.send({ url: '/api/me', authorization })).statusCode).toBe(401);
  });

  it('answers 401 in the older body up to 2024-02-08', async () => {
    const answer = await api.send({ url: '/api/me', authorization: null, version: '2024-02-08' });
    expect(answer.json()).toEqual({ code: 401, context: {}, error: expect.any(String), status: 'Unauthorized' });
  });

  it('refuses a revoked key', async () => {
    await using second = await startTestApi({ connectors: [] });
    await second.services.store.db.updateTable('apiKeys').set({ revokedAt: new Date() }).execute();
    expect((await second.send({ url: '/api/me' })).statusCode).toBe(401);
  });
});

describe('versions', () => {
  it('echoes the version it served, errors included', async () => {
    const answer = await api.send({ url: '/api/me', version: '2023-04-25', authorization: null });
    expect(answer.headers['x-polytomic-version']).toBe('2023-04-25');
  });

  it('refuses a version it does not know, naming those it serves', async () => {
    const answer = await api.send({ url: '/api/me', version: '2020-01-01' });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().message).toContain('2025-09-18, 2024-02-08, 2023-04-25');
    expect(answer.headers['x-polytomic-version']).toBe('2025-09-18');
  });

  it('answers 404 to an unknown path', async () => {
    const answer = await api.send({ url: '/api/nothing' });
    expect([answer.statusCode, answer.json().key]).toEqual([404, 'ROUTE_NOT_FOUND']);
  });

  it('answers 400 to a path that cannot be decoded, in the body of every error', async () => {
    const answer = await api.send({ url: '/api/bulk/syncs/%E0%A4%A' });
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      { status: 400, key: 'REQUEST_MALFORMED', message: expect.any(String), metadata: {} },
    ]);
  });

  it('serves the deployment default to those who ask for none', async () => {
    await using old = await startTestApi({ connectors: [], defaultVersion: '2024-02-08' });
    expect((await old.send({ url: '/api/me' })).headers['x-polytomic-version']).toBe('2024-02-08');
  });
});

describe('open pages', () => {
  it.each(['/healthz', '/readyz', '/reference/', '/openapi/2025-09-18.json'])(
    'serves %s without a key',
    async (url) => {
      expect((await api.send({ url, authorization: null })).statusCode).toBe(200);
    },
  );

  it('lets the reference page talk to this server only', async () => {
    const answer = await api.send({ url: '/reference/', authorization: null });
    expect(answer.headers['content-security-policy']).toContain("connect-src 'self'");
  });

  it('serves the page with its script, and leads those to it who forget the slash', async () => {
    const page = await api.send({ url: '/reference/', authorization: null });
    expect([page.headers['content-type'], page.body]).toEqual([
      'text/html; charset=utf-8',
      expect.stringContaining('/openapi/2025-09-18.json'),
    ]);
    const script = await api.send({ url: '/reference/js/scalar.js', authorization: null });
    expect([script.statusCode, script.headers['content-type']]).toEqual([200, 'application/javascript; charset=utf-8']);
    expect(script.body.length).toBeGreaterThan(1_000_000);
    const short = await api.send({ url: '/reference', authorization: null });
    expect([short.statusCode, short.headers.location]).toEqual([301, '/reference/']);
    expect((await api.send({ url: '/reference/other', authorization: null })).statusCode).toBe(404);
  });

  it('leads / to the reference', async () => {
    const answer = await api.send({ url: '/', authorization: null });
    expect([answer.statusCode, answer.headers.location]).toEqual([302, '/reference']);
  });

  it('describes each version in OpenAPI 3.1', async () => {
    const document = (await api.send({ url: '/openapi/2024-02-08.json', authorization: null })).json();
    expect([document.openapi, document.info.version]).toEqual(['3.1.0', '2024-02-08']);
    expect(document.paths['/api/me'].get.responses['401'].content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/RestErrResponse',
    });
  });
});
