import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../../tests/setup/api.ts';
import { createInstallationKey } from '../../operations/index.ts';

let api: TestApi;
let partnerKey: string;
let own: string;

beforeAll(async () => {
  api = await startTestApi({ connectors: [] });
  own = api.keys.organizationId;
  partnerKey = (await createInstallationKey(api.services, { kind: 'partner', organizationId: null, email: null })).key;
});
afterAll(() => api[Symbol.asyncDispose]());

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

interface Asked {
  readonly body?: unknown;
  readonly key?: string | null;
  readonly version?: string;
}

/** As the partner, unless told otherwise. */
async function ask(method: Method, url: string, { body, key = `Bearer ${partnerKey}`, version }: Asked = {}) {
  const answer = await api.send({
    method,
    url,
    body,
    authorization: key,
    ...(version === undefined ? {} : { version }),
  });
  return { status: answer.statusCode, body: answer.body === '' ? null : answer.json() };
}

let made = 0;
const makeOrganization = async (name = `Organization ${++made}`): Promise<string> =>
  (await ask('POST', '/api/organizations', { body: { name } })).body.data.id;

/** A user of an organization, with a key. */
async function makeUser(organization: string, role: string): Promise<{ readonly id: string; readonly key: string }> {
  const email = `user${++made}@example.org`;
  const { id } = (await ask('POST', `/api/organizations/${organization}/users`, { body: { email, role } })).body.data;
  const { value } = (await ask('POST', `/api/organizations/${organization}/users/${id}/keys`)).body.data;
  return { id, key: `Bearer ${value}` };
}

describe('callers', () => {
  it('are told who they are', async () => {
    const me = async (key: string, version = '2025-09-18') => (await ask('GET', '/api/me', { key, version })).body.data;
    for (const version of ['2025-09-18', '2024-02-08', '2023-04-25']) {
      expect(await me(`Bearer ${partnerKey}`, version)).toEqual({
        is_user: false,
        is_organization: false,
        is_partner: true,
        is_system: false,
        organization_id: own,
        organization_name: 'Default',
      });
    }
    expect(await me(basic(`${own}:${partnerKey}`))).toMatchObject({ is_organization: true, organization_id: own });
    expect(await me(`Bearer ${api.keys.deploymentKey}`)).toMatchObject({ is_system: true, is_partner: false });
  });

  it('are kept apart: a partner key does not act inside an organization, others do not reach several', async () => {
    const inside = await ask('GET', '/api/connections');
    expect([inside.status, inside.body.key]).toEqual([403, 'FORBIDDEN']);
    expect((await ask('GET', '/api/connection_types')).status).toBe(200);
    const id = await makeOrganization();
    for (const key of [`Bearer ${api.keys.userKey}`, basic(`${own}:${api.keys.deploymentKey}`)]) {
      for (const [method, url, body] of [
        ['GET', '/api/organizations', undefined],
        ['POST', '/api/organizations', { name: 'No' }],
        ['GET', `/api/organizations/${id}`, undefined],
        ['DELETE', `/api/organizations/${id}`, undefined],
        ['GET', `/api/organizations/${own}/users`, undefined],
      ] as const) {
        expect([method, url, (await ask(method, url, { body, key })).status]).toEqual([method, url, 403]);
      }
    }
  });

  it('of older versions list what their key reaches', async () => {
    const key = `Bearer ${api.keys.userKey}`;
    const { body } = await ask('GET', '/api/organizations', { key, version: '2024-02-08' });
    expect(body.data).toEqual([{ id: own, name: 'Default' }]);
    expect((await ask('POST', '/api/organizations', { key, version: '2024-02-08', body: { name: 'No' } })).status).toBe(
      403,
    );
  });

  it('act inside an organization when they name it, and only one of their own', async () => {
    const id = await makeOrganization();
    const inside = await ask('GET', '/api/organization', { key: basic(`${id}:${partnerKey}`) });
    expect(inside.body.data.id).toBe(id);
    const foreign = api.services.newId();
    await api.services.store.db.insertInto('organizations').values({ id: foreign, name: 'Foreign' }).execute();
    expect((await ask('GET', '/api/organization', { key: basic(`${foreign}:${partnerKey}`) })).status).toBe(401);
    const deployed = await ask('GET', '/api/organization', { key: basic(`${foreign}:${api.keys.deploymentKey}`) });
    expect(deployed.body.data).toEqual({ id: foreign, name: 'Foreign' });
    expect((await ask('GET', `/api/organizations/${foreign}`)).status).toBe(404);
    expect((await ask('GET', `/api/organizations/${foreign}/users`)).status).toBe(404);
    expect((await ask('PUT', `/api/organizations/${foreign}`, { body: { name: 'Mine' } })).status).toBe(404);
    expect((await ask('DELETE', `/api/organizations/${foreign}`)).status).toBe(404);
  });
});

