import { beforeAll, describe, expect, it } from 'vitest';
import { useBulkFixture } from '../../../../tests/setup/bulk-fixture.ts';
import { queryDatabase } from '../../../../tests/setup/databases.ts';
import { storeModel } from '../../../../tests/setup/models.ts';
import { createInstallationKey } from '../../../operations/index.ts';

const fixture = useBulkFixture();
const keys = { sync_editor: '', viewer: '', stranger: '' };
let modelId: string;
let syncId: string;

beforeAll(async () => {
  const role = (await ask('POST', '/api/permissions/roles', { name: 'Stranger' })).body.data.id;
  for (const name of ['sync_editor', 'viewer', 'stranger'] as const) {
    const email = `${name}@example.org`;
    await ask('POST', '/api/organization/users', {
      email,
      ...(name === 'stranger' ? { role_ids: [role] } : { role: name }),
    });
    const request = { kind: 'user', organizationId: null, email } as const;
    keys[name] = `Bearer ${(await createInstallationKey(fixture.api.services, request)).key}`;
  }
  await queryDatabase(fixture.destination.url, 'CREATE TABLE people (id bigint PRIMARY KEY, email text)');
  const model = {
    connectionId: fixture.sourceId,
    name: 'Customers',
    fields: { id: 'number', email: 'string' },
  } as const;
  modelId = (await storeModel(fixture.api, model)).id;
  syncId = (await ask('POST', '/api/syncs', bodyOf())).body.data.id;
});

async function ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, body?: unknown, key?: string) {
  const authorization = key === undefined ? {} : { authorization: key };
  const answer = await fixture.api.send({ method, url, body, ...authorization });
  return { status: answer.statusCode, body: answer.body === '' ? null : answer.json() };
}

function bodyOf(changes: Readonly<Record<string, unknown>> = {}) {
  const of = (field: string) => ({ model_id: modelId, field });
  return {
    name: 'People',
    mode: 'updateOrCreate',
    target: { connection_id: fixture.destinationId, object: 'public.people' },
    identity: { source: of('id'), target: 'id', function: 'Equality' },
    fields: [{ source: of('email'), target: 'email' }],
    schedule: { frequency: 'manual' },
    ...changes,
  };
}

describe('who may do what with model syncs', () => {
  it('a Viewer reads them, and changes nothing', async () => {
    const url = `/api/syncs/${syncId}`;
    const as = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown) =>
      ask(method, path, body, keys.viewer);
    for (const path of ['/api/syncs', url, `${url}/status`, `${url}/executions`])
      expect([path, (await as('GET', path)).status]).toEqual([path, 200]);
    for (const [method, path, body] of [
      ['POST', '/api/syncs', bodyOf()],
      ['PUT', url, bodyOf()],
      ['DELETE', url, undefined],
      ['POST', `${url}/activate`, { active: true }],
      ['POST', `${url}/executions`, {}],
      ['POST', `${url}/cancel`, undefined],
    ] as const) {
      const { status, body: answer } = await as(method, path, body);
      expect([method, path, status, answer.key]).toEqual([method, path, 403, 'FORBIDDEN']);
    }
    expect((await ask('GET', url)).body.data).toMatchObject({ name: 'People', active: false });
  });

  it('a Sync Editor makes and changes them', async () => {
    const made = await ask('POST', '/api/syncs', bodyOf({ name: 'Of the editor' }), keys.sync_editor);
    expect([made.status, made.status === 200 ? '' : made.body]).toEqual([200, '']);
    const url = `/api/syncs/${made.body.data.id}`;
    expect((await ask('PUT', url, bodyOf({ name: 'Changed' }), keys.sync_editor)).status).toBe(200);
    expect((await ask('POST', `${url}/executions`, {}, keys.sync_editor)).status).toBe(422);
    expect((await ask('DELETE', url, undefined, keys.sync_editor)).status).toBe(200);
  });

  it('a role without a policy sees none, until one hangs on a sync', async () => {
    expect((await ask('GET', '/api/syncs', undefined, keys.stranger)).body.data).toEqual([]);
    expect((await ask('GET', `/api/syncs/${syncId}`, undefined, keys.stranger)).status).toBe(403);
    const { data: roles } = (await ask('GET', '/api/permissions/roles')).body;
    const role_ids = [roles.find((role: { name: string }) => role.name === 'Stranger').id];
    const policy = { name: 'May read', policy_actions: [{ action: 'read', role_ids }] };
    const policyId: string = (await ask('POST', '/api/permissions/policies', policy)).body.data.id;
    await ask('PUT', `/api/syncs/${syncId}`, bodyOf({ policies: [policyId] }));
    const seen = await ask('GET', '/api/syncs', undefined, keys.stranger);
    expect(seen.body.data.map((sync: { id: string }) => sync.id)).toEqual([syncId]);
    expect((await ask('PUT', `/api/syncs/${syncId}`, bodyOf(), keys.stranger)).status).toBe(403);
    // A policy that is gone hangs nowhere any more.
    expect((await ask('DELETE', `/api/permissions/policies/${policyId}`)).status).toBe(200);
    expect((await ask('GET', `/api/syncs/${syncId}`)).body.data.policies).not.toContain(policyId);
  });
});
