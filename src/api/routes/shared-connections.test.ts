import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readContract } from '../../../tests/compatibility/contract.ts';
import { startTestApi, type TestApi } from '../../../tests/setup/api.ts';
import { createMemorySystem } from '../../../tests/setup/memory-connector.ts';

const contract = readContract('2025-09-18');
const system = createMemorySystem([]);
const PARTNER_KEY = 'millrace_partner_test';
const STRANGER_KEY = 'millrace_partner_other';
const CHILD_KEY = 'millrace_user_child';
const partner = { authorization: `Bearer ${PARTNER_KEY}` };
const child = { authorization: `Bearer ${CHILD_KEY}` };
let api: TestApi;
let owner: string;
const childId = randomUUID();
const strangerId = randomUUID();

beforeAll(async () => {
  api = await startTestApi({ connectors: [system.definition] });
  owner = api.keys.organizationId;
  const { db } = api.services.store;
  await db.updateTable('organizations').set({ ownerId: owner }).where('id', '=', owner).execute();
  await db
    .insertInto('organizations')
    .values([
      { id: childId, name: 'Child', ownerId: owner },
      { id: strangerId, name: 'Stranger', ownerId: strangerId },
    ])
    .execute();
  const admin = { id: randomUUID(), organizationId: childId, name: 'Admin', systemKey: 'admin' } as const;
  await db.insertInto('roles').values(admin).execute();
  const user = { id: randomUUID(), organizationId: childId, email: 'child@example.com', name: 'Child' };
  await db
    .insertInto('users')
    .values({ ...user, roleIds: [admin.id] })
    .execute();
  const hash = (key: string) => createHash('sha256').update(key).digest();
  await db
    .insertInto('apiKeys')
    .values([
      { id: randomUUID(), kind: 'partner', organizationId: owner, hash: hash(PARTNER_KEY) },
      { id: randomUUID(), kind: 'partner', organizationId: strangerId, hash: hash(STRANGER_KEY) },
      { id: randomUUID(), kind: 'user', organizationId: childId, userId: user.id, hash: hash(CHILD_KEY) },
    ])
    .execute();
});
afterAll(() => api[Symbol.asyncDispose]());

const configuration = { hostname: 'db.example', password: 'right' };
let count = 0;

async function connect(body: object = {}): Promise<string> {
  const name = `Parent ${++count}`;
  const answer = await api.send({
    method: 'POST',
    url: '/api/connections',
    body: { name, type: 'memory', configuration, ...body },
  });
  return answer.json().data.id;
}

const share = (connectionId: string, body: object, as: { authorization: string } = partner, organizationId = owner) =>
  api.send({
    method: 'POST',
    url: `/api/organizations/${organizationId}/connections/${connectionId}/shared`,
    body,
    ...as,
  });

async function shared(connectionId: string): Promise<string> {
  const answer = await share(connectionId, { child_organization_id: childId, name: `Shared ${++count}` });
  expect(answer.body).toContain('"data"');
  return answer.json().data.id;
}

const read = async (id: string) => (await api.send({ url: `/api/connections/${id}`, ...child })).json().data;