describe('organizations', () => {
  it('are listed with the partner’s own first', async () => {
    const id = await makeOrganization();
    const { body } = await ask('GET', '/api/organizations');
    const ids = body.data.map((organization: { id: string }) => organization.id);
    expect([ids[0], ids.includes(id)]).toEqual([own, true]);
    const all = await ask('GET', '/api/organizations', { key: `Bearer ${api.keys.deploymentKey}` });
    expect(all.body.data.length).toBeGreaterThan(body.data.length - 1);
  });

  it('keep what the identity provider keeps secret to themselves', async () => {
    const sso = { sso_domain: 'example.org', issuer: 'https://login.example.org' };
    const secret = { client_id: 'millrace', client_secret: 'planted-secret' };
    const created = await ask('POST', '/api/organizations', { body: { name: 'With SSO', ...sso, ...secret } });
    expect(created.body.data).toEqual({ id: expect.any(String), name: 'With SSO', ...sso });
    const { id } = created.body.data;
    const stored = async () =>
      api.services.store.db.selectFrom('organizations').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    const sealed = (await stored()).ssoSecrets;
    expect(sealed?.includes('planted-secret')).toBe(false);
    expect(
      api.services.store.secrets.unseal(sealed ?? Buffer.alloc(0), { organizationId: id, connectionId: id }),
    ).toEqual({
      clientId: 'millrace',
      clientSecret: 'planted-secret',
    });

    const patched = await ask('PATCH', `/api/organizations/${id}`, {
      body: { name: 'Renamed' },
      version: '2023-04-25',
    });
    expect(patched.body.data).toEqual({ id, name: 'Renamed', ...sso });
    expect((await stored()).ssoSecrets).not.toBeNull();
    const replaced = await ask('PUT', `/api/organizations/${id}`, { body: { name: 'Plain' } });
    expect([replaced.body.data, (await stored()).ssoSecrets]).toEqual([{ id, name: 'Plain' }, null]);
  });

  it('have names that are unique among the partner’s', async () => {
    await makeOrganization('Taken');
    const id = await makeOrganization();
    for (const [method, url] of [
      ['POST', '/api/organizations'],
      ['PUT', `/api/organizations/${id}`],
    ] as const) {
      const { status, body } = await ask(method, url, { body: { name: 'Taken' } });
      expect([method, status, body.key]).toEqual([method, 409, 'NAME_TAKEN']);
    }
  });

  it('are deleted with all that they have, but never the partner’s own', async () => {
    const id = await makeOrganization();
    const user = await makeUser(id, 'admin');
    expect((await ask('GET', '/api/me', { key: user.key })).status).toBe(200);
    expect(await ask('DELETE', `/api/organizations/${id}`)).toEqual({ status: 200, body: null });
    expect((await ask('GET', `/api/organizations/${id}`)).status).toBe(404);
    expect((await ask('GET', '/api/me', { key: user.key })).status).toBe(401);
    for (const key of [`Bearer ${partnerKey}`, `Bearer ${api.keys.deploymentKey}`])
      expect((await ask('DELETE', `/api/organizations/${own}`, { key })).status).toBe(403);
  });

  it.each([
    ['no name', {}, 'name'],
    ['an empty name', { name: ' ' }, 'name'],
    ['a name of another type', { name: 5 }, 'name'],
    ['an unknown field', { name: 'x', color: 'red' }, 'color'],
  ])('are refused with %s', async (_what, body, field) => {
    const answer = await ask('POST', '/api/organizations', { body });
    expect([answer.status, answer.body.message.includes(`\`${field}\``)]).toEqual([400, true]);
  });
});

