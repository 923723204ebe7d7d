import { beforeAll, describe, expect, it } from 'vitest';
import { UNKNOWN_ID, useBulkFixture } from '../../../tests/setup/bulk-fixture.ts';
import { createInstallationKey } from '../../operations/index.ts';

const fixture = useBulkFixture();

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Keys of users with one role each, as `Bearer …`. */
const keys = { admin: '', member: '', sync_editor: '', viewer: '', custom: '' };
/** The role of a user's own that `custom` has, and the ids of all roles by name. */
let roleIds: ReadonlyMap<string, string>;
let customRole: string;
let syncId: string;

async function ask(method: Method, url: string, { body, key = keys.admin, version }: Asked = {}) {
  const answer = await fixture.api.send({
    method,
    url,
    body,
    authorization: key,
    ...(version === undefined ? {} : { version }),
  });
  return { status: answer.statusCode, body: answer.body === '' ? null : answer.json() };
}

interface Asked {
  readonly body?: unknown;
  readonly key?: string;
  readonly version?: string;
}

beforeAll(async () => {
  keys.admin = `Bearer ${fixture.api.keys.userKey}`;
  customRole = (await ask('POST', '/api/permissions/roles', { body: { name: 'Analyst' } })).body.data.id;
  for (const role of ['member', 'sync_editor', 'viewer', 'custom'] as const) {
    const roles = role === 'custom' ? { role_ids: [customRole] } : { role };
    const email = `${role}@example.org`;
    await ask('POST', '/api/organization/users', { body: { email, ...roles } });
    const request = { kind: 'user', organizationId: null, email } as const;
    keys[role] = `Bearer ${(await createInstallationKey(fixture.api.services, request)).key}`;
  }
  const { data } = (await ask('GET', '/api/permissions/roles')).body;
  roleIds = new Map(data.map((role: { name: string; id: string }) => [role.name, role.id]));
  syncId = await fixture.createSync();
});

/** The built-in policy of connections, or of bulk syncs. */
async function builtIn(name: 'All connections' | 'All bulk syncs') {
  const { data } = (await ask('GET', '/api/permissions/policies')).body;
  return data.find((policy: { name: string }) => policy.name === name);
}

async function makePolicy(actions: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const policy_actions = Object.entries(actions).map(([action, role_ids]) => ({ action, role_ids }));
  return (await ask('POST', '/api/permissions/policies', { body: { name: 'Own', policy_actions } })).body.data.id;
}

describe('roles', () => {
  it('are built in: Admin, Editor, Sync Editor and Viewer', async () => {
    const { data } = (await ask('GET', '/api/permissions/roles')).body;
    const system = data.filter((role: { system: boolean }) => role.system);
    expect(system.map((role: { name: string }) => role.name)).toEqual(['Admin', 'Editor', 'Sync Editor', 'Viewer']);
    for (const [method, body] of [
      ['PUT', { name: 'Other' }],
      ['DELETE', undefined],
    ] as const) {
      const answer = await ask(method, `/api/permissions/roles/${system[0].id}`, { body });
      expect([method, answer.status]).toEqual([method, 403]);
    }
  });

  it('of one’s own are made, renamed and deleted; policies keep the id of a deleted one', async () => {
    const url = '/api/permissions/roles';
    const { data } = (await ask('POST', url, { body: { name: 'Passing' } })).body;
    expect(data).toEqual({
      id: expect.any(String),
      name: 'Passing',
      organization_id: fixture.api.keys.organizationId,
      system: false,
    });
    const renamed = await ask('PUT', `${url}/${data.id}`, { body: { name: 'Gone soon' } });
    expect((await ask('GET', `${url}/${data.id}`)).body).toEqual(renamed.body);
    const patched = await ask('PATCH', `${url}/${data.id}`, { body: { name: 'Going' }, version: '2023-04-25' });
    expect(patched.body.data.name).toBe('Going');
    const email = 'passing@example.org';
    const user = await ask('POST', '/api/organization/users', { body: { email, role_ids: [data.id] } });
    const policy = await makePolicy({ read: [data.id] });
    expect((await ask('DELETE', `${url}/${data.id}`)).status).toBe(200);
    expect((await ask('GET', `${url}/${data.id}`)).status).toBe(404);
    expect((await ask('GET', `/api/organization/users/${user.body.data.id}`)).body.data.role_ids).toEqual([]);
    const kept = (await ask('GET', `/api/permissions/policies/${policy}`)).body.data;
    expect(kept.policy_actions).toEqual([{ action: 'read', role_ids: [data.id] }]);
    const { id: _id, organization_id: _organization, system: _system, ...body } = kept;
    expect((await ask('PUT', `/api/permissions/policies/${policy}`, { body })).status).toBe(200);
  });

  it.each([
    ['a taken name', { name: 'Analyst' }, 422, 'name'],
    ['the name of a built-in role', { name: 'member' }, 422, 'name'],
    ['another organization', { name: 'x', organization_id: UNKNOWN_ID }, 422, 'organization_id'],
    ['no name', {}, 400, 'name'],
    ['an unknown field', { name: 'x', system: true }, 400, 'system'],
  ])('are refused with %s', async (_what, body, status, field) => {
    const answer = await ask('POST', '/api/permissions/roles', { body });
    expect([answer.status, answer.body.message.includes(`\`${field}\``)]).toEqual([status, true]);
  });
});

