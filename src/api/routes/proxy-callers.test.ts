import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readContract } from '../../../tests/compatibility/contract.ts';
import { TOKEN, useHttpApi } from '../../../tests/setup/http-api.ts';
import { SyncError } from '../../core/index.ts';
import { countProxyCall, removeOldProxyCalls } from '../../store/index.ts';

const contract = readContract('2025-09-18');
let now = new Date();
const fixture = useHttpApi(() => now);
const { api, seen, connectedId, pass, answered } = fixture;

describe('calls through the proxy', () => {
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
        baseUrl: fixture.base,
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
      { method: 'PATCH', path: '/broken', status: null, outcome: 'unanswered', proxy_call_id: expect.any(String) },
      { method: 'DELETE', path: '/things/7', status: 200, outcome: 'answered', proxy_call_id: proxyCallId },
    ]);
    expect(entries.body).not.toMatch(/confidential|nosy/);
  });

  it.each<[string, () => Promise<never>, string]>([
    [
      'as unknown when the server fails before it learns what came of it',
      () => Promise.reject(new Error('a crash')),
      'unknown',
    ],
    [
      'as not sent when the address is refused',
      () => Promise.reject(new SyncError('CONN_ADDRESS_REFUSED', 'a private address')),
      'not_sent',
    ],
  ])('notes a write before it is sent, %s', async (_name, end, outcome) => {
    const id = await connectedId();
    const written: unknown[] = [];
    const readNotes = async () => {
      const { data } = (await api.send({ url: `/api/x/audit?object_id=${id}` })).json();
      return data.filter(({ action }: { action: string }) => action === 'proxy');
    };
    await using _http = fixture.swapHttp(async () => {
      written.push(...(await readNotes()));
      return end();
    });
    await pass(id, { method: 'DELETE', path: '/things/7' });
    expect(written).toMatchObject([
      { after: { method: 'DELETE', path: '/things/7', status: null, outcome: 'unknown' } },
    ]);
    expect(await readNotes()).toMatchObject([{ after: { outcome, status: null } }]);
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