describe('sharing a connection', () => {
  it('makes one in the other organization that points to it and shows no configuration', async () => {
    const parent = await connect();
    const answer = await share(parent, { child_organization_id: childId });
    const operation = 'POST /api/organizations/{org_id}/connections/{connection_id}/shared';
    expect([answer.statusCode, contract.check(operation, 200, answer.json())]).toEqual([200, []]);
    expect(await read(answer.json().data.id)).toMatchObject({
      parent_connection_id: parent,
      organization_id: childId,
      configuration: {},
      status: 'healthy',
      created_by: { type: 'partner' },
    });
  });

  it('does so by the path of 2024-02-08, too', async () => {
    const parent = await connect();
    const url = `/api/connections/${parent}/share`;
    const body = { child_organization_id: childId, name: 'Given name' };
    const answer = await api.send({ method: 'POST', url, body, version: '2024-02-08', ...partner });
    expect(await read(answer.json().data.id)).toMatchObject({ name: 'Given name', parent_connection_id: parent });
  });

  it('lists the connections that point to one, without that one', async () => {
    const parent = await connect();
    const id = await shared(parent);
    const byPartner = await api.send({ url: `/api/organizations/${owner}/connections/${parent}/shared`, ...partner });
    const operation = 'GET /api/organizations/{org_id}/connections/{connection_id}/shared';
    expect(contract.check(operation, 200, byPartner.json())).toEqual([]);
    const byUser = await api.send({ url: `/api/connections/${parent}/shared` });
    const older = await api.send({ url: `/api/connections/${parent}/shared`, version: '2024-02-08' });
    for (const answer of [byPartner, byUser, older])
      expect(answer.json().data.map((one: { id: string }) => one.id)).toEqual([id]);
    expect((await api.send({ url: `/api/connections/${parent}/shared`, ...child })).statusCode).toBe(404);
  });

  it('shows the health of the parent, without what its system said', async () => {
    const parent = await connect();
    const id = await shared(parent);
    const { db } = api.services.store;
    const sick = { status: 'unhealthy', statusError: 'db.example refused' } as const;
    await db.updateTable('connections').set(sick).where('id', '=', parent).execute();
    const seen = await read(id);
    expect(seen).toMatchObject({ status: 'unhealthy', status_error: expect.stringContaining('owner') });
    expect(seen.status_error).not.toContain('db.example');
  });

  it('lets the other organization rename it, and not configure it', async () => {
    const id = await shared(await connect());
    const put = (body: object) => api.send({ method: 'PUT', url: `/api/connections/${id}`, body, ...child });
    expect((await put({ name: 'Renamed', configuration: {} })).json().data).toMatchObject({ name: 'Renamed' });
    expect((await put({ name: 'Renamed', configuration })).json().message).toContain('configuration');
    const checked = await put({ name: 'Renamed', configuration: {}, healthcheck_interval: '5m' });
    expect([checked.statusCode, checked.json().message]).toEqual([
      422,
      expect.stringContaining('healthcheck_interval'),
    ]);
  });

  it('is proved by what the parent leads to, before its schemas are read again', async () => {
    const id = await shared(await connect());
    const { db } = api.services.store;
    const sick = { status: 'unhealthy', statusError: 'It was down.' } as const;
    await db.updateTable('connections').set(sick).where('id', '=', id).execute();
    const url = `/api/connections/${id}/schemas/refresh`;
    expect((await api.send({ method: 'POST', url, ...child })).statusCode).toBe(202);
  });

  it('sends the secrets of the parent nowhere else', async () => {
    const id = await shared(await connect());
    const body = { type: 'memory', configuration: { hostname: 'mine.example' }, connection_id: id };
    const tried = await api.send({ method: 'POST', url: '/api/connections/test', body, ...child });
    expect([tried.statusCode, tried.json().message]).toEqual([422, expect.stringContaining('connection_id')]);
    const listed = await api.send({ url: `/api/connections/${id}/parameter_values`, ...child });
    expect(listed.json()).toEqual({ data: {} });
  });

  it('keeps a parent that is pointed to, also when forced, and lets go of it afterwards', async () => {
    const parent = await connect();
    const id = await shared(parent);
    const drop = (one: string, as = {}) =>
      api.send({ method: 'DELETE', url: `/api/connections/${one}?force=true`, ...as });
    const kept = await drop(parent);
    expect([kept.statusCode, kept.json()]).toEqual([
      422,
      expect.objectContaining({ key: 'CONNECTION_IN_USE', metadata: { used_by: [expect.objectContaining({ id })] } }),
    ]);
    expect((await drop(id, child)).statusCode).toBe(200);
    expect((await drop(parent)).statusCode).toBe(200);
  });

  it.each([
    ['an organization of another partner', () => ({ child_organization_id: strangerId }), 404],
    ['an unknown organization', () => ({ child_organization_id: randomUUID() }), 404],
    ['its own organization', () => ({ child_organization_id: owner }), 422],
    ['no organization', () => ({}), 400],
    ['an unknown field', () => ({ child_organization_id: childId, more: 1 }), 400],
  ])('refuses %s', async (_name, body, status) => {
    expect((await share(await connect(), body())).statusCode).toBe(status);
  });

  it('refuses users, other partners, unknown connections and taken names', async () => {
    const parent = await connect();
    const body = { child_organization_id: childId, name: 'Taken' };
    expect((await share(parent, body)).statusCode).toBe(200);
    expect((await share(parent, body)).json().message).toContain('Taken');
    const user = { authorization: `Bearer ${api.keys.userKey}` };
    expect((await share(parent, body, user)).statusCode).toBe(403);
    const stranger = { authorization: `Bearer ${STRANGER_KEY}` };
    expect((await share(parent, body, stranger)).statusCode).toBe(404);
    expect((await share(parent, body, stranger, strangerId)).statusCode).toBe(404);
    expect((await share(parent, body, partner, childId)).statusCode).toBe(404);
    expect((await share(randomUUID(), body)).statusCode).toBe(404);
  });

  it('does not share what is shared already', async () => {
    const id = await shared(await connect());
    const answer = await share(id, { child_organization_id: owner }, partner, childId);
    expect([answer.statusCode, answer.json().message]).toEqual([422, expect.stringContaining('shared')]);
  });

  it('keeps an organization whose connections others use', async () => {
    const { db } = api.services.store;
    const sharer = randomUUID();
    await db.insertInto('organizations').values({ id: sharer, name: 'Sharer', ownerId: owner }).execute();
    const id = await shared(await connect());
    const { parentConnectionId } = await db
      .updateTable('connections')
      .set({ organizationId: sharer, name: 'Moved there', secrets: null })
      .where('id', '=', (where) => where.selectFrom('connections').select('parentConnectionId').where('id', '=', id))
      .returning('id as parentConnectionId')
      .executeTakeFirstOrThrow();
    const drop = () => api.send({ method: 'DELETE', url: `/api/organizations/${sharer}`, ...partner });
    const kept = await drop();
    expect([kept.statusCode, kept.json().key, typeof parentConnectionId]).toEqual([422, 'CONNECTION_IN_USE', 'string']);
    await api.send({ method: 'DELETE', url: `/api/connections/${id}`, ...child });
    expect((await drop()).statusCode).toBe(200);
  });

  it('forgets, when the parent moves, what syncs behind shared connections remember', async () => {
    const parent = await connect();
    const id = await shared(parent);
    const { db } = api.services.store;
    const before = new Date('2026-01-01');
    await db.updateTable('schemaCaches').set({ requestedAt: before }).where('connectionId', '=', id).execute();
    const body = { name: 'Moved', configuration: { ...configuration, hostname: 'other.example' } };
    expect((await api.send({ method: 'PUT', url: `/api/connections/${parent}`, body })).statusCode).toBe(200);
    const row = await db
      .selectFrom('schemaCaches')
      .select('requestedAt')
      .where('connectionId', '=', id)
      .executeTakeFirstOrThrow();
    expect(row.requestedAt.getTime()).toBeGreaterThan(before.getTime());
  });
});