describe('policies', () => {
  it('are built in for each kind of object, may be changed, and not deleted', async () => {
    const { data } = (await ask('GET', '/api/permissions/policies')).body;
    const system = data.filter((policy: { system: boolean }) => policy.system);
    expect(system.map((policy: { name: string }) => policy.name).sort()).toEqual([
      'All bulk syncs',
      'All connections',
      'All models',
      'All syncs',
    ]);
    const [{ id, name, policy_actions }] = system;
    const answer = await ask('PUT', `/api/permissions/policies/${id}`, { body: { name, policy_actions } });
    expect(answer.body.data).toMatchObject({ id, system: true });
    expect((await ask('DELETE', `/api/permissions/policies/${id}`)).status).toBe(403);
  });

  it('are taken from their objects when they are deleted', async () => {
    const policy = await makePolicy({ read: [customRole] });
    const sync = await fixture.createSync({ policies: [policy] });
    expect((await ask('GET', `/api/bulk/syncs/${sync}`)).body.data.policies).toContain(policy);
    expect((await ask('DELETE', `/api/permissions/policies/${policy}`)).status).toBe(200);
    expect((await ask('GET', `/api/bulk/syncs/${sync}`)).body.data.policies).toEqual([
      (await builtIn('All bulk syncs')).id,
    ]);
    expect((await ask('GET', `/api/permissions/policies/${policy}`)).status).toBe(404);
  });

  it('can be changed by whom they let', async () => {
    const policy = await makePolicy({ modify_policy: [customRole] });
    const url = `/api/permissions/policies/${policy}`;
    const body = { name: 'Mine', policy_actions: null };
    expect((await ask('PATCH', url, { body, key: keys.viewer, version: '2023-04-25' })).status).toBe(403);
    const changed = await ask('PATCH', url, { body, key: keys.custom, version: '2023-04-25' });
    expect(changed.body.data).toMatchObject({ name: 'Mine', policy_actions: [] });
    expect((await ask('PUT', url, { body, key: keys.custom })).status).toBe(403);
  });

  it.each([
    ['an unknown action', { policy_actions: [{ action: 'fly', role_ids: [] }] }, 422, 'policy_actions[0].action'],
    ['an unknown role', { policy_actions: [{ action: 'read', role_ids: [UNKNOWN_ID] }] }, 422, 'role_ids[0]'],
    ['no actions', { policy_actions: undefined }, 400, 'policy_actions'],
    ['a role that is no id', { policy_actions: [{ action: 'read', role_ids: ['x'] }] }, 400, 'role_ids[0]'],
  ])('are refused with %s', async (_what, changes, status, field) => {
    const body = { name: 'x', ...changes };
    const answer = await ask('POST', '/api/permissions/policies', { body });
    expect([answer.status, answer.body.message.includes(field)]).toEqual([status, true]);
  });
});