describe('users', () => {
  it('are invited, found, changed and deleted', async () => {
    const id = await makeOrganization();
    const url = `/api/organizations/${id}/users`;
    const created = await ask('POST', url, { body: { email: 'ada@example.org', role: 'admin' } });
    const user = created.body.data;
    expect(user).toEqual({
      id: expect.any(String),
      email: 'ada@example.org',
      organization_id: id,
      role: 'admin',
      role_ids: [expect.any(String)],
    });
    const [mail] = await api.services.store.db
      .selectFrom('mails')
      .selectAll()
      .where('organizationId', '=', id)
      .execute();
    expect(mail).toMatchObject({ recipient: 'ada@example.org', template: 'invitation' });
    expect((await ask('GET', url)).body.data).toEqual([user]);
    expect((await ask('GET', `${url}/${user.id}`)).body.data).toEqual(user);
    const changed = await ask('PUT', `${url}/${user.id}`, { body: { email: 'ADA@example.org', role: 'viewer' } });
    expect(changed.body.data).toMatchObject({ email: 'ada@example.org', role: 'viewer' });
    const same = await ask('PUT', `${url}/${user.id}`, { body: { email: 'ada@example.org' } });
    expect(same.body.data).toEqual(changed.body.data);
    expect((await ask('DELETE', `${url}/${user.id}`)).body.data).toEqual(changed.body.data);
    expect((await ask('GET', `${url}/${user.id}`)).status).toBe(404);
  });

  it('have one role by a word in 2023', async () => {
    const id = await makeOrganization();
    const url = `/api/organizations/${id}/users`;
    const version = '2023-04-25';
    const { data } = (await ask('POST', url, { body: { email: 'bob@example.org' }, version })).body;
    expect(data).toEqual({ id: expect.any(String), email: 'bob@example.org', organization_id: id, role: 'member' });
    const body = { email: 'bob@example.org', role: 'Sync Editor' };
    const changed = await ask('PATCH', `${url}/${data.id}`, { body, version });
    expect(changed.body.data).toEqual({ ...data, role: 'sync_editor' });
    expect((await ask('GET', url, { version })).body.data).toEqual([changed.body.data]);
    expect((await ask('GET', `${url}/${data.id}`, { version })).body.data).toEqual(changed.body.data);
    expect((await ask('DELETE', `${url}/${data.id}`, { version })).body.data).toEqual(changed.body.data);
  });

  it('of the own organization are managed by its Admins', async () => {
    const key = `Bearer ${api.keys.userKey}`;
    const url = '/api/organization/users';
    const { data } = (await ask('POST', url, { key, body: { email: 'eve@example.org' } })).body;
    expect(data).toMatchObject({ organization_id: own, role: 'member' });
    expect((await ask('GET', `${url}/${data.id}`, { key })).body.data).toEqual(data);
    expect((await ask('GET', url, { key })).body.data).toContainEqual(data);
    const changed = await ask('PUT', `${url}/${data.id}`, { key, body: { role: 'admin' } });
    expect(changed.body.data.role).toBe('admin');
    expect((await ask('DELETE', `${url}/${data.id}`, { key })).status).toBe(200);
  });

  it.each([
    ['both ways of giving roles', { role: 'admin', role_ids: [] }, 422, 'role'],
    ['no role', { role_ids: [] }, 422, 'role_ids'],
    ['an unknown role', { role_ids: ['00000000-0000-4000-8000-000000000000'] }, 422, 'role_ids[0]'],
    ['an unknown word', { role: 'owner' }, 422, 'role'],
    ['no address', { email: 'nobody' }, 400, 'email'],
    ['an unknown field', { name: 'x' }, 400, 'name'],
  ])('are refused with %s', async (_what, changes, status, field) => {
    const body = { email: 'x@example.org', ...changes };
    const answer = await ask('POST', `/api/organizations/${own}/users`, { body });
    expect([answer.status, answer.body.message.includes(`\`${field}\``)]).toEqual([status, true]);
  });

  it('are there once, in whatever case, and keep their address', async () => {
    const id = await makeOrganization();
    const url = `/api/organizations/${id}/users`;
    const { data } = (await ask('POST', url, { body: { email: 'carl@example.org' } })).body;
    expect((await ask('POST', url, { body: { email: 'Carl@Example.org' } })).status).toBe(422);
    expect((await ask('PUT', `${url}/${data.id}`, { body: { email: 'other@example.org' } })).status).toBe(422);
  });

  it('cannot leave their organization without an Admin', async () => {
    const id = await makeOrganization();
    const admin = await makeUser(id, 'admin');
    const url = `/api/organization/users/${admin.id}`;
    expect((await ask('DELETE', url, { key: admin.key })).status).toBe(422);
    expect((await ask('PUT', url, { key: admin.key, body: { role: 'viewer' } })).status).toBe(422);
    const other = await makeUser(id, 'admin');
    expect((await ask('PUT', url, { key: other.key, body: { role: 'viewer' } })).status).toBe(200);
    expect((await ask('GET', '/api/me', { key: admin.key })).body.data.role).toBe('viewer');
  });

  it('may have an address without a dot, as the first one has', async () => {
    const url = `/api/organizations/${await makeOrganization()}/users`;
    const { data } = (await ask('POST', url, { body: { email: 'admin@localhost', role: 'admin' } })).body;
    const changed = await ask('PUT', `${url}/${data.id}`, { body: { email: 'admin@localhost', role: 'viewer' } });
    expect([changed.status, changed.body.data.role]).toEqual([200, 'viewer']);
  });

  it('that are no Admins read users and change none', async () => {
    const id = await makeOrganization();
    const { id: userId, key } = await makeUser(id, 'member');
    const url = '/api/organization/users';
    expect((await ask('GET', url, { key })).status).toBe(200);
    expect((await ask('POST', url, { key, body: { email: 'f@example.org' } })).status).toBe(403);
    expect((await ask('PUT', `${url}/${userId}`, { key, body: { role: 'admin' } })).status).toBe(403);
    expect((await ask('DELETE', `${url}/${userId}`, { key })).status).toBe(403);
  });
});

describe('keys', () => {
  it('are shown once, and made anew by force', async () => {
    const id = await makeOrganization();
    const user = await makeUser(id, 'admin');
    const url = `/api/organizations/${id}/users/${user.id}/keys`;
    const again = await ask('POST', url);
    expect([again.status, again.body.key]).toEqual([409, 'KEY_EXISTS']);
    const forced = await ask('POST', `${url}?force=true`);
    expect(forced.body.data.value).toMatch(/^millrace_user_/);
    expect((await ask('GET', '/api/me', { key: user.key })).status).toBe(401);
    const me = await ask('GET', '/api/me', { key: `Bearer ${forced.body.data.value}` });
    expect(me.body.data).toMatchObject({ id: user.id, organization_id: id, is_user: true });
  });

  it('are not made for unknown users, nor for those of another organization', async () => {
    const id = await makeOrganization();
    const { id: userId } = await makeUser(await makeOrganization(), 'admin');
    expect((await ask('POST', `/api/organizations/${id}/users/${userId}/keys`)).status).toBe(404);
  });
});