describe('permissions', () => {
  const connectionBody = () => ({ name: 'x', type: 'postgresql', configuration: {}, validate: false });
  /** What is asked, and who may: `200` stands for any answer but 403, since some requests are refused for another reason. */
  const MATRIX: readonly (readonly [string, Method, () => string, () => unknown, string])[] = [
    ['list connections', 'GET', () => '/api/connections', () => undefined, 'member sync_editor viewer'],
    ['read a sync', 'GET', () => `/api/bulk/syncs/${syncId}`, () => undefined, 'member sync_editor viewer'],
    [
      'read its executions',
      'GET',
      () => `/api/bulk/syncs/${syncId}/executions`,
      () => undefined,
      'member sync_editor viewer',
    ],
    ['make a connection', 'POST', () => '/api/connections', connectionBody, 'member'],
    [
      'try a connection',
      'POST',
      () => '/api/connections/test',
      () => ({ type: 'postgresql', configuration: {} }),
      'member',
    ],
    [
      'try a stored connection',
      'POST',
      () => '/api/connections/test',
      () => ({ type: 'postgresql', configuration: { port: -1 }, connection_id: fixture.sourceId }),
      'member',
    ],
    [
      'change a connection',
      'PUT',
      () => `/api/connections/${fixture.sourceId}`,
      () => ({ name: 'x', configuration: {} }),
      'member',
    ],
    [
      'refresh its schemas',
      'POST',
      () => `/api/connections/${fixture.sourceId}/schemas/refresh`,
      () => undefined,
      'member sync_editor',
    ],
    [
      'set a key',
      'PUT',
      () => `/api/connections/${fixture.sourceId}/schemas/public.notes/primary_keys`,
      () => ({ fields: [] }),
      'member',
    ],
    [
      'make a sync',
      'POST',
      () => '/api/bulk/syncs',
      () => fixture.syncBody({ schemas: ['no.such'] }),
      'member sync_editor',
    ],
    [
      'change a schedule',
      'DELETE',
      () => `/api/bulk/syncs/${syncId}/schedules/${UNKNOWN_ID}`,
      () => undefined,
      'member sync_editor',
    ],
    [
      'switch a sync',
      'POST',
      () => `/api/bulk/syncs/${syncId}/activate`,
      () => ({ active: false }),
      'member sync_editor',
    ],
    [
      'start a sync',
      'POST',
      () => `/api/bulk/syncs/${syncId}/executions`,
      () => ({ schemas: ['none'] }),
      'member sync_editor',
    ],
    ['cancel a sync', 'POST', () => `/api/bulk/syncs/${syncId}/cancel`, () => undefined, 'member sync_editor'],
    ['make a role', 'POST', () => '/api/permissions/roles', () => ({ name: 'Admin' }), ''],
    ['make a policy', 'POST', () => '/api/permissions/policies', () => ({ name: 'x', policy_actions: [] }), ''],
  ];

  it.each(MATRIX)('let by their role: %s', async (_what, method, url, body, allowed) => {
    for (const role of ['admin', 'member', 'sync_editor', 'viewer', 'custom'] as const) {
      const { status } = await ask(method, url(), { body: body(), key: keys[role] });
      const isAllowed = role === 'admin' || allowed.split(' ').includes(role);
      // A list leaves out what may not be read, and refuses nobody.
      const isList = url() === '/api/connections' && method === 'GET';
      expect([role, status === 403]).toEqual([role, !isAllowed && !isList]);
      expect([role, status < 500]).toEqual([role, true]);
    }
  });

  it('of a role of one’s own come from the policies of an object, and lists leave out the rest', async () => {
    const list = async (url: string) => (await ask('GET', url, { key: keys.custom })).body.data;
    expect([
      await list('/api/connections'),
      await list('/api/bulk/syncs'),
      await list('/api/bulk/syncs/status?all=true'),
    ]).toEqual([[], [], []]);
    expect(await ask('GET', `/api/bulk/syncs/${syncId}`, { key: keys.custom })).toMatchObject({
      status: 403,
      body: { key: 'FORBIDDEN', metadata: { action: 'read', object_kind: 'bulk_sync' } },
    });
    const policy = await makePolicy({ read: [customRole], trigger: [customRole] });
    const sync = await fixture.createSync({ policies: [policy] });
    expect((await list('/api/bulk/syncs')).map((one: { id: string }) => one.id)).toEqual([sync]);
    const statuses = await ask('GET', '/api/bulk/syncs/status?all=true', { key: keys.custom, version: '2024-02-08' });
    expect(statuses.body.data.map((one: { sync_id: string }) => one.sync_id)).toEqual([sync]);
    expect((await ask('GET', '/api/bulk/syncs', { key: keys.custom, version: '2024-02-08' })).body.data).toHaveLength(
      1,
    );
    expect((await ask('GET', `/api/bulk/syncs/${sync}`, { key: keys.custom })).status).toBe(200);
    expect((await ask('POST', `/api/bulk/syncs/${sync}/cancel`, { key: keys.custom })).status).toBe(200);
    expect((await ask('DELETE', `/api/bulk/syncs/${sync}`, { key: keys.custom })).status).toBe(403);
  });

  it('change with the built-in policy, at once', async () => {
    const { id, name, policy_actions } = await builtIn('All connections');
    const url = `/api/permissions/policies/${id}`;
    const without = policy_actions.map((grant: { action: string; role_ids: readonly string[] }) =>
      grant.action === 'read' ? { ...grant, role_ids: [roleIds.get('Editor')] } : grant,
    );
    await ask('PUT', url, { body: { name, policy_actions: without } });
    const read = (key: string) => ask('GET', `/api/connections/${fixture.sourceId}`, { key });
    expect([
      (await read(keys.viewer)).status,
      (await read(keys.member)).status,
      (await read(keys.admin)).status,
    ]).toEqual([403, 200, 200]);
    // What it writes to must be open to who makes a sync, what it reads from, too.
    const made = await ask('POST', '/api/bulk/syncs', { body: fixture.syncBody(), key: keys.sync_editor });
    expect([made.status, made.body.metadata]).toMatchObject([403, { action: 'read', object_kind: 'connection' }]);
    await ask('PUT', url, { body: { name, policy_actions } });
    expect((await read(keys.viewer)).status).toBe(200);
  });

  it('are needed to attach a policy: by that policy, or by one of the object', async () => {
    const closed = await makePolicy({ read: [customRole] });
    const open = await makePolicy({
      read: [customRole],
      edit: [customRole],
      create: [customRole],
      apply_policy: [customRole],
    });
    const sync = await fixture.createSync();
    const body = fixture.syncBody({ policies: [closed] });
    expect((await ask('PUT', `/api/bulk/syncs/${sync}`, { body, key: keys.viewer })).status).toBe(403);
    expect((await ask('PUT', `/api/bulk/syncs/${sync}`, { body, key: keys.sync_editor })).body.data.policies).toContain(
      closed,
    );
    const { id, name, policy_actions } = await builtIn('All bulk syncs');
    const url = `/api/permissions/policies/${id}`;
    const without = policy_actions.filter((grant: { action: string }) => grant.action !== 'apply_policy');
    await ask('PUT', url, { body: { name, policy_actions: without } });
    const kept = await ask('PUT', `/api/bulk/syncs/${sync}`, { body, key: keys.sync_editor });
    const detached = await ask('PUT', `/api/bulk/syncs/${sync}`, { body: fixture.syncBody(), key: keys.sync_editor });
    const attached = await ask('PUT', `/api/bulk/syncs/${sync}`, {
      body: fixture.syncBody({ policies: [closed, open] }),
      key: keys.sync_editor,
    });
    await ask('PUT', url, { body: { name, policy_actions } });
    expect([kept.status, detached.status, attached.status]).toEqual([200, 403, 403]);
    const unknown = await ask('PUT', `/api/bulk/syncs/${sync}`, { body: fixture.syncBody({ policies: [UNKNOWN_ID] }) });
    expect(unknown.status).toBe(422);
  });

  it('of the organization: everybody reads its users, roles and policies, Admins change them', async () => {
    for (const url of [
      '/api/organization',
      '/api/organization/users',
      '/api/permissions/roles',
      '/api/permissions/policies',
    ])
      expect([url, (await ask('GET', url, { key: keys.viewer })).status]).toEqual([url, 200]);
    for (const role of ['member', 'viewer', 'custom'] as const) {
      const answer = await ask('DELETE', `/api/permissions/roles/${customRole}`, { key: keys[role] });
      expect([role, answer.status]).toEqual([role, 403]);
    }
  });
});
